from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from rtengine.observe.log import OneLine, SessionLog, set_up
from rtengine.observe.timeline import TurnTiming

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def untouched_root() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("rtengine").setLevel(logging.NOTSET)


def lines(stream: io.StringIO) -> list[str]:
    return stream.getvalue().splitlines()


TURN = TurnTiming("resp_1", "completed", "speech_stopped", 98.04, 17.0, 90.0, 24.0, 236.0, None, 900.0)


def test_a_pretty_line_has_time_level_session_message_and_fields() -> None:
    stream = io.StringIO()
    set_up(stream=stream)
    SessionLog("sess_1").warning("client does not read: dropped", unsent_bytes=17)
    (line,) = lines(stream)
    assert line[12:] == " WARNING sess_1 client does not read: dropped unsent_bytes=17"
    assert line[2] == line[5] == ":"


def test_a_json_line_is_one_object_with_the_fields_beside_the_message() -> None:
    stream = io.StringIO()
    set_up(format="json", stream=stream)
    SessionLog("sess_1").info("session closed", code=1000)
    entry = json.loads(stream.getvalue())
    assert entry.pop("time").endswith("+00:00")
    assert entry == {
        "level": "info",
        "logger": "rtengine.session",
        "message": "session closed",
        "session_id": "sess_1",
        "code": 1000,
    }


def test_a_turn_is_a_sentence_for_people_and_fields_for_machines() -> None:
    stream = io.StringIO()
    set_up(stream=stream)
    SessionLog("sess_1").turn(TURN)
    set_up(format="json", stream=stream)
    SessionLog("sess_1").turn(TURN)
    pretty, structured = lines(stream)
    assert pretty.endswith(f"INFO    sess_1 {TURN.line()}")
    entry = json.loads(structured)
    assert (entry["message"], entry["transcript_ms"], entry["first_audio_ms"]) == ("turn", 98.0, 236.0)


def test_lines_below_the_level_are_not_written() -> None:
    stream = io.StringIO()
    set_up("warning", stream=stream)
    log = SessionLog("sess_1")
    log.debug("no")
    log.info("no")
    log.turn(TURN)
    log.error("yes")
    assert [line.split()[-1] for line in lines(stream)] == ["yes"]


@pytest.mark.parametrize("format", ["pretty", "json"])
def test_input_cannot_begin_a_line_of_its_own_nor_colour_the_terminal(format: str) -> None:
    stream = io.StringIO()
    set_up(format=format, stream=stream)  # type: ignore[arg-type]
    SessionLog("sess_1").info("session refused", code="x\n12:00:00 ERROR forged\x1b[31m\u2028")
    assert len(lines(stream)) == 1
    assert "\x1b" not in stream.getvalue()


def test_a_fault_carries_its_traceback() -> None:
    stream = io.StringIO()
    error = ValueError("broken")
    set_up(stream=stream)
    SessionLog("sess_1").error("session failed", exc_info=error)
    assert lines(stream)[0].endswith("ERROR   sess_1 session failed: ValueError: broken")
    assert lines(stream)[-1] == "ValueError: broken"
    stream.truncate(0)
    stream.seek(0)
    set_up(format="json", stream=stream)
    SessionLog("sess_1").error("session failed", exc_info=error)
    (line,) = lines(stream)
    assert json.loads(line)["exception"] == json.loads(line)["reason"] == "ValueError: broken"


def test_setting_up_again_replaces_the_earlier_set_up() -> None:
    first, second = io.StringIO(), io.StringIO()
    set_up(stream=first)
    set_up(stream=second)
    logging.getLogger("anything").info("hello")
    assert (first.getvalue(), len(lines(second))) == ("", 1)


@pytest.mark.parametrize(("no_color", "tty", "coloured"), [("", True, True), ("1", True, False), ("", False, False)])
def test_colour_is_for_terminals_that_want_it(
    monkeypatch: pytest.MonkeyPatch, no_color: str, tty: bool, coloured: bool
) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: tty)
    monkeypatch.setenv("NO_COLOR", no_color)
    set_up(stream=stream)
    SessionLog("sess_1").error("x")
    assert ("\033[31m" in stream.getvalue()) is coloured


def test_a_librarys_traceback_becomes_one_line_of_information() -> None:
    stream = io.StringIO()
    set_up(stream=stream)
    library = logging.getLogger("a.library")
    library.addFilter(OneLine())
    try:
        raise ConnectionResetError("peer")
    except ConnectionResetError:
        library.exception("opening handshake failed")
    (line,) = lines(stream)
    assert line[12:].split(maxsplit=1) == ["INFO", "opening handshake failed: ConnectionResetError"]


def test_debug_is_for_the_servers_own_lines_and_what_libraries_count_is_for_nobody() -> None:
    stream = io.StringIO()
    set_up("debug", stream=stream)
    for name in ("rtengine.dora", "asyncio", "httpx"):
        logging.getLogger(name).debug("detail")
        logging.getLogger(name).info("HTTP Request: POST http://127.0.0.1/v1/chat/completions")
    own, inner, library = lines(stream)
    assert (own.split()[1:], inner.split()[1], library.split()[1]) == (["DEBUG", "detail"], "INFO", "INFO")
    set_up(stream=stream)
    logging.getLogger("rtengine.dora").debug("detail")
    assert len(lines(stream)) == 3
    set_up("error", stream=stream)
    logging.getLogger("httpx").warning("slow")
    assert len(lines(stream)) == 3
