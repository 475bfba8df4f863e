"""Changing the sample rate, through libsoxr: whole utterances at once, or a stream chunk by chunk.

A better filter looks further ahead. What a stream withholds (24 kHz to 16 kHz): QQ 0 ms, LQ 12 ms, HQ 11..21 ms.
"""

from __future__ import annotations

from typing import Literal, TypeVar

import numpy as np
import soxr
from numpy.typing import NDArray

Quality = Literal["QQ", "LQ", "MQ", "HQ", "VHQ"]
"""libsoxr's recipes, from cubic interpolation (no delay, no anti-aliasing filter) to 28 bits."""

SampleType = TypeVar("SampleType", np.int16, np.float32)


def resample(samples: NDArray[SampleType], rate_in: int, rate_out: int, quality: Quality = "HQ") -> NDArray[SampleType]:
    """A whole mono signal at another rate, in its own sample type."""
    if rate_in == rate_out or not samples.size:
        return samples
    result: NDArray[SampleType] = soxr.resample(samples, rate_in, rate_out, quality=quality)
    return result


class Resampler:
    """A mono float32 stream at another rate. However the input is cut into pieces, the output is the same.

    Floats, because libsoxr dithers integers, and differently for other pieces.
    """

    def __init__(self, rate_in: int, rate_out: int, quality: Quality = "HQ") -> None:
        self.rate_in = rate_in
        self.rate_out = rate_out
        self._stream: soxr.ResampleStream | None = None
        if rate_in != rate_out:
            self._stream = soxr.ResampleStream(rate_in, rate_out, 1, dtype="float32", quality=quality)

    @property
    def delay_ms(self) -> float:
        """How much of the input so far is not yet in the output."""
        return 0.0 if self._stream is None else self._stream.delay() / self.rate_out * 1000

    def feed(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """The part of the output that is certain by now; it may be empty."""
        if self._stream is None:
            return samples
        result: NDArray[np.float32] = self._stream.resample_chunk(samples)
        return result

    def flush(self) -> NDArray[np.float32]:
        """The withheld rest. The stream begins anew afterwards."""
        if self._stream is None:
            return np.zeros(0, np.float32)
        rest: NDArray[np.float32] = self._stream.resample_chunk(np.zeros(0, np.float32), last=True)
        self._stream.clear()
        return rest
