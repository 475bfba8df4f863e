"""Nulls and absent keys, exactly as the API has them."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from rtengine.protocol.errors import ErrorBody
from rtengine.protocol.items import AssistantMessage, FunctionCall, UserMessage, retrieved
from rtengine.protocol.parts import InputAudio, InputText, OutputAudioPart, OutputText
from rtengine.protocol.response import Response, StatusDetails
from rtengine.protocol.server import (
    SERVER_EVENTS,
    ConversationItemAdded,
    ConversationItemRetrieved,
    InputAudioBufferDtmfEventReceived,
    ResponseContentPartAdded,
    ResponseDone,
)
from rtengine.protocol.session import RealtimeSession, Transcription, TranscriptionSession
from rtengine.protocol.transcription import InputAudioTranscriptionFailed, TranscriptionError
from rtengine.protocol.usage import Usage

pytestmark = pytest.mark.unit


def nulls(value: Any, path: str = "") -> set[str]:
    """The places of all nulls."""
    if isinstance(value, dict):
        return set().union(*(nulls(entry, f"{path}.{key}".strip(".")) for key, entry in value.items()))
    if isinstance(value, list):
        return set().union(*(nulls(entry, f"{path}[{at}]") for at, entry in enumerate(value)))
    return {path} if value is None else set()


def test_a_new_session_has_the_defaults_of_the_wire() -> None:
    wire = RealtimeSession(id="sess_1", model="m", expires_at=1767233035).wire()
    assert wire == {
        "type": "realtime",
        "object": "realtime.session",
        "id": "sess_1",
        "model": "m",
        "output_modalities": ["audio"],
        "instructions": "",
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "truncation": "auto",
        "prompt": None,
        "expires_at": 1767233035,
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "transcription": None,
                "noise_reduction": None,
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.5,
                    "prefix_padding_ms": 300,
                    "silence_duration_ms": 200,
                    "idle_timeout_ms": None,
                    "create_response": True,
                    "interrupt_response": True,
                },
            },
            "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "alloy", "speed": 1.0},
        },
        "include": None,
    }


def test_a_transcription_session_has_nothing_of_responses() -> None:
    assert TranscriptionSession(id="sess_1", expires_at=1).wire() == {
        "type": "transcription",
        "object": "realtime.transcription_session",
        "id": "sess_1",
        "expires_at": 1,
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "transcription": None,
                "noise_reduction": None,
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.5,
                    "prefix_padding_ms": 300,
                    "silence_duration_ms": 200,
                },
            }
        },
        "include": None,
    }


def test_transcription_settings_show_three_keys_and_the_newer_ones_only_when_given() -> None:
    assert Transcription(model="m").wire() == {"model": "m", "language": None, "prompt": None}
    assert "delay" in Transcription(model="m", delay="low").wire()


def test_the_only_null_in_items_is_the_transcript_of_input_audio() -> None:
    spoken = UserMessage(id="item_1", status="completed", content=[InputAudio()])
    assert spoken.wire() == {
        "id": "item_1",
        "object": "realtime.item",
        "type": "message",
        "status": "completed",
        "role": "user",
        "content": [{"type": "input_audio", "transcript": None}],
    }
    written = UserMessage(content=[InputText(text="Hi")])
    said = AssistantMessage(content=[OutputAudioPart(), OutputText(text="Hi")])
    assert nulls(written.wire()) == nulls(said.wire()) == nulls(FunctionCall(name="f", arguments="").wire()) == set()


def test_audio_stays_out_of_every_event_but_the_retrieved_one() -> None:
    item = UserMessage(id="item_1", content=[InputText(text="x"), InputAudio(audio="AAAA")])
    added = ConversationItemAdded(event_id="event_1", item=item).wire()
    assert "audio" not in added["item"]["content"][1]
    assert "AAAA" not in repr(item)
    answer = ConversationItemRetrieved(event_id="event_2", item=retrieved(item, {1: "AAAA"})).wire()
    assert answer["item"]["content"][1] == {
        "type": "input_audio",
        "audio": "AAAA",
        "transcript": None,
        "format": "pcm16",
    }


def test_an_item_without_its_audio_can_be_retrieved() -> None:
    said = AssistantMessage(id="item_1", status="incomplete", content=[OutputAudioPart(transcript="Hi")])
    assert retrieved(said, {}).wire()["content"] == [{"type": "output_audio", "transcript": "Hi"}]
    assert retrieved(said, {0: "AAAA"}, "g711_ulaw").wire()["content"] == [
        {"type": "output_audio", "audio": "AAAA", "transcript": "Hi", "format": "g711_ulaw"}
    ]
    call = FunctionCall(id="item_2", name="f", arguments="{}")
    assert retrieved(call, {}) is call


def test_previous_item_id_is_null_at_the_head() -> None:
    item = UserMessage(id="item_1", content=[])
    assert ConversationItemAdded(event_id="event_1", item=item).wire()["previous_item_id"] is None


def test_a_running_response_has_null_for_what_is_not_known_yet() -> None:
    wire = Response(id="resp_1", conversation_id="conv_1").wire()
    assert nulls(wire) == {"status_details", "usage", "metadata"}
    assert wire["output"] == []


@pytest.mark.parametrize(
    ("details", "wire"),
    [
        (StatusDetails.cancelled("turn_detected"), {"type": "cancelled", "reason": "turn_detected"}),
        (StatusDetails.incomplete("content_filter"), {"type": "incomplete", "reason": "content_filter"}),
        (
            StatusDetails.failed("No voice.", "model_error"),
            {"type": "failed", "error": {"type": "server_error", "code": "model_error", "message": "No voice."}},
        ),
        (
            StatusDetails.failed("x"),
            {"type": "failed", "error": {"type": "server_error", "code": "server_error", "message": "x"}},
        ),
    ],
)
def test_status_details_have_the_keys_of_their_type_alone(details: StatusDetails, wire: dict[str, Any]) -> None:
    assert details.wire() == wire


def test_usage_has_every_count() -> None:
    none = {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0}
    assert Usage().wire() == {
        "total_tokens": 0,
        "input_tokens": 0,
        "output_tokens": 0,
        "input_token_details": {**none, "cached_tokens": 0, "cached_tokens_details": none},
        "output_token_details": {"text_tokens": 0, "audio_tokens": 0},
    }


def test_what_the_core_changes_in_an_item_shows_in_the_response_that_holds_it() -> None:
    item = AssistantMessage(id="item_1", status="in_progress", content=[OutputText(text="")])
    response = Response(id="resp_1", output=[item])
    item.content[0] = OutputText(text="Hi")
    item.status = "completed"
    response.status = "completed"
    wire = ResponseDone(event_id="event_1", response=response).wire()["response"]
    assert (wire["status"], wire["output"][0]["status"]) == ("completed", "completed")
    assert wire["output"][0]["content"] == [{"type": "output_text", "text": "Hi"}]


def test_all_five_keys_of_an_error_are_always_there() -> None:
    assert ErrorBody(message="x").wire() == {
        "type": "invalid_request_error",
        "code": None,
        "message": "x",
        "param": None,
        "event_id": None,
    }


def test_the_error_of_a_failed_transcription_has_no_nulls() -> None:
    failed = InputAudioTranscriptionFailed(
        event_id="event_1", item_id="item_1", content_index=0, error=TranscriptionError(message="x")
    )
    assert failed.wire()["error"] == {"message": "x"}


def test_parts_of_response_events_are_called_text_and_audio() -> None:
    place = {"event_id": "e", "response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}
    part = ResponseContentPartAdded.model_validate({**place, "part": {"type": "audio"}}).wire()["part"]
    assert part == {"type": "audio", "transcript": ""}
    with pytest.raises(ValidationError):
        ResponseContentPartAdded.model_validate({**place, "part": {"type": "output_audio", "transcript": ""}})


def test_every_server_event_but_one_has_an_event_id() -> None:
    without = {name for name, model in SERVER_EVENTS.items() if "event_id" not in model.model_fields}
    assert without == {InputAudioBufferDtmfEventReceived.model_fields["type"].default}


def test_type_and_event_id_come_first() -> None:
    for name, model in SERVER_EVENTS.items():
        fields = list(model.model_fields)
        assert fields[0] == "type", name
        assert fields[1] == "event_id" or name == "input_audio_buffer.dtmf_event_received"


@pytest.mark.parametrize("status", ["cancelled", "failed"])
def test_an_item_is_never_cancelled_or_failed(status: str) -> None:
    with pytest.raises(ValidationError):
        AssistantMessage.model_validate({"content": [], "status": status})


@pytest.mark.parametrize("model", [RealtimeSession, TranscriptionSession])
def test_the_session_has_a_json_schema_for_profiles(model: type[RealtimeSession]) -> None:
    schema = model.model_json_schema()
    assert schema["additionalProperties"] is False
    assert "audio" in schema["properties"]
