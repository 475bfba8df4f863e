"""The recordings in this folder, as streams with a known voice in them."""

from __future__ import annotations

import functools
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ruamel.yaml import YAML

from rtengine.audio.activity import Edge, VoiceActivity
from rtengine.audio.resample import resample

RECORDINGS = Path(__file__).parent / "recordings"
LABELS: dict[str, dict[str, Any]] = YAML(typ="safe").load(RECORDINGS / "labels.yaml")
NAMES = sorted(LABELS)

LEAD_MS, TRAIL_MS = 500, 1500


@dataclass(frozen=True)
class Recording:
    """A clip with a second of room before it and after it."""

    samples: NDArray[np.int16]
    rate: int
    onset_ms: float
    end_ms: float


def load(name: str) -> tuple[NDArray[np.int16], int]:
    with wave.open(str(RECORDINGS / name)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2"), file.getframerate()


@functools.cache
def recording(name: str, rate: int = 24000, room_dbfs: float | None = -70) -> Recording:
    """The clip at ``rate``, in faint white noise, or in digital silence when ``room_dbfs`` is None."""
    clip, clip_rate = load(name)
    speech = resample(clip.astype(np.float32), clip_rate, rate)
    samples = np.concatenate([np.zeros(LEAD_MS * rate // 1000), speech, np.zeros(TRAIL_MS * rate // 1000)])
    if room_dbfs is not None:
        samples += np.random.default_rng(7).normal(0, 32768 * 10 ** (room_dbfs / 20), len(samples))
    label = LABELS[name]
    integers = np.clip(np.rint(samples), -32768, 32767).astype(np.int16)
    return Recording(integers, rate, LEAD_MS + label["onset_ms"], LEAD_MS + label["end_ms"])


def played(detector: VoiceActivity, samples: NDArray[np.int16], piece: int) -> list[Edge]:
    """The edges of a stream that comes in pieces of so many samples."""
    return [edge for at in range(0, len(samples), piece) for edge in detector.feed(samples[at : at + piece])]
