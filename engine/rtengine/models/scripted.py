"""Deterministic models: a server that needs no weights and always says the same.

They are for the tests of clients and of machine files: the same input gives the same events, the same ids and the same
audio on every run. A profile scripts what is heard, said and called, how long it takes, and what fails::

    models:
      transcriber: {adapter: scripted, transcripts: ["weather in Oslo", {fail: {message: "The audio is damaged."}}]}
      chat: {adapter: scripted, rules: [{match: "weather", say: "It rains."}]}
      voice: {adapter: scripted, ms_per_character: 50}

The chat model is in ``scripted_chat``.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from typing import Annotated, Literal

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from rtengine.models.jobs import SpeakRequest, TranscribeDelta, TranscribeDone, TranscribeRequest
from rtengine.models.ports import Cancel, ModelFailure, Samples

TOKEN = re.compile(r"\s*\S+|\s+$")
"""A word with the white space before it."""


def _regex(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return pattern


Pattern = Annotated[str, AfterValidator(_regex)]
Milliseconds = Annotated[float, Field(ge=0)]
Hertz = Annotated[float, Field(gt=0, le=4000)]


class ScriptedSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ScriptedFailure(ScriptedSettings):
    """A failure to inject, as the client will see it."""

    message: str = Field(description="The error's sentence")
    code: str | None = Field(None, description="The error's code, such as `rate_limit_exceeded`")
    type: str = Field("server_error", description="The error's type")

    def failure(self) -> ModelFailure:
        return ModelFailure(self.message, self.code, self.type)


class ScriptedTranscript(ScriptedSettings):
    """What is heard in one utterance, or how that fails."""

    say: str = Field("", description="The transcript")
    delay_ms: Milliseconds = Field(0, description="Time it takes, on top of the adapter's `delay_ms`")
    fail: ScriptedFailure | None = Field(None, description="Fail instead")


class ScriptedTranscriberSettings(ScriptedSettings):
    """A transcriber that hears what it was told to."""

    transcripts: list[str | ScriptedTranscript] = Field(
        default_factory=list,
        description="What is heard, utterance by utterance over all sessions, then from the start again; a "
        "transcription that was cancelled is not counted. Without any, the transcript tells the audio's length",
    )
    deltas: bool = Field(False, description="Send the words one by one before the transcript is done")
    delay_ms: Milliseconds = Field(0, description="Time every transcription takes")


class ScriptedVoiceFailure(ScriptedFailure):
    match: Pattern = Field("", description="Regular expression for the clauses that fail, in any case")


class ScriptedVoiceSettings(ScriptedSettings):
    """A voice that hums: every character of a clause takes the same time."""

    sound: Literal["tone", "silence"] = Field("tone", description="What is heard")
    frequency: Hertz = Field(220, description="Of the tone, in hertz")
    voices: dict[str, Hertz] = Field(
        default_factory=dict,
        description="The names that clients may call for, and the tone of each; without any, every name is accepted "
        "and hums with `frequency`",
    )
    ms_per_character: float = Field(50, ge=0, description="Audio for each character, at speed 1")
    rate: int = Field(
        24000, ge=8000, le=48000, description="Samples per second, before they are made to fit the session"
    )
    piece_ms: float = Field(100, gt=0, description="Length of the pieces in which the audio is made")
    delay_ms: Milliseconds = Field(0, description="Time before the first piece of every clause")
    delay_piece_ms: Milliseconds = Field(0, description="Time before every further piece")
    fail: list[ScriptedVoiceFailure] = Field(default_factory=list, description="Clauses that fail instead")

    @property
    def voice_names(self) -> frozenset[str] | None:
        """What a client may ask for; None for anything."""
        return frozenset(self.voices) or None


def load_transcriber(settings: ScriptedTranscriberSettings, progress: Callable[[str], None]) -> ScriptedTranscriber:
    return ScriptedTranscriber(settings)


def load_voice(settings: ScriptedVoiceSettings, progress: Callable[[str], None]) -> ScriptedVoice:
    return ScriptedVoice(settings)


class ScriptedTranscriber:
    def __init__(self, settings: ScriptedTranscriberSettings) -> None:
        self._settings = settings
        self._script = [
            ScriptedTranscript(say=scripted) if isinstance(scripted, str) else scripted
            for scripted in settings.transcripts
        ]
        self._heard = 0
        self._lock = threading.Lock()

    def transcribe(self, request: TranscribeRequest, cancel: Cancel) -> Iterator[TranscribeDelta | TranscribeDone]:
        seconds = len(request.audio) / 2 / request.rate
        delay_ms = self._settings.delay_ms + self._at(self._heard, seconds).delay_ms
        if cancel.wait(delay_ms / 1000):
            return
        with self._lock:
            scripted = self._at(self._heard, seconds)
            self._heard += 1
        if scripted.fail is not None:
            raise scripted.fail.failure()
        words = TOKEN.findall(scripted.say)
        logprobs = tuple((word, 0.0) for word in words)
        if self._settings.deltas:
            for pair in logprobs:
                yield TranscribeDelta(pair[0], (pair,) if request.logprobs else None)
        yield TranscribeDone(scripted.say, seconds, request.language, logprobs if request.logprobs else None)

    def _at(self, index: int, seconds: float) -> ScriptedTranscript:
        if not self._script:
            return ScriptedTranscript(say=f"{seconds:.1f} seconds of audio")
        return self._script[index % len(self._script)]


class ScriptedVoice:
    def __init__(self, settings: ScriptedVoiceSettings) -> None:
        self._settings = settings
        self.rate = settings.rate

    def speak(self, request: SpeakRequest, cancel: Cancel) -> Iterator[Samples]:
        settings = self._settings
        for failure in settings.fail:
            if re.search(failure.match, request.text, re.IGNORECASE):
                raise failure.failure()
        total = round(len(request.text) * settings.ms_per_character * self.rate / 1000 / request.speed)
        piece = max(1, round(settings.piece_ms * self.rate / 1000))
        for start in range(0, total, piece):
            if cancel.wait((settings.delay_piece_ms if start else settings.delay_ms) / 1000):
                return
            yield self._sound(start, min(start + piece, total), settings.voices.get(request.voice, settings.frequency))

    def _sound(self, start: int, end: int, frequency: float) -> Samples:
        if self._settings.sound == "silence":
            return np.zeros(end - start, np.float32)
        phase = np.arange(start, end) * (2 * np.pi * frequency / self.rate)
        tone: Samples = (0.3 * np.sin(phase)).astype(np.float32)
        return tone
