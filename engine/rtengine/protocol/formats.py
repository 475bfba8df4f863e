"""Audio formats and output modalities."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, Tag, ValidationInfo
from pydantic_core import PydanticCustomError, PydanticKnownError

from rtengine.protocol.wire import STRING_OR_OBJECT, ListOf, NullTolerantModel, Omit, one_of

PCM_RATE = 24_000
"""The one rate of the API."""
PCM_RATES = (8_000, 16_000, PCM_RATE)
"""Rates that a profile may give its sessions, for clients that are none of the API's."""


def _pcm_rate(rate: int, info: ValidationInfo) -> int:
    """The API words its refusal of other rates as a bound. ``allowed_rates`` says where another rate may stand."""
    allowed = (info.context or {}).get("pcm_rates", (PCM_RATE,))
    if rate in allowed:
        return rate
    if allowed is PCM_RATES:
        raise PydanticCustomError("pcm_rate", "the rate of PCM audio is 8000, 16000 or 24000")
    if rate < PCM_RATE:
        raise PydanticKnownError("greater_than_equal", {"ge": PCM_RATE})
    raise PydanticKnownError("less_than_equal", {"le": PCM_RATE})


def allowed_rates(*rates: int) -> dict[str, Any]:
    """Validation context in which PCM audio may have these rates as well; all of ``PCM_RATES`` without any."""
    return {"pcm_rates": (PCM_RATE, *rates) if rates else PCM_RATES}


class PCM(NullTolerantModel):
    """16-bit mono samples, little endian."""

    type: Literal["audio/pcm"] = "audio/pcm"
    rate: Annotated[int, Field(strict=True, json_schema_extra={"enum": list(PCM_RATES)}), AfterValidator(_pcm_rate)] = (
        PCM_RATE
    )
    """Samples per second: 24000, unless the profile gives its sessions another."""


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
