"""Audio formats and output modalities."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, Tag
from pydantic_core import PydanticCustomError

from rtengine.protocol.wire import STRING_OR_OBJECT, ListOf, NullTolerantModel, Omit, one_of

PCM_RATE = 24_000


class PCM(NullTolerantModel):
    """16-bit mono samples, little endian."""

    type: Literal["audio/pcm"] = "audio/pcm"
    rate: Annotated[int, Field(strict=True, ge=PCM_RATE, le=PCM_RATE)] = PCM_RATE
    """Samples per second. The API has this one rate, and its refusal of others is worded as a bound."""


class PCMU(NullTolerantModel):
    """G.711 µ-law, 8 kHz, one byte a sample."""

    type: Literal["audio/pcmu"] = "audio/pcmu"


class PCMA(NullTolerantModel):
    """G.711 A-law, 8 kHz, one byte a sample."""

    type: Literal["audio/pcma"] = "audio/pcma"


AudioFormat = Annotated[
    Annotated[PCM, Tag("$audio/pcm")] | Annotated[PCMU, Tag("$audio/pcmu")] | Annotated[PCMA, Tag("$audio/pcma")],
    one_of("type", "audio/pcm", "audio/pcmu", "audio/pcma"),
]

Modality = Literal["text", "audio"]


def _one_modality(modalities: list[Modality]) -> list[Modality]:
    if len(modalities) != 1:
        raise PydanticCustomError(
            "invalid_value",
            "Invalid modalities: {given}. Supported combinations are: ['text'] and ['audio'].",
            {"given": str(sorted(modalities))},
        )
    return modalities


OutputModalities = Annotated[ListOf[Modality], AfterValidator(_one_modality)]
"""``["audio"]`` or ``["text"]``: never both, audio always comes with its transcript."""


def spoken() -> list[Modality]:
    """The default: audio with its transcript."""
    return ["audio"]


class VoiceId(NullTolerantModel):
    """A custom voice."""

    id: str


Voice = Annotated[
    Annotated[str, Field(min_length=1), Tag("$string")] | Annotated[VoiceId, Tag("$object")], STRING_OR_OBJECT
]


def voice_name(voice: str | VoiceId) -> str:
    """The voice as one string, as a Response names it."""
    return voice.id if isinstance(voice, VoiceId) else voice


class OutputAudio(NullTolerantModel):
    """How one Response sounds, where a client asks for something else than the session has."""

    format: Omit[AudioFormat] = None
    voice: Omit[Voice] = None
