from __future__ import annotations

import re
import string

import pytest
from openai.types.realtime import RealtimeErrorEvent

from rtengine.errors import RtengineError
from rtengine.protocol.errors import CODES, APIError, api_error, listed, unsupported_value
from rtengine.protocol.validation import dotted

pytestmark = pytest.mark.unit

VALUES = {
    "param": "session.voice",
    "got": "a string",
    "expected": "an integer",
    "value": 1,
    "supported": "'a'",
    "pattern": "^a$",
    "encoding": "mono PCM16 at 24kHz",
    "limit": 5,
    "length": 6,
    "limit_mib": 15,
    "got_mib": 16.0,
    "given": "transcription",
    "actual": "realtime",
    "key": "sk-…1234",
    "example": "ws://localhost:8765/v1/realtime?model=default",
    "model": "m",
    "count": 2000,
}


def made(name: str) -> APIError:
    fields = {field for _, field, _, _ in string.Formatter().parse(CODES[name].message) if field}
    given = {field: VALUES[field] for field in fields - {"param"}}
    return api_error(name, param=VALUES["param"] if "param" in fields else None, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", sorted(CODES))
def test_every_error_of_the_table_can_be_made_and_sent(name: str) -> None:
    error = made(name)
    assert not re.search(r"[{}]", error.message)
    assert error.code == CODES[name].code
    event = RealtimeErrorEvent.model_validate(
        {"type": "error", "event_id": "event_1", "error": error.body().wire()}, strict=True
    )
    assert event.error.message == error.message


KNOWN = {
    "binary_frame": "Expected a text WebSocket message; binary frames are not supported.",
    "invalid_parameter": "Passing a transcription session update event to a realtime session is not allowed.",
    "missing_required_parameter": "Missing required parameter: 'session.voice'.",
    "unknown_parameter": "Unknown parameter: 'session.voice'.",
}


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_known_errors_have_the_words_of_the_api(name: str) -> None:
    assert made(name).message == KNOWN[name]


@pytest.mark.parametrize(
    ("name", "code", "reason"),
    [
        ("invalid_api_key", 3000, "invalid_request_error.invalid_api_key"),
        ("missing_api_key", 3000, "invalid_request_error.invalid_api_key"),
        ("too_many_sessions", 1013, "rate_limit_error.rate_limit_exceeded"),
        ("missing_model", 4000, "invalid_request_error.missing_model"),
        ("invalid_model", 4000, "invalid_request_error.invalid_model"),
    ],
)
def test_fatal_errors_say_how_the_connection_closes(name: str, code: int, reason: str) -> None:
    error = made(name)
    assert (error.close_code, error.close_reason) == (code, reason)
    assert len(reason.encode()) <= 123  # RFC 6455, 5.5: a control frame has at most 125 bytes, two are the code


def test_all_other_errors_leave_the_connection_open() -> None:
    fatal = {name for name, entry in CODES.items() if entry.close_code}
    assert fatal == {"invalid_api_key", "missing_api_key", "too_many_sessions", "missing_model", "invalid_model"}


def test_an_error_without_a_code_closes_with_its_type() -> None:
    assert api_error("server_error").close_reason == "server_error"


def test_an_api_error_is_one_of_rtengine() -> None:
    error = APIError("No.", code="x", param="y", event_id="e")
    assert isinstance(error, RtengineError)
    assert str(error) == "No."
    assert error.body().wire() == {
        "type": "invalid_request_error",
        "code": "x",
        "message": "No.",
        "param": "y",
        "event_id": "e",
    }


def test_an_error_that_is_not_in_the_table_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(KeyError):
        api_error("no_such_error")


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (["a"], "'a'"),
        (["a", "b"], "'a' and 'b'"),
        (["a", "b", "c"], "'a', 'b', and 'c'"),
        ([8000, "x"], "8000 and 'x'"),
    ],
)
def test_values_are_listed_as_the_api_lists_them(values: list[object], text: str) -> None:
    assert listed(values) == text


def test_an_unsupported_value_names_its_place() -> None:
    error = unsupported_value("x", ["a", "b"], "session.type")
    assert error.message == "Invalid value: 'x'. Supported values are: 'a' and 'b'."
    assert (error.code, error.param) == ("invalid_value", "session.type")


def test_a_place_is_dotted_with_brackets_for_positions() -> None:
    assert dotted(("item", "content", 0, "text")) == "item.content[0].text"
    assert dotted(()) == ""
