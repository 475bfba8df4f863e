"""Text to speech of any endpoint that speaks the OpenAI speech API: OpenAI, Kokoro-FastAPI, LocalAI and others."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from rtengine.errors import ModelError
from rtengine.models.jobs import SpeakRequest
from rtengine.models.openai_endpoint import OpenAIEndpoint, OpenAIEndpointSettings
from rtengine.models.ports import Cancel, Samples
from rtengine.models.speech_stream import RawStream, WavStream

if TYPE_CHECKING:
    from openai import AsyncOpenAI


class OpenAISpeechSettings(OpenAIEndpointSettings):
    """A speech endpoint that speaks the OpenAI API."""

    format: Literal["pcm", "wav"] = Field("pcm", description="What to ask for; `wav` of endpoints without raw samples")
    rate: int = Field(24000, ge=8000, le=48000, description="Samples per second of what comes; 24000 at OpenAI")
    voices: dict[str, str] = Field(
        default_factory=dict,
        description="Names that clients use, and the endpoint's voice for each; without any, every name is passed on",
    )
    instructions: str | None = Field(None, description="How to speak, for models that can be told")

    @property
    def voice_names(self) -> frozenset[str] | None:
        """What a client may ask for; None when any name goes."""
        return frozenset(self.voices) or None


def load(settings: OpenAISpeechSettings, progress: Callable[[str], None]) -> OpenAISpeech:
    """Nothing is asked of the endpoint: it may start later than the server, and words cost money."""
    progress(f"Using the voice {settings.model} at {settings.base_url}")
    return OpenAISpeech(settings, OpenAIEndpoint(settings, "speech", "/audio/speech"))


class OpenAISpeech:
    """The ``Voice`` port. Any number of requests at once."""

    def __init__(self, settings: OpenAISpeechSettings, endpoint: OpenAIEndpoint) -> None:
        self.rate = settings.rate
        self._settings = settings
        self._endpoint = endpoint

    def speak(self, request: SpeakRequest, cancel: Cancel) -> Iterator[Samples]:
        """Samples as the endpoint sends them; none for text without words, for which it is not asked."""
        if not any(map(str.isalnum, request.text)):
            return
        body = self._body(request)

        @asynccontextmanager
        async def opened(client: AsyncOpenAI) -> AsyncIterator[AsyncIterable[bytes]]:
            async with client.audio.speech.with_streaming_response.create(**body) as answer:
                kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
                yield self._audio(kind, answer.iter_bytes())

        held = b""  # of a sample that is cut between two pieces
        for data in self._endpoint.pieces(opened, cancel):
            held += data
            whole = len(held) // 2 * 2
            if whole:
                yield np.frombuffer(held[:whole], "<i2").astype(np.float32) / np.float32(32768)
            held = held[whole:]

    def close(self) -> None:
        self._endpoint.close()

    def _body(self, request: SpeakRequest) -> dict[str, Any]:
        """The arguments of the client's call."""
        voices = self._settings.voices
        if voices and request.voice not in voices:
            raise self._endpoint.unsupported(f"has no voice '{request.voice}'", f"`voices` has {', '.join(voices)}")
        body: dict[str, Any] = {
            "model": self._settings.model,
            "input": request.text,
            "voice": voices.get(request.voice, request.voice),
            "response_format": self._settings.format,
        }
        if request.speed != 1:  # some models know one speed alone, and refuse the field
            body["speed"] = request.speed
        if self._settings.instructions is not None:
            body["instructions"] = self._settings.instructions
        if self._settings.extra_body:
            body["extra_body"] = self._settings.extra_body
        return body

    async def _audio(self, kind: str, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The bytes of the answer, those of samples alone. Raises ``ModelFailure``."""
        if kind.startswith("text/") or "json" in kind:
            raise self._endpoint.malformed(f"sent {kind} instead of audio", _hint(kind))
        stream = RawStream(kind) if self._settings.format == "pcm" else WavStream(self.rate)
        silent = True
        async for piece in pieces:
            try:
                samples = stream.push(piece)
            except ModelError as error:
                raise self._endpoint.malformed(error.message, error.hint) from error
            if samples:
                silent = False
                yield samples
        if silent:
            raise self._endpoint.malformed("sent no audio", "does the model know the voice, and the language?")


def _hint(kind: str) -> str:
    return "try `extra_body: {stream_format: audio}`" if kind == "text/event-stream" else ""
