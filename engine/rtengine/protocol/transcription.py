"""Server events about the transcription of the user's audio."""

from __future__ import annotations

from typing import Literal

from rtengine.protocol.position import ServerEventFields
from rtengine.protocol.usage import TranscriptionUsage
from rtengine.protocol.wire import Index, Integer, Number, Omit, WireModel


class LogProb(WireModel):
    token: str
    logprob: Number
    bytes: list[Integer]
    """The token in UTF-8."""


class TranscriptionLanguage(WireModel):
    code: str


class TranscriptionError(WireModel):
    """Keys without a value are left out: agents-js takes no null here."""

    type: Omit[str] = None
    code: Omit[str] = None
    message: Omit[str] = None
    param: Omit[str] = None


class InputAudioTranscriptionDelta(ServerEventFields):
    type: Literal["conversation.item.input_audio_transcription.delta"] = (
        "conversation.item.input_audio_transcription.delta"
    )
    item_id: str
    content_index: Index
    delta: str
    logprobs: Omit[list[LogProb]] = None
    obfuscation: Omit[str] = None


class InputAudioTranscriptionCompleted(ServerEventFields):
    type: Literal["conversation.item.input_audio_transcription.completed"] = (
        "conversation.item.input_audio_transcription.completed"
    )
    item_id: str
    content_index: Index
    transcript: str
    usage: TranscriptionUsage
    logprobs: Omit[list[LogProb]] = None
    languages: Omit[list[TranscriptionLanguage]] = None


class InputAudioTranscriptionSegment(ServerEventFields):
    type: Literal["conversation.item.input_audio_transcription.segment"] = (
        "conversation.item.input_audio_transcription.segment"
    )
    item_id: str
    content_index: Index
    id: str
    text: str
    speaker: str
    start: Number
    """Seconds."""
    end: Number


class InputAudioTranscriptionFailed(ServerEventFields):
    type: Literal["conversation.item.input_audio_transcription.failed"] = (
        "conversation.item.input_audio_transcription.failed"
    )
    item_id: str
    content_index: Index
    error: TranscriptionError
