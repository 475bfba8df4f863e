"""Token counts of a Response and of a transcription."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, Tag

from rtengine.protocol.wire import Index, Number, WireModel, one_of


class CachedTokensDetails(WireModel):
    text_tokens: Index = 0
    audio_tokens: Index = 0
    image_tokens: Index = 0


class InputTokenDetails(WireModel):
    text_tokens: Index = 0
    audio_tokens: Index = 0
    image_tokens: Index = 0
    cached_tokens: Index = 0
    """Part of the above, read from a cache."""
    cached_tokens_details: CachedTokensDetails = Field(default_factory=CachedTokensDetails)


class OutputTokenDetails(WireModel):
    text_tokens: Index = 0
    audio_tokens: Index = 0


class Usage(WireModel):
    """What a Response cost."""

    total_tokens: Index = 0
    input_tokens: Index = 0
    output_tokens: Index = 0
    input_token_details: InputTokenDetails = Field(default_factory=InputTokenDetails)
    output_token_details: OutputTokenDetails = Field(default_factory=OutputTokenDetails)


class TranscriptionInputTokenDetails(WireModel):
    text_tokens: Index = 0
    audio_tokens: Index = 0


class TranscriptionTokens(WireModel):
    type: Literal["tokens"] = "tokens"
    total_tokens: Index
    input_tokens: Index
    input_token_details: TranscriptionInputTokenDetails = Field(default_factory=TranscriptionInputTokenDetails)
    output_tokens: Index


class TranscriptionDuration(WireModel):
    """Usage of a transcriber that is counted by the length of the audio."""

    type: Literal["duration"] = "duration"
    seconds: Number


TranscriptionUsage = Annotated[
    Annotated[TranscriptionTokens, Tag("$tokens")] | Annotated[TranscriptionDuration, Tag("$duration")],
    one_of("type", "tokens", "duration"),
]
