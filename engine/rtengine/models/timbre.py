"""Several speakers out of one voice, by what its vocoder makes sound of: the melody, and where the formants lie."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

Bins = TypeVar("Bins", NDArray[np.float32], NDArray[np.complex64])
"""From 0 Hz to half the sample rate, by frames."""

_HIGHEST = 600.0
"""Hertz. Nobody speaks higher."""
_NOTHING = np.float32(1e-7)
"""Power under which there is nothing to hear."""
_MOST = 2.0
"""A bin is made that much louder at most: where almost nothing is, almost nothing is to be raised."""


class Timbre(BaseModel):
    """How a speaker differs from the model's own voice: ratios, 1 for no difference."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pitch: float = Field(1, ge=0.4, le=2, description="How high; 0.55 makes a man's voice of a woman's")
    pitch_range: float = Field(1, ge=0, le=2, description="How far the melody moves; 0 is a monotone")
    formants: float = Field(1, ge=0.7, le=1.3, description="Where the resonances are; lower is a larger person")

    @property
    def unchanged(self) -> bool:
        return self == Timbre()

    def melody(self, f0: NDArray[np.float32], unvoiced: float) -> NDArray[np.float32]:
        """The pitch in hertz, frame by frame, as this speaker has it; up to ``unvoiced`` there is none."""
        voiced = f0 > unvoiced
        if not voiced.any():
            return f0
        median = np.median(f0[voiced])
        moved = median * self.pitch * (np.maximum(f0, 1) / median) ** self.pitch_range
        # What would be too low to be voiced stays a voice.
        return np.where(voiced, moved.clip(unvoiced * 1.05, _HIGHEST), f0).astype(np.float32)

    def spectrum(self, bins: Bins) -> Bins:
        """The spectrum with its formants moved; nothing above what there was."""
        if self.formants == 1:
            return bins
        last = len(bins) - 1
        source = np.arange(last + 1) / self.formants
        below = np.minimum(source.astype(np.intp), last - 1)
        share = (source - below).clip(0, 1).astype(np.float32)[:, None]
        moved: Bins = bins[below] * (1 - share) + bins[below + 1] * share
        moved[source > last] = 0
        return moved


def equalizer(target: NDArray[np.float32], spectrum: NDArray[np.complex64], width: int) -> NDArray[np.float32]:
    """Factors that give a spectrum the power ``target``, both smoothed over the frequency by ``width`` bins."""
    factors: NDArray[np.float32] = np.sqrt((target + _NOTHING) / (power(spectrum, width) + _NOTHING))
    return np.minimum(factors, _MOST)


def power(spectrum: NDArray[np.complex64], width: int) -> NDArray[np.float32]:
    """The power of each bin, averaged with those around it: ``width`` of them, an odd number."""
    half = width // 2
    each = spectrum.real**2 + spectrum.imag**2
    sums = np.cumsum(np.pad(each, ((half + 1, half), (0, 0)), mode="edge"), axis=0, dtype=np.float32)
    return (sums[width:] - sums[:-width]) * np.float32(1 / width)
