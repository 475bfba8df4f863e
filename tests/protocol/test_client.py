"""Client events: what is read, and how what cannot be read is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.protocol.asking import create, refused, respond, user

from rtengine.protocol.client import (
    InputAudioBufferAppend,
    ResponseCreate,
    SessionUpdate,
    parse_client_event,
    unsupported_event,
)
from rtengine.protocol.errors import APIError

pytestmark = pytest.mark.unit


INVALID_JSON = ("invalid_json", "Invalid event: failed to parse JSON value. ", None)


@pytest.mark.parametrize(
    "frame",
    [b"", b"{", b"nope", b"\xff\xfe", b'{"type":"session.update","session":{"x":NaN}}', "\ud800", b"[" * 100_000],
    ids=str,
)
def test_what_is_not_json_is_refused(frame: bytes | str) -> None:
    assert refused(frame) == INVALID_JSON


def test_nan_inside_an_otherwise_good_event_is_refused_with_its_event_id() -> None:
    frame = '{"type":"session.update","event_id":"e","session":{"type":"realtime","tools":[{"x":-Infinity}]}}'
    with pytest.raises(APIError) as caught:
        parse_client_event(frame)
    assert (caught.value.code, caught.value.event_id) == ("invalid_json", "e")


def test_the_letters_nan_are_welcome_in_text() -> None:
    event = parse_client_event(json.dumps(user({"type": "input_text", "text": "NaN or Infinity"})))
    assert event.type == "conversation.item.create"


@pytest.mark.parametrize(("frame", "kind"), [("[]", "an array"), ("1", "an integer"), ("null", "null")])
def test_an_event_must_be_an_object(frame: str, kind: str) -> None:
    assert refused(frame) == ("invalid_event", f"Invalid event: expected a JSON object, but got {kind} instead.", None)


def test_a_missing_type_is_an_invalid_event() -> None:
    assert refused({}) == ("invalid_event", "The 'type' field is missing.", None)


def test_a_type_that_is_no_string_is_an_invalid_type() -> None:
    message = "Invalid type for 'type': expected a string, but got an integer instead."
    assert refused({"type": 5}) == ("invalid_type", message, "type")


@pytest.mark.parametrize("name", ["nope", "transcription_session.update", "session.close", "response.done"])
def test_an_unknown_event_is_told_what_is_supported(name: str) -> None:
    assert refused({"type": name}) == (
        "invalid_value",
        (
            f"Invalid value: '{name}'. Supported values are: 'session.update', 'input_audio_buffer.append', "
            "'input_audio_buffer.commit', 'input_audio_buffer.clear', 'conversation.item.create', "
            "'conversation.item.truncate', 'conversation.item.delete', 'conversation.item.retrieve', "
            "'response.create', and 'response.cancel'."
        ),
        "type",
    )


def test_the_webrtc_event_parses_and_has_a_refusal_ready() -> None:
    event = parse_client_event('{"type":"output_audio_buffer.clear"}')
    assert event.type == "output_audio_buffer.clear"
    error = unsupported_event(event.type, "e")
    assert error.message.startswith("Invalid value: 'output_audio_buffer.clear'. Supported values are: ")
    assert (error.param, error.event_id) == ("type", "e")


def test_a_long_unknown_type_is_not_repeated_whole() -> None:
    assert len(refused({"type": "x" * 100_000})[1]) < 1000


@pytest.mark.parametrize(
    "event",
    [
        {"type": "nope", "event_id": "e1"},
        {"type": "response.create", "event_id": "e1", "response": {"modalities": ["text"]}},
        {"event_id": "e1"},
        {"type": "conversation.item.retrieve", "event_id": "e1"},
    ],
)
def test_a_refusal_names_the_event_of_the_client(event: dict[str, Any]) -> None:
    with pytest.raises(APIError) as caught:
        parse_client_event(json.dumps(event))
    assert caught.value.event_id == "e1"
    assert caught.value.body().event_id == "e1"


@pytest.mark.parametrize("event_id", [None, 5, "x" * 513, ["e"]])
def test_an_event_id_that_cannot_be_read_is_null(event_id: Any) -> None:
    with pytest.raises(APIError) as caught:
        parse_client_event(json.dumps({"type": "nope", "event_id": event_id}))
    assert caught.value.event_id is None


def test_a_million_mistakes_are_counted_not_listed() -> None:
    event = {"type": "input_audio_buffer.clear"} | {f"k{n}": 1 for n in range(2000)}
    assert refused(event) == ("invalid_value", "Invalid event: 2000 parameters are invalid.", None)


def test_a_list_is_read_up_to_its_first_mistake() -> None:
    assert refused(respond(input=[{}] * 5000))[2] == "response.input[0].type"


@pytest.mark.parametrize(
    "event",
    [
        {"type": "response.create", "event_id": None, "response": None},
        {"type": "response.create", "response": {"instructions": None, "metadata": None, "tools": None}},
        {"type": "response.cancel", "response_id": None},
        {**user({"type": "input_text", "text": "a", "audio": None, "transcript": None}), "previous_item_id": None},
        create(type="function_call_output", call_id="c", output="", id=None, status=None, object=None),
    ],
)
def test_null_is_the_same_as_no_key(event: dict[str, Any]) -> None:
    def pruned(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: pruned(entry) for key, entry in value.items() if entry is not None}
        return [pruned(entry) for entry in value] if isinstance(value, list) else value

    assert parse_client_event(json.dumps(event)) == parse_client_event(json.dumps(pruned(event)))


def test_null_does_not_excuse_a_key_of_the_beta_in_a_response() -> None:
    with pytest.raises(APIError) as caught:
        parse_client_event(json.dumps({"type": "response.create", "response": {"modalities": None}}))
    assert (caught.value.code, caught.value.param) == ("unknown_parameter", "response.modalities")


def test_the_patch_of_a_session_update_is_kept_as_it_came() -> None:
    patch = {"type": "realtime", "tracing": None, "unknown": {"a": [1.5, True]}}
    event = parse_client_event(json.dumps({"type": "session.update", "session": patch}))
    assert isinstance(event, SessionUpdate)
    assert event.session == patch


def test_audio_stays_text() -> None:
    event = parse_client_event(b'{"type":"input_audio_buffer.append","audio":"not base64!"}')
    assert isinstance(event, InputAudioBufferAppend)
    assert event.audio == "not base64!"
    assert "not base64!" not in repr(event)


def test_an_empty_input_is_not_the_same_as_none() -> None:
    empty = parse_client_event(json.dumps(respond(input=[])))
    none = parse_client_event(json.dumps(respond()))
    assert isinstance(empty, ResponseCreate) and isinstance(none, ResponseCreate)
    assert empty.response is not None and empty.response.input == []
    assert none.response is not None and none.response.input is None


def test_the_nested_form_of_a_tool_choice_is_understood() -> None:
    nested = parse_client_event(json.dumps(respond(tool_choice={"type": "function", "function": {"name": "f"}})))
    flat = parse_client_event(json.dumps(respond(tool_choice={"type": "function", "name": "f"})))
    assert nested == flat
