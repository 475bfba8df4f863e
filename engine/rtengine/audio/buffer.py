"""The input audio buffer: what a client has sent and not yet committed, on the session's audio clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rtengine.audio.format import AudioFormat
from rtengine.errors import RtengineError

Buffer = bytes | memoryview
Filter = Callable[[NDArray[np.int16]], NDArray[np.int16]]

_SMALL_MS = 10
_MERGE_AFTER = 64
"""So many chunks under ``_SMALL_MS`` in a row become one: single samples would cost a hundred bytes each."""


class BufferFull(RtengineError):
    """An append would take the buffer over its limit. Nothing of it was taken."""


@dataclass(frozen=True, slots=True)
class AudioClip:
    """A piece of the input, as mono PCM16 (little endian)."""

    pcm16: bytes
    rate: int
    start_ms: float
    """Where the piece begins on the audio clock of the session."""
    end_ms: float

    @property
    def duration_ms(self) -> float:
        return len(self.pcm16) * 500 / self.rate

    def samples(self) -> NDArray[np.int16]:
        return np.frombuffer(self.pcm16, dtype="<i2")


class InputAudioBuffer:
    """Samples in the order they came. The audio clock counts every sample ever appended, and never goes back.

    Chunks stay as they came and are joined only when a clip is cut. G.711 is kept decoded, at its 8 kHz. A buffer that
    takes over from one of another format begins at ``start_ms`` of the audio clock.
    """

    def __init__(self, format: AudioFormat, limit_seconds: float = 600, start_ms: float = 0.0) -> None:
        self.format = format
        self.limit_seconds = limit_seconds
        self._limit = int(limit_seconds * format.rate)
        self._chunks: deque[NDArray[np.int16]] = deque()
        self._small = 0
        self._start = self._end = round(start_ms * format.rate / 1000)
        self._odd = b""

    @property
    def total_ms(self) -> float:
        """The audio clock: how much audio was ever appended."""
        return self._end * 1000 / self.format.rate

    @property
    def start_ms(self) -> float:
        """Where the oldest sample still held lies on the audio clock."""
        return self._start * 1000 / self.format.rate

    @property
    def buffered_ms(self) -> float:
        return (self._end - self._start) * 1000 / self.format.rate

    def append(self, data: Buffer, clean: Filter | None = None) -> NDArray[np.int16]:
        """Add audio in the buffer's format, and return its samples. Half a sample at the end waits for its other half.

        ``clean`` gives as many samples as it takes; its are the ones that are kept.

        Raises BufferFull, and takes nothing, when the buffer would hold more than its limit.
        """
        if self.format.encoding == "pcm" and (self._odd or len(data) & 1):
            data = self._odd + bytes(data)
            whole = len(data) & ~1
            odd, data = data[whole:], data[:whole]
        else:
            odd = b""
        size = len(data) // self.format.bytes_per_sample
        if self._end - self._start + size > self._limit:
            raise BufferFull(
                f"The input audio buffer holds at most {self.limit_seconds:g} seconds of audio.",
                hint="Commit or clear the buffer.",
            )
        self._odd = odd
        samples = self.format.decode(data)
        if clean is not None:
            samples = clean(samples)
        if size:
            self._end += size
            self._chunks.append(samples)
            self._merge(size)
        return samples

    def cut(self, start_ms: float | None = None, end_ms: float | None = None) -> AudioClip:
        """A copy of the audio between two moments of the audio clock, as far as it is held; all of it by default."""
        start = self._start if start_ms is None else min(max(self._sample(start_ms), self._start), self._end)
        end = self._end if end_ms is None else min(max(self._sample(end_ms), start), self._end)
        pieces = b"".join(piece.tobytes() for piece in self._between(start, end))
        rate = self.format.rate
        return AudioClip(pieces, rate, start * 1000 / rate, end * 1000 / rate)

    def commit(self, start_ms: float | None = None, end_ms: float | None = None) -> AudioClip:
        """``cut``, and forget everything up to the end of the clip. What came later stays.

        An end beyond the audio clock, or none, takes all: the half of a sample goes, and what comes next begins anew.
        """
        clip = self.cut(start_ms, end_ms)
        self._drop_before(self._sample(clip.end_ms))
        if end_ms is None or end_ms > self.total_ms:
            self._odd = b""
        return clip

    def keep_last(self, ms: float) -> None:
        """Forget what is older than ``ms``, as far as it costs no copying: up to one chunk more may stay.

        Called after every append while nobody speaks, so that an open microphone needs a bounded amount of memory.
        """
        keep = int(ms * self.format.rate / 1000)
        start = self._end - keep
        chunks = self._chunks
        while chunks and self._start + len(chunks[0]) <= start:
            self._start += len(chunks.popleft())
        if start - self._start > keep:  # One chunk much longer than the pre-roll: a copy frees the rest of it.
            self._drop_before(start)
            chunks[0] = chunks[0].copy()

    def clear(self) -> None:
        """Forget all audio. The audio clock goes on."""
        self._chunks.clear()
        self._small = 0
        self._start = self._end
        self._odd = b""

    def _sample(self, ms: float) -> int:
        return round(ms * self.format.rate / 1000)

    def _between(self, start: int, end: int) -> Iterator[NDArray[np.int16]]:
        at = self._start
        for chunk in self._chunks:
            if at >= end:
                return
            if at + len(chunk) > start:
                yield chunk[max(start - at, 0) : end - at]
            at += len(chunk)

    def _drop_before(self, sample: int) -> None:
        chunks = self._chunks
        while chunks and self._start + len(chunks[0]) <= sample:
            self._start += len(chunks.popleft())
        if self._start < sample:
            chunks[0] = chunks[0][sample - self._start :]
            self._start = sample

    def _merge(self, size: int) -> None:
        """Join a run of small chunks once it is long, which costs each sample one copy at most."""
        self._small = self._small + 1 if size * 1000 < _SMALL_MS * self.format.rate else 0
        if self._small == _MERGE_AFTER:
            run = [self._chunks.pop() for _ in range(min(self._small, len(self._chunks)))]
            self._chunks.append(np.concatenate(run[::-1]))
            self._small = 0
