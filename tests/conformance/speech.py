"""Spoken turns: real recordings as the wire carries them."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import numpy as np
from tests.audio.recorded import LABELS, load

from rtengine.audio.resample import resample

RATE = 24000
FRAME_BYTES = RATE // 50 * 2
"""20 ms."""


def spoken(name: str = "capital_of_france_24k.wav", silence_seconds: float = 1.0) -> bytes:
    """A recording as PCM16 at 24 kHz, up to where its voice ends, and the silence that ends a turn."""
    samples, rate = load(name)
    samples = samples[: LABELS[name]["end_ms"] * rate // 1000]
    silence = np.zeros(int(RATE * silence_seconds), "<i2")
    return bytes(np.concatenate([resample(samples, rate, RATE), silence]).astype("<i2").tobytes())


def frames(audio: bytes) -> Iterator[bytes]:
    yield from (audio[at : at + FRAME_BYTES] for at in range(0, len(audio), FRAME_BYTES))


def encoded(audio: bytes) -> Iterator[str]:
    yield from (base64.b64encode(frame).decode() for frame in frames(audio))
