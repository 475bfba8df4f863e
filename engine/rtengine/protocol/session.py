"""Sessions as the server echoes them: complete, with every default filled in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, Tag, ValidationError

from rtengine.protocol.errors import api_error, unsupported_value
from rtengine.protocol.formats import PCM, PCM_RATE, AudioFormat, OutputModalities, Voice, allowed_rates, spoken
from rtengine.protocol.response import MaxOutputTokens, Prompt, Reasoning
from rtengine.protocol.tools import Tool, ToolChoice
from rtengine.protocol.turn_detection import (
    ServerVad,
    TranscriptionServerVad,
    TranscriptionTurnDetection,
    TurnDetection,
)
from rtengine.protocol.validation import api_error_of, dotted, kind_of
from rtengine.protocol.wire import (
    STRING_OR_OBJECT,
    Boolean,
    Index,
    ListOf,
    NullTolerantModel,
    Number,
    Omit,
    WireModel,
    one_of,
)

Include = ListOf[Literal["item.input_audio_transcription.logprobs"]]


class Transcription(NullTolerantModel):
    """Transcription of the user's audio, beside the conversation.

    The first three keys are always echoed, the newer ones only when given: pipecat's constructor takes no others.
    """

    model: str | None = None
    language: str | None = None
    prompt: str | None = None
    languages: Omit[Annotated[ListOf[str], Field(min_length=1)]] = None
    keywords: Omit[ListOf[str]] = None
    delay: Omit[Literal["minimal", "low", "medium", "high", "xhigh"]] = None


class NoiseReduction(NullTolerantModel):
    type: Literal["near_field", "far_field"]
    strength: Omit[Annotated[Number, Field(ge=0)]] = None
    """1 when never given; an update that leaves it out keeps it."""


class TracingConfiguration(NullTolerantModel):
    workflow_name: Omit[str] = None
    group_id: Omit[str] = None
    metadata: Omit[dict[str, Any]] = None


Tracing = Annotated[
    Annotated[Literal["auto"], Tag("$string")] | Annotated[TracingConfiguration, Tag("$object")], STRING_OR_OBJECT
]


class TokenLimits(NullTolerantModel):
    post_instructions: Omit[Index] = None


class RetentionRatio(NullTolerantModel):
    """Drop the oldest items until this share of the context is left."""

    type: Literal["retention_ratio"] = "retention_ratio"
    retention_ratio: Annotated[Number, Field(ge=0, le=1)]
    token_limits: Omit[TokenLimits] = None


Truncation = Annotated[
    Annotated[Literal["auto", "disabled"], Tag("$string")]
    | Annotated[
        Annotated[Annotated[RetentionRatio, Tag("$retention_ratio")], one_of("type", "retention_ratio")],
        Tag("$object"),
    ],
    STRING_OR_OBJECT,
]


class AudioInput(WireModel):
    format: AudioFormat = Field(default_factory=PCM)
    transcription: Transcription | None = None
    noise_reduction: NoiseReduction | None = None
    turn_detection: TurnDetection | None = Field(default_factory=ServerVad)


class AudioOutput(WireModel):
    format: AudioFormat = Field(default_factory=PCM)
    voice: Voice = "alloy"
    speed: Annotated[Number, Field(ge=0.25, le=1.5)] = 1.0


class Audio(WireModel):
    input: AudioInput = Field(default_factory=AudioInput)
    output: AudioOutput = Field(default_factory=AudioOutput)


class RealtimeSession(WireModel):
    """A session that converses. ``id``, ``model`` and ``expires_at`` are the server's to fill in."""

    type: Literal["realtime"] = "realtime"
    object: Literal["realtime.session"] = "realtime.session"
    id: str = ""
    model: str = ""
    output_modalities: OutputModalities = Field(default_factory=spoken)
    instructions: str = ""
    tools: ListOf[Tool] = Field(default_factory=list)
    tool_choice: ToolChoice = "auto"
    parallel_tool_calls: Omit[Boolean] = None
    reasoning: Omit[Reasoning] = None
    max_output_tokens: MaxOutputTokens = "inf"
    tracing: Tracing | None = None
    truncation: Truncation = "auto"
    prompt: Prompt | None = None
    expires_at: Index = 0
    """Seconds since 1970; 0 while the session has not begun."""
    audio: Audio = Field(default_factory=Audio)
    include: Include | None = None


class TranscriptionAudioInput(WireModel):
    format: AudioFormat = Field(default_factory=PCM)
    transcription: Transcription | None = None
    noise_reduction: NoiseReduction | None = None
    turn_detection: TranscriptionTurnDetection | None = Field(default_factory=TranscriptionServerVad)


class TranscriptionAudio(WireModel):
    input: TranscriptionAudioInput = Field(default_factory=TranscriptionAudioInput)


class TranscriptionSession(WireModel):
    """A session that only transcribes."""

    type: Literal["transcription"] = "transcription"
    object: Literal["realtime.transcription_session"] = "realtime.transcription_session"
    id: str = ""
    expires_at: Index = 0
    audio: TranscriptionAudio = Field(default_factory=TranscriptionAudio)
    include: Include | None = None


Session = RealtimeSession | TranscriptionSession
SESSION_TYPES = ("realtime", "transcription")


# --- session.update -------------------------------------------------------------------------------------------------

_MERGED = {("audio",), ("audio", "input"), ("audio", "output")}
"""Objects of which a patch changes the keys it has; every other value is replaced whole."""
_CLEARABLE = {
    ("audio", "input", "turn_detection"),
    ("audio", "input", "transcription"),
    ("audio", "input", "noise_reduction"),
    ("tracing",),
    ("prompt",),
    ("include",),
}
"""Values that null clears. Elsewhere null is a key that a client library did not leave out: it changes nothing."""
_FIXED = ("id", "object", "expires_at")
"""``model`` is not among them: as at the connection, any name means the profile's models, and the session bears it.
openai-agents sends the name it has by default, whatever the URL says; refused, its whole configuration would be lost.
"""
_UNDETECTED = ("gpt-realtime-whisper", "gpt-live-transcribe")
"""Transcription models for which the API has no turn detection: clients commit by themselves, and leave the key out."""


def apply_update(session: Session, patch: Mapping[str, Any]) -> Session:
    """``session`` with the ``patch`` of a ``session.update``: a new session, or APIError and nothing changed.

    Rules that depend on what the session is doing (its voice, its speed, its tracing) are not looked at here.
    """
    _check_type(session, patch)
    current = session.wire()
    changes = {key: value for key, value in patch.items() if not _is_fixed(current, key, value)}
    merged = _merged(session, current, changes, ())
    _keep_strength(current, merged)
    if isinstance(session, TranscriptionSession):
        _leave_detection(session, patch, merged)
    try:
        return type(session).model_validate(merged, context=own_rates(session))
    except ValidationError as failure:
        raise api_error_of(failure, prefix=("session",)) from None


def own_rates(session: Session) -> dict[str, Any]:
    """Validation context in which PCM audio may have the rates that the session has, whatever the API's is."""
    formats = [session.audio.input.format]
    if isinstance(session, RealtimeSession):
        formats.append(session.audio.output.format)
    return allowed_rates(PCM_RATE, *(each.rate for each in formats if isinstance(each, PCM)))


def _check_type(session: Session, patch: Mapping[str, Any]) -> None:
    given = patch.get("type")
    if given is None:
        raise api_error("missing_required_parameter", param="session.type")
    if not isinstance(given, str):
        raise api_error("invalid_type", param="session.type", expected="a string", got=kind_of(given))
    if given not in SESSION_TYPES:
        raise unsupported_value(given, SESSION_TYPES, "session.type")
    if given != session.type:
        raise api_error("invalid_parameter", param="session.type", given=given, actual=session.type)


def _is_fixed(current: Mapping[str, Any], key: str, value: Any) -> bool:
    """Whether the server alone sets the key, and the client only repeats it. Raises APIError when it wants another."""
    if key not in _FIXED or key not in current:
        return False
    if value is not None and value != current[key]:
        raise api_error("fixed_parameter", param=dotted(("session", key)))
    return True


def _merged(
    session: WireModel, current: Mapping[str, Any], patch: Mapping[str, Any], path: tuple[str, ...]
) -> dict[str, Any]:
    """``session`` is the object at ``path``, and ``current`` what it is on the wire."""
    result = dict(current)
    for key, value in patch.items():
        place = (*path, key)
        if place in _MERGED and isinstance(value, dict) and key in result:
            result[key] = _merged(getattr(session, key), result[key], value, place)
        elif value is not None or place in _CLEARABLE or key not in type(session).model_fields:
            result[key] = value
    return result


def _keep_strength(current: Mapping[str, Any], merged: Mapping[str, Any]) -> None:
    """``noise_reduction.strength`` stays when an update leaves it out, whichever type it names."""
    before = current["audio"]["input"]["noise_reduction"]
    where = merged["audio"]["input"] if isinstance(merged["audio"], dict) else None
    after = where.get("noise_reduction") if isinstance(where, dict) else None
    if not isinstance(before, dict) or not isinstance(after, dict):
        return
    if "strength" in before and after.get("strength") is None:
        merged["audio"]["input"]["noise_reduction"] = after | {"strength": before["strength"]}


def _leave_detection(session: TranscriptionSession, patch: Mapping[str, Any], merged: Mapping[str, Any]) -> None:
    """An update to a model without turn detection turns it off, unless it says what it wants."""
    before = session.audio.input.transcription
    where = merged["audio"]["input"] if isinstance(merged["audio"], dict) else None
    after = where.get("transcription") if isinstance(where, dict) else None
    model = after.get("model") if isinstance(after, dict) else None
    if not isinstance(model, str) or not model.startswith(_UNDETECTED) or (before and before.model == model):
        return
    if "turn_detection" not in patch["audio"]["input"]:
        merged["audio"]["input"]["turn_detection"] = None
