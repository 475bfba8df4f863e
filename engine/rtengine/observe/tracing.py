"""Traces of sessions whose client, client secret or profile asks for one (`session.tracing`).

A trace and its spans are objects of the shape that the Agents SDK gives its own: ``trace`` and ``trace.span``. They go
into a file of JSON lines for each session, or, where no folder is set, into the log at level debug.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rtengine.observe.log import SessionLog
from rtengine.observe.spans import Span
from rtengine.observe.writer import Writer
from rtengine.protocol.codec import encode
from rtengine.protocol.ids import Ids

WORKFLOW = "realtime"
"""Name of a workflow that the client gives none (``"auto"``)."""
LONGEST = 500
"""Characters of what a client says of its workflow, in the log."""

Tell = Callable[[dict[str, Any] | None], None]
"""Takes a trace or a span, and None at the end."""


class Traces:
    """Where the traces of a server go."""

    def __init__(self, folder: Path | None = None) -> None:
        """Raises RtengineError when the folder cannot be had."""
        self._writer = Writer(folder, "write traces") if folder else None

    def begin(self, tracing: str | Mapping[str, Any], log: SessionLog, epoch: float, now: float) -> Trace:
        """The trace of a session. ``epoch`` is the wall time, in seconds since 1970, at 0 of the session's clock."""
        if self._writer is None:
            return Trace(_logged(log), tracing, log.session_id, epoch, now)
        at = datetime.fromtimestamp(epoch + now, UTC)
        file = self._writer.file(f"{at:%Y%m%dT%H%M%S}-{log.session_id}.trace.jsonl", "trace")
        log.info("tracing", file=str(file.path))

        def tell(entry: dict[str, Any] | None) -> None:
            if entry is None:
                file.close()
            else:
                file.put(encode(entry) + "\n")

        return Trace(tell, tracing, log.session_id, epoch, now)

    def close(self) -> None:
        """Write what waits, and stop."""
        if self._writer is not None:
            self._writer.close()


class Trace:
    """One session, told as its spans end."""

    def __init__(self, tell: Tell, tracing: str | Mapping[str, Any], session_id: str, epoch: float, now: float) -> None:
        given = tracing if isinstance(tracing, Mapping) else {}
        self._tell = tell
        self._epoch = epoch
        self.id = Ids().new("trace")
        tell(
            {
                "object": "trace",
                "id": self.id,
                "session_id": session_id,
                "workflow_name": given.get("workflow_name") or WORKFLOW,
                "group_id": given.get("group_id"),
                "metadata": given.get("metadata"),
                "started_at": self._time(now),
            }
        )
        self._session_id = session_id

    def span(self, span: Span) -> None:
        self._tell(
            {
                "object": "trace.span",
                "id": span.id,
                "trace_id": self.id,
                "parent_id": span.parent,
                "session_id": self._session_id,
                "started_at": self._time(span.start),
                "ended_at": self._time(span.end),
                "duration_ms": round(span.seconds * 1e3, 1),
                "span_data": {"type": span.kind, **span.fields},
            }
        )

    def end(self) -> None:
        self._tell(None)

    def _time(self, moment: float) -> str:
        return datetime.fromtimestamp(self._epoch + moment, UTC).isoformat(timespec="milliseconds")


def _logged(log: SessionLog) -> Tell:
    def tell(entry: dict[str, Any] | None) -> None:
        if entry is None:
            return
        if entry["object"] == "trace":
            given = {key: _cut(entry[key]) for key in ("workflow_name", "group_id", "metadata") if entry[key]}
            log.debug("trace", trace_id=entry["id"], **given)
        else:
            data = {key: value for key, value in entry["span_data"].items() if value is not None and key != "type"}
            if "usage" in data:
                usage = data.pop("usage")
                data |= {key: usage[key] for key in ("input_tokens", "output_tokens")}
            data |= data.pop("timing", {})
            ids = {"span_id": entry["id"], "trace_id": entry["trace_id"], "parent_id": entry["parent_id"]}
            told = {key: entry[key] for key in ("started_at", "duration_ms")}
            log.debug("span", type=entry["span_data"]["type"], **told, **data, **ids)

    return tell


def _cut(value: Any) -> str:
    text = value if isinstance(value, str) else encode(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
