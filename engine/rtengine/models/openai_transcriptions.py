"""Speech to text of any endpoint that speaks the OpenAI transcriptions API: OpenAI, speaches, vLLM and others."""

from __future__ import annotations

import contextlib
import io
import wave
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from pydantic import Field

from rtengine.models.jobs import TranscribeDelta, TranscribeDone, TranscribeRequest
from rtengine.models.openai_endpoint import OpenAIEndpoint, OpenAIEndpointSettings
from rtengine.models.ports import Cancel

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_SHORTEST_SECONDS = 0.1
"""OpenAI refuses shorter audio, in which there are no words."""


class OpenAITranscriptionSettings(OpenAIEndpointSettings):
    """A transcription endpoint that speaks the OpenAI API."""

    language: str | None = Field(
        None, description="Language where the client gives none; if not set, the endpoint finds out"
    )
    languages: frozenset[str] | None = Field(
        None, description="Codes (ISO 639-1) that clients may ask for; if not set, any, and the endpoint judges"
    )
    several_languages: bool = Field(
        False, description="The model takes several `languages` to choose from; without it, such turns fail"
    )
    stream: bool = Field(False, description="Ask for the words as they are recognized; not every model streams")
    logprobs: bool = Field(
        False, description="The model tells log probabilities; without it, turns of clients that ask for them fail"
    )


def load(settings: OpenAITranscriptionSettings, progress: Callable[[str], None]) -> OpenAITranscriber:
    progress(f"Using the transcription model {settings.model} at {settings.base_url}")
    return OpenAITranscriber(settings, OpenAIEndpoint(settings, "transcription", "/audio/transcriptions"))


class OpenAITranscriber:
    """The ``Transcriber`` port. Any number of requests at once."""

    def __init__(self, settings: OpenAITranscriptionSettings, endpoint: OpenAIEndpoint) -> None:
        self._settings = settings
        self._endpoint = endpoint

    def transcribe(self, request: TranscribeRequest, cancel: Cancel) -> Iterator[TranscribeDelta | TranscribeDone]:
        """The text of the utterance; deltas before it where the endpoint streams. Raises ``ModelFailure``."""
        body = self._body(request)
        seconds = len(request.audio) // 2 / request.rate
        if seconds < _SHORTEST_SECONDS:
            yield TranscribeDone("", seconds, body.get("language"), () if request.logprobs else None)
            return

        @asynccontextmanager
        async def opened(client: AsyncOpenAI) -> AsyncIterator[AsyncIterable[Any]]:
            answer = await client.audio.transcriptions.create(**body)
            if not self._settings.stream:
                yield _only(answer)
                return
            async with answer as events:
                yield events

        heard = _Heard(self._settings.stream)
        for piece in self._endpoint.pieces(opened, cancel):
            if delta := heard.push(piece):
                yield TranscribeDelta(delta, _tokens(_fields(piece)) if request.logprobs else None)
        if not cancel:
            logprobs = self._logprobs(heard) if request.logprobs else None
            yield TranscribeDone(self._text(heard), seconds, heard.language or body.get("language"), logprobs)

    def close(self) -> None:
        self._endpoint.close()

    def _body(self, request: TranscribeRequest) -> dict[str, Any]:
        """The arguments of the client's call."""
        settings = self._settings
        if request.logprobs and not settings.logprobs:
            hint = "if the model tells them, say so: `logprobs: true` beside `adapter: openai`"
            raise self._endpoint.unsupported("tells no log probabilities", hint)
        body: dict[str, Any] = {
            "model": settings.model,
            "file": ("turn.wav", _wav(request), "audio/wav"),
            "response_format": "json",
            **self._language(request),
        }
        if request.prompt:
            body["prompt"] = request.prompt
        if request.logprobs:
            body["include"] = ["logprobs"]
        if settings.stream:
            body["stream"] = True
        if settings.extra_body:
            body["extra_body"] = settings.extra_body
        return body

    def _language(self, request: TranscribeRequest) -> dict[str, Any]:
        """What is known of the language: nothing, its code, or several to choose from."""
        if request.language:
            return {"language": _code(request.language)}
        codes = list(dict.fromkeys(map(_code, request.languages or ())))
        if len(codes) > 1 and not self._settings.several_languages:
            hint = "if the model takes several, say so: `several_languages: true` beside `adapter: openai`"
            raise self._endpoint.unsupported("takes one language, not several to choose from", hint)
        if len(codes) > 1:
            return {"languages": codes}
        language = codes[0] if codes else self._settings.language
        return {"language": language} if language else {}

    def _text(self, heard: _Heard) -> str:
        if heard.text is None:
            hint = "does the model stream? if not, set `stream: false`" if self._settings.stream else ""
            raise self._endpoint.malformed("sent no transcript", hint)
        return heard.text

    def _logprobs(self, heard: _Heard) -> tuple[tuple[str, float], ...]:
        if heard.logprobs is None:
            raise self._endpoint.malformed("sent no log probabilities", "set `logprobs: false` if it has none")
        return heard.logprobs


class _Heard:
    """What the pieces of one answer say."""

    def __init__(self, streamed: bool) -> None:
        self._streamed = streamed
        self.text: str | None = None
        """None until the transcript is complete."""
        self.language: str | None = None
        self.logprobs: tuple[tuple[str, float], ...] | None = None
        self._words = ""

    def push(self, piece: Any) -> str:
        """Read one piece; the words that it adds."""
        match _fields(piece):
            case {"type": "transcript.text.delta", "delta": str(words)}:
                return self._add(words)
            # So vLLM streams: in the shape of chat completions, with a reason at the end of each 30 s.
            case {"choices": [{"delta": {**delta}, **choice}]}:
                words = self._add(str(delta.get("content") or ""))
                if words or choice.get("finish_reason"):
                    self.text = self._words.strip() if choice.get("finish_reason") else None
                return words
            case {"text": str(text), **answer} if not self._streamed or answer.get("type") == "transcript.text.done":
                self.text = text.strip()
                self._tell(answer)
        return ""

    def _add(self, words: str) -> str:
        words = words if self._words else words.lstrip()
        self._words += words
        return words

    def _tell(self, answer: Mapping[Any, Any]) -> None:
        match answer.get("languages"):
            case [{"code": str(code)}, *_]:
                self.language = code
        self.logprobs = _tokens(answer)


def _fields(piece: Any) -> Any:
    return piece.to_dict() if hasattr(piece, "to_dict") else piece


def _tokens(answer: Mapping[Any, Any]) -> tuple[tuple[str, float], ...] | None:
    """The log probabilities that a piece tells, if any."""
    match answer.get("logprobs"):
        case [*tokens]:
            with contextlib.suppress(KeyError, TypeError):  # else it told none
                return tuple((str(token["token"]), float(token["logprob"])) for token in tokens)
    return None


def _code(language: str) -> str:
    """The ISO 639-1 code of a language tag: endpoints take no region."""
    return language.lower().split("-")[0]


def _wav(request: TranscribeRequest) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(request.rate)
        sound.writeframes(request.audio[: len(request.audio) // 2 * 2])
    return file.getvalue()


async def _only(answer: Any) -> AsyncIterator[Any]:
    yield answer
