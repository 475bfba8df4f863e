"""``session.update``: what a patch may not change."""

from __future__ import annotations

from typing import Any

import pytest
from tests.protocol.test_session_update import heard, input_of, refused, session, updated

from rtengine.protocol.formats import allowed_rates
from rtengine.protocol.session import RealtimeSession, TranscriptionSession

pytestmark = pytest.mark.unit


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


@pytest.mark.parametrize(
    ("value", "code", "message"),
    [
        (True, "invalid_value", "Invalid value: true. Supported values are: false."),
        ("no", "invalid_type", "Invalid type for '{}': expected false, but got a string instead."),
    ],
)
@pytest.mark.parametrize("kind", ["server_vad", "semantic_vad"])
@pytest.mark.parametrize("flag", ["create_response", "interrupt_response"])
def test_a_transcription_session_has_no_responses_to_create_or_interrupt(
    flag: str, kind: str, value: Any, code: str, message: str
) -> None:
    patch = heard(turn_detection={"type": kind, flag: value})
    param = f"session.audio.input.turn_detection.{flag}"
    found = refused(TranscriptionSession(id="sess_1"), {"type": "transcription", **patch})
    assert found == (code, message.format(param), param)


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
