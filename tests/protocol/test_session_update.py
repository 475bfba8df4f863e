"""``session.update``: what a patch changes, and what it may not."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from rtengine.protocol.errors import APIError
from rtengine.protocol.formats import allowed_rates
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
        (
            heard(noise_reduction={"type": "near_field", "strength": 0.3}),
            heard(noise_reduction={"type": "far_field"}),
            "noise_reduction",
        ),
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
    new = {"type": "near_field", "strength": 0.7}
    assert input_of(updated(start, **heard(noise_reduction=new)))["noise_reduction"] == new


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


@pytest.mark.parametrize(("key", "value"), [("id", "x"), ("object", "x"), ("expires_at", 1)])
def test_what_the_server_set_may_not_change(key: str, value: Any) -> None:
    assert refused(session(), {"type": "realtime", key: value}) == (
        "invalid_value",
        f"Cannot update 'session.{key}': it is fixed when the session is created.",
        f"session.{key}",
    )


REFUSALS: list[tuple[dict[str, Any], str, str, str]] = [
    ({}, "missing_required_parameter", "Missing required parameter: 'session.type'.", "session.type"),
    ({"type": None}, "missing_required_parameter", "Missing required parameter: 'session.type'.", "session.type"),
    (
        {"type": "translation"},
        "invalid_value",
        "Invalid value: 'translation'. Supported values are: 'realtime' and 'transcription'.",
        "session.type",
    ),
    (
        {"type": 1},
        "invalid_type",
        "Invalid type for 'session.type': expected a string, but got an integer instead.",
        "session.type",
    ),
    (
        {"type": "transcription"},
        "invalid_parameter",
        "Passing a transcription session update event to a realtime session is not allowed.",
        "session.type",
    ),
    (
        {"type": "realtime", "output_modalities": ["text", "audio"]},
        "invalid_value",
        "Invalid modalities: ['audio', 'text']. Supported combinations are: ['text'] and ['audio'].",
        "session.output_modalities",
    ),
    (
        {"type": "realtime", **heard(turn_detection={"type": "server_vad", "threshold": 1.5})},
        "decimal_above_max_value",
        (
            "Invalid 'session.audio.input.turn_detection.threshold': decimal above maximum value. "
            "Expected a value <= 1, but got 1.5 instead."
        ),
        "session.audio.input.turn_detection.threshold",
    ),
    (
        {"type": "realtime", **heard(turn_detection={"type": "server_vad", "idle_timeout_ms": 100})},
        "integer_below_min_value",
        (
            "Invalid 'session.audio.input.turn_detection.idle_timeout_ms': integer below minimum value. "
            "Expected a value >= 5000, but got 100 instead."
        ),
        "session.audio.input.turn_detection.idle_timeout_ms",
    ),
    (
        {"type": "realtime", **heard(turn_detection={"type": "semantic_vad", "threshold": 0.5})},
        "unknown_parameter",
        "Unknown parameter: 'session.audio.input.turn_detection.threshold'.",
        "session.audio.input.turn_detection.threshold",
    ),
    (
        {"type": "realtime", **heard(turn_detection={"threshold": 0.5})},
        "missing_required_parameter",
        "Missing required parameter: 'session.audio.input.turn_detection.type'.",
        "session.audio.input.turn_detection.type",
    ),
    (
        {"type": "realtime", **heard(format={"type": "audio/pcm", "rate": 16000})},
        "integer_below_min_value",
        (
            "Invalid 'session.audio.input.format.rate': integer below minimum value. "
            "Expected a value >= 24000, but got 16000 instead."
        ),
        "session.audio.input.format.rate",
    ),
    (
        {"type": "realtime", **heard(format="pcm16")},
        "invalid_type",
        "Invalid type for 'session.audio.input.format': expected an object, but got a string instead.",
        "session.audio.input.format",
    ),
    (
        {"type": "realtime", "audio": {"output": {"speed": 2}}},
        "decimal_above_max_value",
        (
            "Invalid 'session.audio.output.speed': decimal above maximum value. "
            "Expected a value <= 1.5, but got 2 instead."
        ),
        "session.audio.output.speed",
    ),
    (
        {"type": "realtime", "audio": []},
        "invalid_type",
        "Invalid type for 'session.audio': expected an object, but got an array instead.",
        "session.audio",
    ),
    (
        {"type": "realtime", "tools": [{"type": "function", "name": "f", "strict": True}]},
        "unknown_parameter",
        "Unknown parameter: 'session.tools[0].strict'.",
        "session.tools[0].strict",
    ),
    (
        {"type": "realtime", "tools": [{"type": "function", "name": "a b"}]},
        "invalid_value",
        (
            "Invalid 'session.tools[0].name': string does not match pattern. "
            "Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
        ),
        "session.tools[0].name",
    ),
    (
        {"type": "realtime", "max_output_tokens": "many"},
        "invalid_value",
        "Invalid value: 'many'. Supported values are: 'inf'.",
        "session.max_output_tokens",
    ),
    (
        {"type": "realtime", "tracing": "on"},
        "invalid_value",
        "Invalid value: 'on'. Supported values are: 'auto'.",
        "session.tracing",
    ),
    (
        {"type": "realtime", "tool_choice": {"type": "function"}},
        "missing_required_parameter",
        "Missing required parameter: 'session.tool_choice.name'.",
        "session.tool_choice.name",
    ),
    (
        {"type": "realtime", "truncation": {"type": "retention_ratio", "retention_ratio": 2}},
        "decimal_above_max_value",
        (
            "Invalid 'session.truncation.retention_ratio': decimal above maximum value. "
            "Expected a value <= 1, but got 2 instead."
        ),
        "session.truncation.retention_ratio",
    ),
    (
        {"type": "realtime", "include": ["logprobs"]},
        "invalid_value",
        "Invalid value: 'logprobs'. Supported values are: 'item.input_audio_transcription.logprobs'.",
        "session.include[0]",
    ),
    (
        {"type": "realtime", "audio": {"output": {"voice": ""}}},
        "empty_string",
        (
            "Invalid 'session.audio.output.voice': empty string. Expected a string with minimum length 1, "
            "but got an empty string instead."
        ),
        "session.audio.output.voice",
    ),
    (
        {"type": "realtime", "audio": {"output": {"voice": 5}}},
        "invalid_type",
        "Invalid type for 'session.audio.output.voice': expected an object, but got an integer instead.",
        "session.audio.output.voice",
    ),
]


@pytest.mark.parametrize(("patch", "code", "message", "param"), REFUSALS, ids=[f"{c}-{p}" for _, c, _, p in REFUSALS])
def test_a_refused_update_changes_nothing_and_says_why(
    patch: dict[str, Any], code: str, message: str, param: str
) -> None:
    assert refused(session(), patch) == (code, message, param)


@pytest.mark.parametrize(
    "key",
    ["voice", "modalities", "input_audio_format", "output_audio_format", "turn_detection", "input_audio_transcription",
     "temperature", "max_response_output_tokens", "speed"],
)  # fmt: skip
def test_the_flat_fields_of_the_beta_are_unknown(key: str) -> None:
    message = f"Unknown parameter: 'session.{key}'."
    assert refused(session(), {"type": "realtime", key: "x"}) == ("unknown_parameter", message, f"session.{key}")


def test_a_transcription_session_takes_only_what_it_has() -> None:
    start = TranscriptionSession(id="sess_1")
    patch = heard(transcription={"model": "whisper-1"}, turn_detection={"type": "server_vad", "create_response": False})
    wire = input_of(updated(start, **patch))
    assert wire["transcription"] == {"model": "whisper-1", "language": None, "prompt": None}
    assert wire["turn_detection"]["create_response"] is False
    assert refused(start, {"type": "realtime"})[:2] == (
        "invalid_parameter",
        "Passing a realtime session update event to a transcription session is not allowed.",
    )
    for key in ("model", "instructions", "tools", "output_modalities"):
        code, _, param = refused(start, {"type": "transcription", key: "x"})
        assert (code, param) == ("unknown_parameter", f"session.{key}")
    code, _, param = refused(start, {"type": "transcription", "audio": {"output": {"voice": "marin"}}})
    assert (code, param) == ("unknown_parameter", "session.audio.output")


@pytest.mark.parametrize("voice", ["alloy", "my-own-voice", {"id": "voice_1"}])
def test_a_voice_is_any_name_or_an_id(voice: Any) -> None:
    assert updated(session(), audio={"output": {"voice": voice}})["audio"]["output"]["voice"] == voice


def telephone(rate: int) -> RealtimeSession:
    """A session of a profile whose input is not the API's."""
    given = {"id": "sess_1", "model": "m", "audio": {"input": {"format": {"type": "audio/pcm", "rate": rate}}}}
    return RealtimeSession.model_validate(given, context=allowed_rates())


@pytest.mark.parametrize("rate", [8000, 16000])
def test_a_client_may_repeat_the_rate_of_its_session_and_choose_no_other(rate: int) -> None:
    start = telephone(rate)
    assert input_of(updated(start, instructions="Be brief."))["format"] == {"type": "audio/pcm", "rate": rate}
    own, api = ({"type": "audio/pcm", "rate": each} for each in (rate, 24000))
    assert input_of(updated(start, **heard(format=own)))["format"] == own
    assert input_of(updated(start, **heard(format=api)))["format"] == api
    for other, bound in ((12000, "below_min"), (48000, "above_max")):
        patch = {"type": "realtime", **heard(format={"type": "audio/pcm", "rate": other})}
        code, message, param = refused(start, patch)
        assert (code, param) == (f"integer_{bound}_value", "session.audio.input.format.rate")
        assert "24000" in message


def test_without_a_profile_that_says_so_there_is_one_rate() -> None:
    for rate in (8000, 16000):
        patch = {"type": "realtime", **heard(format={"type": "audio/pcm", "rate": rate})}
        assert refused(session(), patch)[0] == "integer_below_min_value"
