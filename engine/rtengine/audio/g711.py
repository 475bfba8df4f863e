"""G.711: eight-bit telephone audio, µ-law and A-law (ITU-T G.711), by table.

All 65536 samples and all 256 codes map exactly as the ITU reference (and Python's former ``audioop``) maps them.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Law = Literal["pcmu", "pcma"]

_MU_BIAS = 33
_MU_CLIP = 8191 - _MU_BIAS  # Largest 14-bit magnitude that still has a code.


def _segments(magnitude: NDArray[np.int32], first: int) -> NDArray[np.int32]:
    """Number of bits above ``first``: the segment of the law's logarithmic curve that a magnitude lies on."""
    length: NDArray[np.int32] = np.ceil(np.log2(magnitude + 1.0)).astype(np.int32)
    return np.maximum(length - first, 0, dtype=np.int32)


def _all_samples() -> NDArray[np.int32]:
    """Every PCM16 sample, at the index that the sample has as an unsigned number."""
    return np.arange(1 << 16, dtype=np.uint16).view(np.int16).astype(np.int32)


def _mu_law_encoder() -> NDArray[np.uint8]:
    """Table 2a of G.711: 14-bit samples, biased by 33, with all bits of the code inverted."""
    sample = _all_samples() >> 2
    magnitude = np.minimum(np.abs(sample), _MU_CLIP) + _MU_BIAS
    segment = _segments(magnitude, 6)
    code: NDArray[np.int32] = (sample < 0) * 0x80 | segment << 4 | magnitude >> (segment + 1) & 0xF
    return (code ^ 0xFF).astype(np.uint8)


def _mu_law_decoder() -> NDArray[np.int16]:
    code = np.arange(256) ^ 0xFF
    segment, mantissa = code >> 4 & 7, code & 0xF
    magnitude = ((2 * mantissa + _MU_BIAS) << segment) - _MU_BIAS
    return (np.where(code & 0x80, -magnitude, magnitude) << 2).astype(np.int16)


def _a_law_encoder() -> NDArray[np.uint8]:
    """Table 1a of G.711: 13-bit samples, two linear segments, even bits of the code inverted (0x55)."""
    sample = _all_samples() >> 3
    magnitude = np.where(sample < 0, ~sample, sample)
    segment = _segments(magnitude, 5)
    code: NDArray[np.int32] = (sample >= 0) * 0x80 | segment << 4 | magnitude >> np.maximum(segment, 1) & 0xF
    return (code ^ 0x55).astype(np.uint8)


def _a_law_decoder() -> NDArray[np.int16]:
    code = np.arange(256) ^ 0x55
    segment, mantissa = code >> 4 & 7, code & 0xF
    magnitude: NDArray[np.int64] = (2 * mantissa + 1 + np.where(segment, 32, 0)) << np.maximum(segment - 1, 0)
    return (np.where(code & 0x80, magnitude, -magnitude) << 3).astype(np.int16)


_ENCODERS: dict[str, NDArray[np.uint8]] = {"pcmu": _mu_law_encoder(), "pcma": _a_law_encoder()}
_DECODERS: dict[str, NDArray[np.int16]] = {"pcmu": _mu_law_decoder(), "pcma": _a_law_decoder()}


def encode(samples: NDArray[np.int16], law: Law) -> bytes:
    """PCM16 to one byte a sample."""
    return _ENCODERS[law].take(np.ascontiguousarray(samples, dtype=np.int16).view(np.uint16)).tobytes()


def decode(data: bytes | bytearray | memoryview, law: Law) -> NDArray[np.int16]:
    """One byte a sample to PCM16."""
    return _DECODERS[law].take(np.frombuffer(data, dtype=np.uint8))
