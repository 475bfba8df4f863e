"""``session.update``: what a patch changes, and what it may not."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from rtengine.protocol.errors import APIError
from rtengine.protocol.session import RealtimeSession, Session, TranscriptionSession, apply_update

pytestmark = pytest.mark.unit


def session() -> RealtimeSession:
    return RealtimeSession(id="sess_1", model="m", expires_at=1767233035)


def updated(start: Session, **patch: Any) -> dict[str, Any]:
    before = copy.deepcopy(start)
    result = apply_update(start, {"type": start.type, **patch})
    assert start == before
    assert result is not start
    return result.wire()


def input_of(wire: dict[str, Any]) -> dict[str, Any]:
    found = wire["audio"]["input"]
    assert isinstance(found, dict)
    return found


def heard(**values: Any) -> dict[str, Any]:
    return {"audio": {"input": values}}


def refused(start: Session, patch: dict[str, Any]) -> tuple[str | None, str, str | None]:
    before = copy.deepcopy(start)
    with pytest.raises(APIError) as caught:
        apply_update(start, patch)
    assert start == before
    return caught.value.code, caught.value.message, caught.value.param


def test_only_the_keys_of_the_patch_change() -> None:
    start = session()
    wire = updated(start, instructions="Be brief.", audio={"output": {"voice": "marin"}})
    expected = start.wire()
    expected["instructions"] = "Be brief."
    expected["audio"]["output"]["voice"] = "marin"
    assert wire == expected


def test_a_patch_of_the_type_alone_changes_nothing() -> None:
    assert updated(session()) == session().wire()


def test_turn_detection_is_replaced_with_the_defaults_of_its_type() -> None:
    start = apply_update(
        session(),
        {
            "type": "realtime",
            **heard(turn_detection={"type": "server_vad", "threshold": 0.9, "create_response": False}),
        },
    )
    again = updated(start, **heard(turn_detection={"type": "server_vad", "silence_duration_ms": 700}))
    assert input_of(again)["turn_detection"] == {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 700,
        "idle_timeout_ms": None,
        "create_response": True,
        "interrupt_response": True,
    }
    semantic = updated(start, **heard(turn_detection={"type": "semantic_vad"}))
    assert input_of(semantic)["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "auto",
        "create_response": True,
        "interrupt_response": True,
    }


@pytest.mark.parametrize(
    ("patch", "place"),
    [
        (heard(turn_detection=None), ("audio", "input", "turn_detection")),
        (heard(transcription=None), ("audio", "input", "transcription")),
        (heard(noise_reduction=None), ("audio", "input", "noise_reduction")),
        ({"tracing": None}, ("tracing",)),
        ({"prompt": None}, ("prompt",)),
        ({"include": None}, ("include",)),
    ],
)
def test_null_clears(patch: dict[str, Any], place: tuple[str, ...]) -> None:
    start = apply_update(
        session(),
        {
            "type": "realtime",
            "tracing": "auto",
            "prompt": {"id": "pmpt_1"},
            "include": ["item.input_audio_transcription.logprobs"],
            **heard(transcription={"model": "whisper-1"}, noise_reduction={"type": "far_field"}),
        },
    )
    value: Any = start.wire()
    for key in place:
        value = value[key]
    assert value is not None
    value = updated(start, **patch)
    for key in place:
        value = value[key]
    assert value is None


@pytest.mark.parametrize(
    "patch",
    [
        {"instructions": None, "tools": None, "tool_choice": None, "model": None, "id": None, "truncation": None},
        {"output_modalities": None, "max_output_tokens": None, "parallel_tool_calls": None, "reasoning": None},
        {"audio": None},
        {"audio": {"input": None, "output": None}},
        {"audio": {"input": {"format": None}, "output": {"format": None, "voice": None, "speed": None}}},
    ],
)
def test_null_changes_nothing_where_nothing_can_be_cleared(patch: dict[str, Any]) -> None:
    start = apply_update(session(), {"type": "realtime", "instructions": "Be brief.", "max_output_tokens": 10})
    assert updated(start, **patch) == start.wire()


@pytest.mark.parametrize(
    ("patch", "param"),
    [
        ({"turn_detection": None}, "session.turn_detection"),
        ({"audio": {"voice": None}}, "session.audio.voice"),
        ({"audio": {"input": {"rate": None}}}, "session.audio.input.rate"),
        ({"audio": {"output": {"rate": None}}}, "session.audio.output.rate"),
    ],
)
def test_null_does_not_excuse_a_key_that_there_is_not(patch: dict[str, Any], param: str) -> None:
    with pytest.raises(APIError) as caught:
        updated(session(), **patch)
    assert (caught.value.code, caught.value.param) == ("unknown_parameter", param)


def test_empty_values_clear() -> None:
    start = apply_update(
        session(), {"type": "realtime", "instructions": "a", "tools": [{"type": "function", "name": "f"}]}
    )
    wire = updated(start, instructions="", tools=[])
    assert (wire["instructions"], wire["tools"]) == ("", [])


@pytest.mark.parametrize(
    ("first", "second", "place"),
    [
        (heard(transcription={"model": "a", "language": "en"}), heard(transcription={"model": "b"}), "transcription"),
        (heard(format={"type": "audio/pcm", "rate": 24000}), heard(format={"type": "audio/pcmu"}), "format"),
    ],
)
def test_other_objects_are_replaced_whole(first: dict[str, Any], second: dict[str, Any], place: str) -> None:
    start = apply_update(session(), {"type": "realtime", **first})
    found = input_of(updated(start, **second))[place]
    assert {key: value for key, value in found.items() if value is not None} == second["audio"]["input"][place]


def test_the_strength_of_noise_reduction_stays_when_it_is_left_out() -> None:
    start = apply_update(
        session(), {"type": "realtime", **heard(noise_reduction={"type": "near_field", "strength": 0.3})}
    )
    same = {"type": "near_field", "strength": 0.3}
    assert input_of(updated(start, **heard(noise_reduction={"type": "near_field"})))["noise_reduction"] == same
    other = {"type": "far_field", "strength": 0.3}
    assert input_of(updated(start, **heard(noise_reduction={"type": "far_field"})))["noise_reduction"] == other
    off = apply_update(start, {"type": "realtime", **heard(noise_reduction=None)})
    fresh = {"type": "near_field"}
    assert input_of(updated(off, **heard(noise_reduction=fresh)))["noise_reduction"] == fresh
    new = {"type": "near_field", "strength": 0.7}
    assert input_of(updated(start, **heard(noise_reduction=new)))["noise_reduction"] == new


@pytest.mark.parametrize("model", ["gpt-realtime-whisper", "gpt-live-transcribe-2026-09-01"])
def test_a_transcription_session_of_a_model_without_turn_detection_has_none(model: str) -> None:
    """The API knows none for them: livekit's client leaves the key out, and commits by itself."""
    start = apply_update(TranscriptionSession(), {"type": "transcription", **heard(transcription={"model": model})})
    assert start.audio.input.turn_detection is None
    wanted = {"type": "server_vad", "silence_duration_ms": 300}
    asked = apply_update(start, {"type": "transcription", **heard(turn_detection=wanted)})
    named = {"model": model, "language": "en"}
    assert input_of(updated(asked, **heard(transcription=named)))["turn_detection"]["silence_duration_ms"] == 300


def test_turn_detection_that_is_asked_for_stays_whatever_transcribes() -> None:
    transcription = {"model": "gpt-realtime-whisper"}
    both = heard(transcription=transcription, turn_detection={"type": "server_vad"})
    assert input_of(updated(TranscriptionSession(), **both))["turn_detection"]["type"] == "server_vad"
    assert input_of(updated(session(), **heard(transcription=transcription)))["turn_detection"]["type"] == "server_vad"
    other = heard(transcription={"model": "gpt-4o-transcribe"})
    assert input_of(updated(TranscriptionSession(), **other))["turn_detection"]["type"] == "server_vad"


def test_tools_tool_choice_truncation_and_tracing_are_replaced() -> None:
    start = apply_update(
        session(),
        {
            "type": "realtime",
            "tools": [{"type": "function", "name": "f", "description": "d"}],
            "tool_choice": {"type": "function", "name": "f"},
            "truncation": {"type": "retention_ratio", "retention_ratio": 0.5},
            "tracing": {"workflow_name": "w", "group_id": "g"},
        },
    )
    wire = updated(
        start,
        tools=[{"type": "function", "name": "g"}],
        tool_choice="none",
        truncation="disabled",
        tracing={"group_id": "h"},
    )
    assert wire["tools"] == [{"type": "function", "name": "g"}]
    assert (wire["tool_choice"], wire["truncation"], wire["tracing"]) == ("none", "disabled", {"group_id": "h"})


def test_what_the_server_set_may_be_repeated() -> None:
    start = session()
    wire = updated(start, id="sess_1", object="realtime.session", model="m", expires_at=1767233035)
    assert wire == start.wire()


def test_any_name_of_a_model_is_taken_as_it_is_at_the_connection() -> None:
    assert updated(session(), model="gpt-realtime")["model"] == "gpt-realtime"


def test_an_echoed_session_is_accepted_as_an_update() -> None:
    assert updated(session(), **session().wire() | {"type": "realtime"}) == session().wire()
