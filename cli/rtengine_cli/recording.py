"""WAV files in and out."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import soxr

from rtengine.errors import RtengineError
from rtengine_cli.output import writing

RATE = 24000
"""Samples per second of PCM16 on the wire."""
BYTES_PER_SECOND = 2 * RATE


def read_wav(path: Path) -> bytes:
    """The recording as mono PCM16 at ``RATE``. Raises RtengineError when it is no PCM16 WAV file."""
    try:
        with path.open("rb") as stream, wave.open(stream, "rb") as file:
            channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            frames = file.readframes(file.getnframes())
    except FileNotFoundError:
        raise RtengineError(f"there is no file {str(path)!r}") from None
    except IsADirectoryError:
        raise RtengineError(f"{str(path)!r} is a folder, not a WAV file") from None
    except OSError as error:
        raise RtengineError(f"{str(path)!r} cannot be read: {error.strerror or error}") from None
    except (wave.Error, EOFError) as error:
        raise RtengineError(f"{str(path)!r} is no WAV file this reads: {error}", _CONVERT) from None
    if width != 2:
        raise RtengineError(f"{str(path)!r} has {8 * width}-bit samples, 16-bit ones are needed", _CONVERT)
    frames = frames[: len(frames) // (2 * channels) * 2 * channels]
    samples = np.frombuffer(frames, "<i2").reshape(-1, channels)
    mono = samples[:, 0] if channels == 1 else samples.astype(np.float32).mean(axis=1).round().astype("<i2")
    if rate != RATE:
        mono = soxr.resample(mono, rate, RATE)
    return np.ascontiguousarray(mono, "<i2").tobytes()


def write_wav(path: Path, audio: bytes) -> None:
    """Save mono PCM16 at ``RATE``."""
    with writing(path), path.open("wb") as stream, wave.open(stream, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(audio)


def loudness(audio: bytes) -> float:
    """Root mean square of PCM16 samples, 0 (silence) to 1."""
    samples = np.frombuffer(audio[: len(audio) // 2 * 2], "<i2").astype(np.float64)
    return float(np.sqrt(np.mean(samples**2)) / 32768) if samples.size else 0.0


_CONVERT = "convert it with `ffmpeg -i IN -ac 1 -ar 24000 -c:a pcm_s16le OUT.wav`"
