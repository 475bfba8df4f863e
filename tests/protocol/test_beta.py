"""The beta dialect against the types of the official `openai` package, in both directions."""

from __future__ import annotations

import copy
import json
from typing import Annotated, Any, get_args

import pytest
from openai.types.beta.realtime import RealtimeClientEvent, RealtimeServerEvent
from pydantic import Field, TypeAdapter
from tests.protocol.payloads import SERVER
from tests.strict import check_beta

from rtengine.protocol.beta.dialect import Beta
from rtengine.protocol.beta.fields import CLIENT_TYPES
from rtengine.protocol.client import (
    ConversationItemCreate,
    InputAudioBufferAppend,
    ResponseCreate,
    SessionUpdate,
    parse_client_event,
)
from rtengine.protocol.errors import APIError
from rtengine.protocol.ids import Ids
from rtengine.protocol.sampling import SampledResponseCreateParams, sampled_session
from rtengine.protocol.session import RealtimeSession, TranscriptionSession, apply_update

pytestmark = pytest.mark.unit

THEIR_CLIENT: TypeAdapter[Any] = TypeAdapter(Annotated[RealtimeClientEvent, Field(discriminator="type")])

TOOL = {"type": "function", "name": "get_weather", "description": "The weather", "parameters": {"type": "object"}}
SESSION = {
    "modalities": ["text", "audio"],
    "instructions": "Be brief.",
    "voice": "echo",
    "speed": 1.2,
    "input_audio_format": "g711_ulaw",
    "output_audio_format": "g711_alaw",
    "input_audio_transcription": {"model": "whisper-1", "language": "en", "prompt": "names"},
    "input_audio_noise_reduction": {"type": "near_field"},
    "turn_detection": {
        "type": "server_vad",
        "threshold": 0.4,
        "prefix_padding_ms": 100,
        "silence_duration_ms": 300,
        "create_response": True,
        "interrupt_response": False,
    },
    "tools": [TOOL],
    "tool_choice": "required",
    "temperature": 0.7,
    "max_response_output_tokens": 100,
    "tracing": {"workflow_name": "w", "group_id": "g", "metadata": {"a": "b"}},
}
RESPONSE = {
    "conversation": "none",
    "input": [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Hi"}]},
        {"type": "item_reference", "id": "item_1"},
    ],
    "instructions": "Be brief.",
    "max_response_output_tokens": "inf",
    "metadata": {"topic": "x"},
    "modalities": ["text"],
    "output_audio_format": "pcm16",
    "temperature": 1.0,
    "tool_choice": "none",
    "tools": [TOOL],
    "voice": "sage",
}
MESSAGE = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Hi"}]}
CLIENT: list[dict[str, Any]] = [
    {"type": "conversation.item.create", "item": MESSAGE, "previous_item_id": "root"},
    {
        "type": "conversation.item.create",
        "item": {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": "AAAA"}]},
    },
    {"type": "conversation.item.create", "item": {"type": "function_call_output", "call_id": "call_1", "output": "x"}},
    {"type": "conversation.item.delete", "item_id": "item_1"},
    {"type": "conversation.item.retrieve", "item_id": "item_1"},
    {"type": "conversation.item.truncate", "item_id": "item_1", "content_index": 0, "audio_end_ms": 10},
    {"type": "input_audio_buffer.append", "audio": "AAAA"},
    {"type": "input_audio_buffer.clear"},
    {"type": "input_audio_buffer.commit"},
    {"type": "response.cancel", "response_id": "resp_1"},
    {"type": "response.create"},
    {"type": "response.create", "response": RESPONSE},
    {"type": "session.update", "session": SESSION},
    {
        "type": "transcription_session.update",
        "session": {
            "include": ["item.input_audio_transcription.logprobs"],
            "input_audio_format": "pcm16",
            "input_audio_noise_reduction": {"type": "far_field"},
            "input_audio_transcription": {"model": "whisper-1"},
            "modalities": ["text"],
            "turn_detection": {"type": "server_vad", "create_response": False},
        },
    },
]


def beta() -> Beta:
    return Beta("conv_1", Ids(seed=1))


def parse(event: dict[str, Any]) -> Any:
    return beta().parse(json.dumps(event))


def refused(event: Any) -> tuple[str | None, str, str | None]:
    with pytest.raises(APIError) as caught:
        beta().parse(event if isinstance(event, str) else json.dumps(event))
    return caught.value.code, caught.value.message, caught.value.param


# --- what clients send


def test_there_is_an_example_of_every_client_event_but_the_one_of_webrtc() -> None:
    union = get_args(get_args(RealtimeClientEvent)[0])
    theirs = {get_args(model.model_fields["type"].annotation)[0] for model in union}
    assert {event["type"] for event in CLIENT} == theirs - {"output_audio_buffer.clear"} == set(CLIENT_TYPES)
    code, message, param = refused({"type": "output_audio_buffer.clear"})
    assert (code, param) == ("invalid_value", "type")
    assert "'transcription_session.update'" in message


@pytest.mark.parametrize("event", CLIENT, ids=[event["type"] for event in CLIENT])
def test_a_client_event_of_the_sdk_is_understood_with_all_its_nulls(event: dict[str, Any]) -> None:
    typed = THEIR_CLIENT.validate_python(event | {"event_id": "e1"})
    spare = beta().parse(typed.model_dump_json(exclude_unset=True))
    full = beta().parse(typed.model_dump_json())
    assert spare.event_id == full.event_id == "e1"
    if not isinstance(spare, SessionUpdate):  # its patch keeps nulls: there they mean something
        assert spare == full


def test_a_session_comes_back_as_it_was_asked_for() -> None:
    update = parse({"type": "session.update", "session": SESSION})
    assert isinstance(update, SessionUpdate)
    start = sampled_session(RealtimeSession(id="sess_1", model="gpt-realtime"), None)
    session = apply_update(start, update.session)
    event = {"type": "session.updated", "event_id": "e", "session": session.wire()}
    [told] = beta().told(event)
    check_beta(told)
    assert {key: told["session"][key] for key in SESSION} == SESSION | {"modalities": ["audio", "text"]}
    echoed = parse({"type": "session.update", "session": told["session"]})
    assert apply_update(session, echoed.session) == session


def test_every_key_that_null_clears_in_the_ga_is_cleared() -> None:
    update = parse({"type": "session.update", "session": dict.fromkeys(SESSION)})
    start = sampled_session(RealtimeSession(id="sess_1", model="m"), 1.0)
    cleared = apply_update(start, update.session)
    assert cleared.audio.input.turn_detection is None
    assert cleared.audio.output == start.audio.output
    assert cleared.temperature == 1.0  # type: ignore[union-attr]


def test_a_response_has_the_temperature_it_was_asked_for() -> None:
    event = parse({"type": "response.create", "response": RESPONSE})
    assert isinstance(event, ResponseCreate)
    params = event.response
    assert isinstance(params, SampledResponseCreateParams)
    assert (params.temperature, params.max_output_tokens, params.output_modalities) == (1.0, "inf", ["text"])
    assert [item.type for item in params.input or ()] == ["message", "message", "item_reference"]
    assert type(parse({"type": "response.create", "response": {}}).response) is not SampledResponseCreateParams


def test_both_names_of_the_token_limit_are_understood_but_not_together() -> None:
    for key in ("max_output_tokens", "max_response_output_tokens"):
        assert parse({"type": "response.create", "response": {key: 7}}).response.max_output_tokens == 7
        null = dict.fromkeys(("max_output_tokens", "max_response_output_tokens")) | {key: 7}
        assert parse({"type": "response.create", "response": null}).response.max_output_tokens == 7
    both = {"max_output_tokens": 7, "max_response_output_tokens": 8}
    assert refused({"type": "response.create", "response": both})[0] == "unknown_parameter"


def test_an_assistants_text_becomes_output_text() -> None:
    event = parse({"type": "conversation.item.create", "item": MESSAGE})
    assert isinstance(event, ConversationItemCreate)
    assert event.item.content[0].type == "output_text"  # type: ignore[union-attr]


@pytest.mark.parametrize("event", [{"audio": "AAAA"}, {"event_id": "x" * 300, "audio": "AAAA"}])
def test_audio_is_read_wherever_its_type_stands(event: dict[str, Any]) -> None:
    read = parse(event | {"type": "input_audio_buffer.append"})
    assert isinstance(read, InputAudioBufferAppend)
    assert read.audio == "AAAA"


def test_an_event_that_only_speaks_of_audio_is_translated_all_the_same() -> None:
    event = {"event_id": "input_audio_buffer.append", "type": "session.update", "session": {"voice": "echo"}}
    assert parse(event).session == {"type": "realtime", "audio": {"output": {"voice": "echo"}}}


@pytest.mark.parametrize(
    "frame",
    ["", "nope", "[]", "1", "{}", '{"type": 1}', '{"type": null}', '{"type":"response.cancel","event_id":1}',
     '{"type":"session.update"}', '{"type":"session.update","session":[]}', '{"type":"session.update","session":NaN}',
     '{"type":"response.create","response":1}', '{"type":"conversation.item.create"}',
     '{"type":"conversation.item.create","item":1}', '{"type":"conversation.item.create","item":{"type":"message"}}',
     '{"type":"input_audio_buffer.append"}', '{"type":"input_audio_buffer.append","audio":1}', "[" * 500],
)  # fmt: skip
def test_what_is_wrong_in_both_dialects_is_said_in_the_same_words(frame: str) -> None:
    with pytest.raises(APIError) as expected:
        parse_client_event(frame)
    error = expected.value
    assert refused(frame) == (error.code, error.message, error.param)


GA_ONLY = ["type", "audio", "output_modalities", "max_output_tokens", "truncation", "reasoning", "parallel_tool_calls"]


@pytest.mark.parametrize("key", GA_ONLY)
def test_keys_that_only_the_ga_has_are_unknown(key: str) -> None:
    code, message, param = refused({"type": "session.update", "session": {key: "x"}})
    assert (code, message, param) == ("unknown_parameter", f"Unknown parameter: 'session.{key}'.", f"session.{key}")


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({"turn_detection": {"type": "server_vad", "idle_timeout_ms": 6000}}, "unknown_parameter",
         "session.turn_detection.idle_timeout_ms"),
        ({"input_audio_transcription": {"keywords": []}}, "unknown_parameter",
         "session.input_audio_transcription.keywords"),
        ({"tools": [TOOL, {"type": "mcp", "server_label": "x"}]}, "invalid_value", "session.tools[1].type"),
        ({"tool_choice": {"type": "mcp", "server_label": "x"}}, "invalid_value", "session.tool_choice.type"),
        ({"client_secret": {"value": "ek"}}, "invalid_value", "session.client_secret"),
        ({"temperature": 0.5}, "decimal_below_min_value", "session.temperature"),
        ({"temperature": "hot"}, "invalid_type", "session.temperature"),
        ({"temperature": True}, "invalid_type", "session.temperature"),
        ({"output_audio_format": {"type": "audio/pcm"}}, "invalid_type", "session.output_audio_format"),
        ({"modalities": ["text", "text"]}, "invalid_value", "session.modalities"),
        ({"modalities": []}, "invalid_value", "session.modalities"),
    ],
)  # fmt: skip
def test_a_session_is_refused_with_the_names_of_the_beta(session: dict[str, Any], code: str, param: str) -> None:
    found, message, place = refused({"type": "session.update", "session": session})
    assert (found, place) == (code, param)
    assert f"'{param}'" in message or code == "invalid_value"


@pytest.mark.parametrize(
    ("item", "code", "param"),
    [
        ({"type": "mcp_approval_response"}, "invalid_value", "item.type"),
        ({"type": "message", "role": "user", "content": [{"type": "input_image"}]}, "invalid_value",
         "item.content[0].type"),
        ({"type": "message", "role": "system", "content": [{"type": "input_audio"}]}, "invalid_value",
         "item.content[0].type"),
        ({"type": "message", "role": "user", "content": [{"type": "input_text"}]}, "missing_required_parameter",
         "item.content[0].text"),
        ({"type": "message", "role": "nobody", "content": []}, "invalid_value", "item.role"),
    ],
)  # fmt: skip
def test_an_item_that_the_beta_does_not_have_is_refused(item: dict[str, Any], code: str, param: str) -> None:
    found, _, place = refused({"type": "conversation.item.create", "item": item})
    assert (found, place) == (code, param)


def test_a_refusal_is_told_as_it_was_made_and_other_errors_are_translated() -> None:
    dialect = beta()
    with pytest.raises(APIError) as caught:
        dialect.parse('{"type":"session.update","event_id":"e1","session":{"max_output_tokens":1}}')
    assert caught.value.event_id == "e1"
    own = {"type": "error", "event_id": "event_1", "error": caught.value.body().wire()}
    assert dialect.told(own) == (own,)
    [again] = dialect.told(own)
    assert again["error"]["param"] == "session.max_response_output_tokens"
    assert again["error"]["message"] == "Unknown parameter: 'session.max_response_output_tokens'."


# --- what the server says


def told(payload: dict[str, Any]) -> list[dict[str, Any]]:
    before = copy.deepcopy(payload)
    events = list(beta().told(payload))
    assert payload == before
    return events


def typed_narrowly(payload: dict[str, Any]) -> None:
    """Replace values for which the package's types of the beta have no room, though servers and clients had."""
    session = payload.get("session", {})
    if "tool_choice" in session:
        session["tool_choice"] = "auto"
    if session.get("type") == "transcription" and session["audio"]["input"]["transcription"]:
        session["audio"]["input"]["transcription"]["model"] = "whisper-1"
    if payload["type"] == "conversation.item.created":  # a client of the beta sends no images
        del payload["item"]["content"][2]


UNTOLD = {
    "conversation.item.done",
    "conversation.item.input_audio_transcription.segment",
    "input_audio_buffer.dtmf_event_received",
    "input_audio_buffer.timeout_triggered",
    "mcp_list_tools.completed",
    "mcp_list_tools.failed",
    "mcp_list_tools.in_progress",
    "response.mcp_call.completed",
    "response.mcp_call.failed",
    "response.mcp_call.in_progress",
    "response.mcp_call_arguments.delta",
    "response.mcp_call_arguments.done",
}


@pytest.mark.parametrize("name", sorted(SERVER))
def test_every_server_event_passes_the_strict_types_of_the_beta(name: str) -> None:
    payload = copy.deepcopy(SERVER[name])
    typed_narrowly(payload)
    events = told(payload)
    for event in events:
        check_beta(event)
    silent = payload["type"] in UNTOLD or payload.get("item", {}).get("type", "").startswith("mcp_")
    assert (not events) == silent


def test_all_events_of_the_beta_can_be_told() -> None:
    union = get_args(get_args(RealtimeServerEvent)[0])
    theirs = {get_args(model.model_fields["type"].annotation)[0] for model in union}
    ours = {event["type"] for payload in SERVER.values() for event in told(payload)}
    assert len(theirs) == 34
    assert ours == theirs | {"transcription_session.created"}


def test_a_conversation_is_created_right_after_its_session_and_not_where_nothing_converses() -> None:
    events = told(SERVER["session.created.realtime"])
    assert [event["type"] for event in events] == ["session.created", "conversation.created"]
    assert events[1]["conversation"] == {"id": "conv_1", "object": "realtime.conversation"}
    assert events[1]["event_id"] != events[0]["event_id"]
    session = TranscriptionSession(id="sess_1").wire()
    silent = told({"type": "session.created", "event_id": "e", "session": session})
    assert [event["type"] for event in silent] == ["transcription_session.created"]
