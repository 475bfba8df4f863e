"""Text to speech of any endpoint that speaks the OpenAI speech API: OpenAI, Kokoro-FastAPI, LocalAI and others."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from rtengine.models.jobs import SpeakRequest
from rtengine.models.openai_endpoint import OpenAIEndpoint, OpenAIEndpointSettings
from rtengine.models.ports import Cancel, Samples

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_CONTAINERS = {b"RIFF": "WAV", b"ID3": "MP3", b"OggS": "Ogg", b"fLaC": "FLAC"}
_BEGINNING = 4
"""Bytes that tell a container."""


class OpenAISpeechSettings(OpenAIEndpointSettings):
    """A speech endpoint that speaks the OpenAI API."""

    rate: int = Field(
        24000, ge=8000, le=48000, description="Samples per second of the endpoint's `pcm`; 24000 at OpenAI"
    )
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
            "response_format": "pcm",
        }
        if request.speed != 1:  # some models know one speed alone, and refuse the field
            body["speed"] = request.speed
        if self._settings.instructions is not None:
            body["instructions"] = self._settings.instructions
        if self._settings.extra_body:
            body["extra_body"] = self._settings.extra_body
        return body

    async def _audio(self, kind: str, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The bytes of the answer, once they are known to be samples. Raises ``ModelFailure``."""
        if kind.startswith("text/") or "json" in kind:
            raise self._endpoint.malformed(f"sent {kind} instead of audio", _hint(kind))
        beginning = b""
        async for piece in pieces:
            if len(beginning) >= _BEGINNING:
                yield piece
                continue
            beginning += piece
            if len(beginning) >= _BEGINNING:
                if container := _container(kind, beginning):
                    hint = "the endpoint does not know `response_format: pcm`, or `extra_body` asks for another"
                    raise self._endpoint.malformed(f"sent {container} instead of raw samples", hint)
                yield beginning
        if len(beginning) < _BEGINNING:
            raise self._endpoint.malformed("sent no audio", "does the model know the voice, and the language?")


def _container(kind: str, beginning: bytes) -> str | None:
    """The format of audio that is no raw PCM.

    An MP3 may begin with a bare frame, which samples may look like: there, the endpoint has to call it one as well.
    """
    for magic, name in _CONTAINERS.items():
        if beginning.startswith(magic):
            return name
    frame = beginning[0] == 0xFF and beginning[1] >= 0xE0
    return "MP3" if frame and kind in ("audio/mpeg", "audio/mp3") else None


def _hint(kind: str) -> str:
    return "try `extra_body: {stream_format: audio}`" if kind == "text/event-stream" else ""
