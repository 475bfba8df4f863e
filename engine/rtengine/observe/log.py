"""Logging: one line per event on stderr, for people (``pretty``) or for machines (``json``).

Messages are fixed sentences; what varies goes into fields, so that lines can be counted and no speech, text, key or
tool argument gets into a log by way of a message. Fields carry ids, sizes, codes and times only.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import traceback
from datetime import UTC, datetime
from typing import IO, Any, Literal

from rtengine.errors import reason
from rtengine.observe.timeline import TurnTiming

Format = Literal["pretty", "json"]
Level = Literal["debug", "info", "warning", "error"]

_REQUEST_LOGS = ("httpx", "httpx2")

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_COLOURS = {"DEBUG": "2", "WARNING": "33", "ERROR": "31", "CRITICAL": "31;1"}


class SessionLog:
    """A logger whose every line carries the session's id."""

    __slots__ = ("_logger", "session_id")

    def __init__(self, session_id: str, logger: logging.Logger | None = None) -> None:
        self.session_id = session_id
        self._logger = logger or logging.getLogger("rtengine.session")

    def debug(self, message: str, **fields: object) -> None:
        self._line(logging.DEBUG, message, fields)

    def info(self, message: str, **fields: object) -> None:
        self._line(logging.INFO, message, fields)

    def warning(self, message: str, **fields: object) -> None:
        self._line(logging.WARNING, message, fields)

    def error(self, message: str, exc_info: BaseException | None = None, **fields: object) -> None:
        """Log at error level, with the traceback of ``exc_info`` where one is given."""
        self._line(logging.ERROR, message, fields, exc_info)

    def turn(self, timing: TurnTiming) -> None:
        """One line for a finished turn."""
        if self._logger.isEnabledFor(logging.INFO):
            extra = {"session_id": self.session_id, "fields": timing.fields(), "sentence": timing.line()}
            self._logger.info("turn", extra=extra)

    def _line(self, level: int, message: str, fields: dict[str, object], exc_info: BaseException | None = None) -> None:
        if self._logger.isEnabledFor(level):
            extra = {"session_id": self.session_id, "fields": fields}
            self._logger.log(level, message, extra=extra, exc_info=exc_info)


class PrettyFormatter(logging.Formatter):
    """``12:34:56.789 WARNING sess_abc client does not read: dropped unsent_bytes=17``.

    An exception stands at the end of the line, and its traceback below.
    """

    def __init__(self, colour: bool = False) -> None:
        super().__init__()
        self._colour = colour

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).astimezone().strftime("%H:%M:%S.%f")[:-3]
        level = f"{record.levelname:<7}"
        if self._colour and record.levelname in _COLOURS:
            level = f"\033[{_COLOURS[record.levelname]}m{level}\033[0m"
        line = " ".join(part for part in (time, level, getattr(record, "session_id", ""), _sentence(record)) if part)
        return f"{line}{_because(record)}\n{_traceback(record)}" if record.exc_info else line


class JsonFormatter(logging.Formatter):
    """One JSON object per line: ``time`` (RFC 3339), ``level``, ``logger``, ``message``, ``session_id``, the fields.

    Of an exception, ``reason`` is its line and ``exception`` its traceback.
    """

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = dict(getattr(record, "fields", {}))
        entry |= {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if session_id := getattr(record, "session_id", ""):
            entry["session_id"] = session_id
        if record.exc_info:
            entry["reason"] = _reason(record)
            entry["exception"] = _traceback(record)
        return json.dumps(entry, default=str)


class OneLine(logging.Filter):
    """Turns a library's traceback into one line at ``info``: a dropped connection is no fault of the server."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            record.msg, record.args = f"{record.getMessage()}: {type(error).__name__}", ()
            record.exc_info = None
            record.levelno, record.levelname = logging.INFO, "INFO"
        return True


def set_up(level: Level = "info", format: Format = "pretty", stream: IO[str] | None = None) -> None:
    """Send every log line of the process to ``stream`` (stderr). Calling it again replaces the earlier set-up.

    Level ``debug`` is for the server's own lines: those of libraries begin at ``info``, or where they count requests,
    which are the server's to tell of, at ``warning``.
    """
    stream = stream or sys.stderr
    colour = stream.isatty() and not os.environ.get("NO_COLOR")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter() if format == "json" else PrettyFormatter(colour))
    root = logging.getLogger()
    for earlier in [one for one in root.handlers if getattr(one, "rtengine", False)]:
        root.removeHandler(earlier)
    handler.rtengine = True  # type: ignore[attr-defined]
    root.addHandler(handler)
    root.setLevel("INFO" if level == "debug" else level.upper())
    logging.getLogger("rtengine").setLevel("DEBUG" if level == "debug" else "NOTSET")
    for name in _REQUEST_LOGS:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def _sentence(record: logging.LogRecord) -> str:
    text = getattr(record, "sentence", None)
    if text is None:
        fields = getattr(record, "fields", {})
        text = " ".join([record.getMessage(), *(f"{name}={value}" for name, value in fields.items())])
    return _plain(text)


def _plain(text: str) -> str:
    """A control character would let a client's input start a line of its own."""
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], text)


def _reason(record: logging.LogRecord) -> str:
    error = record.exc_info[1] if record.exc_info else None
    return reason(error) if error is not None else ""


def _because(record: logging.LogRecord) -> str:
    told = _plain(_reason(record))
    return f": {told}" if told else ""


def _traceback(record: logging.LogRecord) -> str:
    assert record.exc_info
    return "".join(traceback.format_exception(*record.exc_info)).rstrip()
