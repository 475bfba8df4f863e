"""From a voice's samples to the chunks of audio that a session sends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

import numpy as np
from numpy.typing import NDArray

from rtengine.audio.format import AudioFormat, Encoding
from rtengine.audio.resample import Resampler
from rtengine.models.jobs import SpeakAudio, SpeakDone, SpeakRequest
from rtengine.models.ports import Samples

FIRST_CHUNK_MS = 60
"""The clause's first chunk is short: it is what the caller waits for when the voice makes audio bit by bit."""
CHUNK_MS = 160
"""Every event costs the server and the client about as much, however long its audio is."""


def spoken(request: SpeakRequest, pieces: Iterable[Samples], rate: int) -> Iterator[SpeakAudio | SpeakDone]:
    """The audio of one clause in the request's encoding and rate, from samples at ``rate`` in pieces of any length.

    The first chunk carries the clause's text; a clause that makes no sound gives one chunk without audio, so that its
    text is not lost.
    """
    audio_format = AudioFormat(cast(Encoding, request.encoding), request.rate)
    text = request.text
    for samples in _chunks(_resampled(pieces, rate, request.rate), request.rate):
        audio = audio_format.encode(pcm16(samples))
        yield SpeakAudio(audio, audio_format.duration_ms(len(audio)), text)
        text = ""
    if text:
        yield SpeakAudio(b"", 0.0, text)
    yield SpeakDone()


def pcm16(samples: Samples) -> NDArray[np.int16]:
    """Samples in -1..1 as 16-bit integers. What lies outside is clipped; what is no number is silent."""
    scaled = np.clip(np.nan_to_num(samples, nan=0.0), -1.0, 1.0) * np.float32(32767)
    integers: NDArray[np.int16] = np.rint(scaled).astype(np.int16)
    return integers


def _resampled(pieces: Iterable[Samples], rate_in: int, rate_out: int) -> Iterator[Samples]:
    resampler = Resampler(rate_in, rate_out)
    for piece in pieces:
        samples = np.asarray(piece, np.float32)
        if samples.ndim != 1:
            raise TypeError(f"a voice yields arrays of samples, of one dimension; this piece has {samples.ndim}")
        yield resampler.feed(samples)
    yield resampler.flush()


def _chunks(pieces: Iterable[Samples], rate: int) -> Iterator[Samples]:
    """The same samples in chunks: a short one, long ones, and the rest."""
    size = FIRST_CHUNK_MS * rate // 1000
    waiting: list[Samples] = []
    length = 0
    for piece in pieces:
        waiting.append(piece)
        length += piece.size
        if length < size:
            continue
        joined = np.concatenate(waiting)
        while joined.size >= size:
            yield joined[:size]
            joined = joined[size:]
            size = CHUNK_MS * rate // 1000
        waiting, length = [joined], joined.size
    if length:
        yield np.concatenate(waiting)
