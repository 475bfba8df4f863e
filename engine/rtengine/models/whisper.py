"""Speech to text with Whisper, through faster-whisper.

Whisper always encodes 30 seconds, however short the utterance. Here the encoder gets the utterance and four seconds
more (at least ten), which takes a third of the time. A result that looks like a runaway is made again with 30 seconds.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import soxr
from pydantic import BaseModel, ConfigDict, Field

from rtengine.errors import ModelError
from rtengine.models import weights
from rtengine.models.jobs import TranscribeDelta, TranscribeDone, TranscribeRequest
from rtengine.models.ports import Cancel, ModelFailure, Samples

RATE = 16000
_WINDOW_SECONDS = 30.0
_LONGEST_SECONDS = 26.0
"""Longer audio is read in windows."""
_SHORTEST_SECONDS = 0.1
"""Shorter audio holds no words, and is not read."""
_TIMESTAMP_SECONDS = 0.02
_FULL_FRAMES = 3000
_FRAMES_PER_SECOND = 100
_MAX_NEW_TOKENS = 224
_LANGUAGE_CERTAIN = 0.6
_SILENCE = (0.6, -1.0)
"""No-speech probability above the first *and* mean log probability below the second: nobody spoke."""
_DOUBTFUL_LOGPROB = -0.9
_FEW_TOKENS = 6
_REPETITIVE = 1.8


_CODES = """
af am ar as az ba be bg bn bo br bs ca cs cy da de el en es et eu fa fi fo fr gl gu ha haw he hi hr ht hu hy id is it
ja jw ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr ms mt my ne nl nn no oc pa pl ps pt ro ru sa sd si sk sl sn so
sq sr su sv sw ta te tg th tk tl tr tt uk ur uz vi yi yo yue zh
"""
_LANGUAGES = frozenset(_CODES.split())
"""Of the multilingual models, in ISO 639."""


class WhisperSettings(BaseModel):
    """Speech to text with Whisper on this machine."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: Literal["base", "tiny.en"] = Field(
        "base", description="`base` knows 99 languages; `tiny.en` English, faster"
    )
    path: Path | None = Field(None, description="Folder of another Whisper model for CTranslate2; replaces `model`")
    language: str = Field("en", description="Language where the client gives none and it cannot be detected")
    detect_language: bool = Field(True, description="Detect the language where the client gives none")
    compute_type: Literal["int8", "float32", "int8_float16", "float16"] = Field("int8", description="Arithmetic")
    device: Literal["cpu", "cuda"] = Field("cpu", description="Where the model runs")
    threads: int = Field(1, ge=1, description="CPU threads of each worker")
    workers: int = Field(2, ge=1, description="Utterances transcribed at once")
    short_context: bool = Field(True, description="Encode only as much audio as there is; false encodes 30 s each time")

    @property
    def required_weights(self) -> tuple[str, ...]:
        """Names in the manifest of weights."""
        return () if self.path else (f"whisper-{self.model}",)

    @property
    def languages(self) -> frozenset[str] | None:
        """What a client may ask for; None while a model of one's own has not been loaded."""
        if self.path is not None:
            return None
        return _LANGUAGES if self.model == "base" else frozenset(("en",))


@dataclass(frozen=True, slots=True)
class _Decoded:
    text: str
    tokens: tuple[tuple[str, float], ...]
    language: str
    score: float
    """Mean log probability of the tokens."""
    length: int
    """Number of tokens."""
    capped: bool
    silent: bool
    seconds: float
    """How much of the audio this is the text of; a whole window, unless a later part was left for the next."""

    @property
    def doubtful(self) -> bool:
        data = self.text.encode()
        repetitive = bool(data) and len(data) / len(zlib.compress(data)) > _REPETITIVE
        # A missing full stop alone is enough to pull down the mean of "Please stop": few tokens count as a few more.
        score = self.score * self.length / max(self.length, _FEW_TOKENS)
        return self.capped or score < _DOUBTFUL_LOGPROB or repetitive


class WhisperTranscriber:
    """The ``Transcriber`` port. Safe to call from ``workers`` threads at once."""

    def __init__(self, model: Any, settings: WhisperSettings) -> None:
        self._model = model
        self._settings = settings
        self.multilingual: bool = model.model.is_multilingual
        self.languages: frozenset[str] = frozenset(model.supported_languages if self.multilingual else ["en"])
        """ISO 639-1 codes (639-3 where there is none) that a request may name."""
        if settings.language not in self.languages:
            raise ModelError(f"The Whisper model does not know the language '{settings.language}'")
        self._tokenizer = lru_cache(maxsize=None)(self._make_tokenizer)

    def transcribe(self, request: TranscribeRequest, cancel: Cancel) -> Iterator[TranscribeDelta | TranscribeDone]:
        """The text of the utterance. Audio longer than a window yields a delta per window.

        Raises ``ModelFailure`` for a language that the model does not know.
        """
        language = self._language_of(request)
        samples, seconds = _samples(request)
        parts: list[str] = []
        logprobs: list[tuple[str, float]] = []
        for decoded in self._read(samples, language, request, cancel):
            if decoded.silent or not decoded.text:
                continue
            language = decoded.language
            logprobs += decoded.tokens
            parts.append(decoded.text)
            if len(samples) > _LONGEST_SECONDS * RATE:
                words = decoded.text if len(parts) == 1 else f" {decoded.text}"
                yield TranscribeDelta(words, decoded.tokens if request.logprobs else None)
        if not cancel:
            yield TranscribeDone(" ".join(parts), seconds, language, tuple(logprobs) if request.logprobs else None)

    def _read(
        self, samples: Samples, language: str | None, request: TranscribeRequest, cancel: Cancel
    ) -> Iterator[_Decoded]:
        """Windows of long audio, each from where the last one's complete sentences ended; then the rest at once."""
        while len(samples) > _LONGEST_SECONDS * RATE and not cancel:
            decoded = self._window(samples[: int(_WINDOW_SECONDS * RATE)], language, request)
            yield decoded
            samples = samples[int(decoded.seconds * RATE) :]
        if not cancel and len(samples) > _SHORTEST_SECONDS * RATE:
            yield self._utterance(samples, language, request, cancel)

    def _language_of(self, request: TranscribeRequest) -> str | None:
        """The language to use, or None to detect it."""
        if request.language:
            return self._known(request.language)
        if request.languages:
            codes = [self._known(language) for language in request.languages]
            return codes[0] if len(codes) == 1 or not self.multilingual else None
        return None if self.multilingual and self._settings.detect_language else self._settings.language

    def _known(self, language: str) -> str:
        code = language.lower().split("-")[0]
        if code not in self.languages:
            what = "this model transcribes English only" if not self.multilingual else "Whisper does not know it"
            raise ModelFailure(
                f"Language '{language}' is not supported: {what}.", "invalid_value", "invalid_request_error"
            )
        return code

    def _utterance(
        self, samples: Samples, language: str | None, request: TranscribeRequest, cancel: Cancel
    ) -> _Decoded:
        features = self._model.feature_extractor(samples)
        seconds = len(samples) / RATE
        short = int(max(10.0, seconds + 4.0) * _FRAMES_PER_SECOND) // 2 * 2
        frames = min(_FULL_FRAMES, short) if self._settings.short_context else _FULL_FRAMES
        encoded = self._encode(features, frames)
        language = language or self._detect(encoded, request)
        if frames == _FULL_FRAMES:
            return self._decode(encoded, language, _MAX_NEW_TOKENS, request)
        # English has about four tokens a second; other languages are cut into more and smaller ones.
        cap = 10 + int(seconds * (6 if language == "en" else 14))
        decoded = self._decode(encoded, language, min(cap, _MAX_NEW_TOKENS), request)
        if decoded.doubtful and not decoded.silent and not cancel:
            decoded = self._decode(self._encode(features, _FULL_FRAMES), language, _MAX_NEW_TOKENS, request)
            # More than can be said in the time, and that twice: this was no speech.
            return replace(decoded, silent=True) if decoded.length > cap else decoded
        return decoded

    def _window(self, samples: Samples, language: str | None, request: TranscribeRequest) -> _Decoded:
        encoded = self._encode(self._model.feature_extractor(samples), _FULL_FRAMES)
        return self._decode(
            encoded, language or self._detect(encoded, request), _MAX_NEW_TOKENS, request, timestamps=True
        )

    def _encode(self, features: Samples, frames: int) -> Any:
        """Encode the features, filled up with zeros or cut to ``frames``. (Filling up the *audio* invites runaways.)"""
        fitted = np.zeros((features.shape[0], frames), np.float32)
        count = min(frames, features.shape[1])
        fitted[:, :count] = features[:, :count]
        return self._model.encode(fitted)

    def _detect(self, encoded: Any, request: TranscribeRequest) -> str:
        """The likeliest of the request's languages; of all, where it names none, if that is likely enough."""
        among = {language.lower().split("-")[0] for language in request.languages or ()}
        ranked = [(str(code)[2:-2], chance) for code, chance in self._model.model.detect_language(encoded)[0]]
        if among:
            return next(code for code, _ in ranked if code in among)
        code, probability = ranked[0]
        return code if probability > _LANGUAGE_CERTAIN else self._settings.language

    def _decode(
        self, encoded: Any, language: str, cap: int, request: TranscribeRequest, timestamps: bool = False
    ) -> _Decoded:
        tokenizer = self._tokenizer(language)
        prompt = [*tokenizer.sot_sequence] if timestamps else [*tokenizer.sot_sequence, tokenizer.no_timestamps]
        if request.prompt:
            words = tokenizer.encode(" " + request.prompt.strip())
            prompt = [tokenizer.sot_prev, *words[-(_MAX_NEW_TOKENS - 1) :], *prompt]
        [result] = self._model.model.generate(
            encoded,
            [prompt],
            beam_size=1,
            max_length=min(len(prompt) + cap, self._model.max_length),
            sampling_temperature=0.0,
            return_scores=True,
            return_no_speech_prob=True,
            return_logits_vocab=request.logprobs,
        )
        ids: list[int] = result.sequences_ids[0]
        capped = len(ids) >= cap - 1
        seconds = _WINDOW_SECONDS
        if timestamps:
            ids, seconds = _complete(ids, tokenizer.timestamp_begin)
        places = [place for place, token in enumerate(ids) if token < tokenizer.eot]
        text = tokenizer.decode([ids[place] for place in places]).strip()
        tokens = _logprobs(tokenizer, [(ids[p], result.logits[0][p]) for p in places]) if request.logprobs else ()
        silent = result.no_speech_prob > _SILENCE[0] and result.scores[0] < _SILENCE[1]
        return _Decoded(text, tokens, language, result.scores[0], len(ids) + 1, capped, silent, seconds)

    def _make_tokenizer(self, language: str) -> Any:
        from faster_whisper.tokenizer import Tokenizer

        return Tokenizer(self._model.hf_tokenizer, self.multilingual, task="transcribe", language=language)


def _samples(request: TranscribeRequest) -> tuple[Samples, float]:
    """The audio at Whisper's rate, and its length in seconds."""
    pcm = np.frombuffer(request.audio[: len(request.audio) // 2 * 2], "<i2")
    samples = pcm.astype(np.float32) / np.float32(32768)
    if request.rate != RATE and len(samples):
        samples = np.asarray(soxr.resample(samples, request.rate, RATE), np.float32)
    return samples, len(pcm) / request.rate


def _complete(ids: list[int], timestamp_begin: int) -> tuple[list[int], float]:
    """The tokens of a window's complete segments, and the second where they end.

    Segments stand between timestamps, so two timestamps in a row end one and begin the next; a single one at the end
    says that nothing comes after it. What follows the last pair may be cut off by the window, and is read again with
    the next.
    """
    pairs = [i for i in range(1, len(ids)) if ids[i - 1] >= timestamp_begin and ids[i] >= timestamp_begin]
    ended = len(ids) > 1 and ids[-1] >= timestamp_begin > ids[-2]
    if ended or not pairs:
        return ids, _WINDOW_SECONDS
    seconds = (ids[pairs[-1] - 1] - timestamp_begin) * _TIMESTAMP_SECONDS
    return (ids[: pairs[-1]], seconds) if seconds > 1 else (ids, _WINDOW_SECONDS)


def _logprobs(tokenizer: Any, rows: list[tuple[int, Any]]) -> tuple[tuple[str, float], ...]:
    """(text, log probability) of each token; tokens that only together make a character are one entry."""
    found: list[tuple[str, float]] = []
    held: list[int] = []
    total = 0.0
    for token, row in rows:
        scores = np.asarray(row, np.float64).reshape(-1)
        total += float(scores[token] - np.logaddexp.reduce(scores))
        held.append(token)
        text = tokenizer.decode(held)
        if "\ufffd" not in text:
            found.append((text, total))
            held, total = [], 0.0
    return tuple(found)


def load(settings: WhisperSettings, progress: Callable[[str], None]) -> WhisperTranscriber:
    """Load the model and run it once. Raises ``ModelError`` when its weights are missing or cannot be read."""
    folder = settings.path or weights.locate(settings.required_weights[0])
    for name in ("model.bin", "tokenizer.json"):
        if not (folder / name).is_file():
            raise ModelError(f"{folder} is no Whisper model in CTranslate2 format: it has no {name}")
    progress(f"loading Whisper from {folder}")
    try:
        from faster_whisper import WhisperModel

        model = WhisperModel(
            str(folder),
            device=settings.device,
            compute_type=settings.compute_type,
            cpu_threads=settings.threads,
            num_workers=settings.workers,
            local_files_only=True,
        )
    except (ImportError, RuntimeError, ValueError) as error:
        raise ModelError(f"Whisper could not be loaded from {folder}: {error}") from error
    transcriber = WhisperTranscriber(model, settings)
    for _ in transcriber.transcribe(TranscribeRequest(bytes(RATE), RATE), Cancel()):
        pass
    return transcriber
