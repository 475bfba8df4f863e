"""Recorded speech with a known beginning and end, in noise that is made here."""

from __future__ import annotations

import wave
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from rtengine.audio.resample import resample
from rtengine.errors import RtengineError

RATE = 24000
RECORDINGS = Path(__file__).parents[2] / "tests" / "audio" / "recordings"
"""Those of the repository; an installed package has none."""
_LEAD_MS, _TRAIL_MS = 1000, 1500
_ROOM_DBFS = -70

Signal = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Recording:
    name: str
    samples: Signal
    """At 24 kHz, on the scale of PCM16."""
    onset_ms: float
    end_ms: float

    @property
    def power(self) -> float:
        """Of the speech alone."""
        speech = self.samples[round(self.onset_ms * RATE / 1000) : round(self.end_ms * RATE / 1000)]
        return float(np.mean(np.square(speech)))


@dataclass(frozen=True, slots=True)
class Stream:
    """A recording with noise before, under and after it."""

    samples: NDArray[np.int16]
    onset_ms: float
    end_ms: float


def recordings(folder: Path) -> list[Recording]:
    """The WAV files that the folder's ``labels.yaml`` names. Raises RtengineError when there are none to read."""
    try:
        labels = YAML(typ="safe").load(folder / "labels.yaml")
        return [
            Recording(name, _read(folder / name), label["onset_ms"], label["end_ms"]) for name, label in labels.items()
        ]
    except (OSError, EOFError, wave.Error, YAMLError, KeyError, TypeError, AttributeError) as error:
        raise RtengineError(
            f"There are no labelled recordings in {folder}: {error}",
            hint="pass --recordings FOLDER: mono 16-bit WAV files, and labels.yaml with onset_ms and end_ms for each",
        ) from error


def _read(path: Path) -> Signal:
    with wave.open(str(path)) as file:
        if (file.getnchannels(), file.getsampwidth()) != (1, 2):
            raise wave.Error(f"{path.name} is not mono 16-bit")
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32)
        return resample(samples, file.getframerate(), RATE).astype(np.float64)


def mixed(recording: Recording, noise: Signal | None, snr_db: float = 0.0) -> Stream:
    """The recording in noise whose power is ``snr_db`` under that of the speech; in a faint room without noise."""
    clean = np.concatenate([np.zeros(_LEAD_MS * RATE // 1000), recording.samples, np.zeros(_TRAIL_MS * RATE // 1000)])
    if noise is None:
        noise = np.random.default_rng(7).normal(0, 32768 * 10 ** (_ROOM_DBFS / 20), len(clean))
    else:
        noise = np.resize(noise, len(clean))
        noise = noise * np.sqrt(recording.power / np.mean(np.square(noise)) / 10 ** (snr_db / 10))
    return Stream(pcm16(clean + noise), _LEAD_MS + recording.onset_ms, _LEAD_MS + recording.end_ms)


def pcm16(signal: Signal) -> NDArray[np.int16]:
    return np.clip(np.rint(signal), -32768, 32767).astype(np.int16)


def pieces(samples: NDArray[np.int16], milliseconds: int) -> Iterator[NDArray[np.int16]]:
    size = RATE * milliseconds // 1000
    return (samples[at : at + size] for at in range(0, len(samples), size))


# --- noises: about -20 dBFS, the same on every run --------------------------------------------------------------------


def _white(rng: np.random.Generator, size: int) -> Signal:
    return rng.normal(0, 1, size)


def _pink(rng: np.random.Generator, size: int) -> Signal:
    spectrum = np.fft.rfft(rng.normal(0, 1, size))
    return np.fft.irfft(spectrum / np.sqrt(np.arange(1, len(spectrum) + 1)), size)


def _hum(rng: np.random.Generator, size: int) -> Signal:
    time = np.arange(size) / RATE
    harmonics = np.arange(1, 9)[:, None]
    waves: Signal = (np.sin(2 * np.pi * 50 * harmonics * time) / harmonics).sum(axis=0)
    return waves + rng.normal(0, 0.05, size)


def _keyboard(rng: np.random.Generator, size: int) -> Signal:
    noise = rng.normal(0, 0.005, size)
    for at in rng.integers(0, size - 700, size * 5 // RATE):
        noise[at : at + 700] += rng.normal(0, 1, 700) * np.exp(-np.arange(700) / 130)
    return noise


def _music(rng: np.random.Generator, size: int) -> Signal:
    noise = rng.normal(0, 0.002, size)
    beat = RATE // 3
    decay = np.exp(-np.arange(beat) / (RATE * 0.25))
    for start in range(0, size - beat, beat):
        for pitch in 110 * 2 ** (rng.integers(0, 25, 3) / 12):
            for harmonic in (1, 2, 3):
                noise[start : start + beat] += np.sin(2 * np.pi * pitch * harmonic * np.arange(beat) / RATE) * decay / 6
    return noise


_MAKERS: Mapping[str, Callable[[np.random.Generator, int], Signal]] = {
    "white": _white,
    "pink": _pink,
    "hum": _hum,
    "keyboard": _keyboard,
    "music": _music,
}


def noises(seconds: float) -> dict[str, Signal]:
    made = {
        name: make(np.random.default_rng(seed), int(seconds * RATE))
        for seed, (name, make) in enumerate(_MAKERS.items())
    }
    return {name: noise * (3277 / np.sqrt(np.mean(np.square(noise)))) for name, noise in made.items()}
