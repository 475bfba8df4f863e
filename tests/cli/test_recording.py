from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from rtengine.errors import RtengineError
from rtengine_cli.demo import AUDIBLE, QUESTION
from rtengine_cli.recording import BYTES_PER_SECOND, RATE, loudness, read_wav, write_wav

pytestmark = pytest.mark.unit


def save(path: Path, samples: np.ndarray, rate: int, channels: int = 1, width: int = 2) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return path


def tone(rate: int, seconds: float = 0.5) -> np.ndarray:
    return (8000 * np.sin(2 * np.pi * 440 * np.arange(int(rate * seconds)) / rate)).astype("<i2")


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    audio = tone(RATE).tobytes()
    write_wav(tmp_path / "a.wav", audio)
    assert read_wav(tmp_path / "a.wav") == audio


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
def test_other_rates_are_resampled(tmp_path: Path, rate: int) -> None:
    audio = read_wav(save(tmp_path / "a.wav", tone(rate), rate))
    assert len(audio) == pytest.approx(0.5 * BYTES_PER_SECOND, abs=40)
    assert loudness(audio) == pytest.approx(8000 / 32768 / 2**0.5, rel=0.02)


def test_channels_are_mixed(tmp_path: Path) -> None:
    left = tone(RATE)
    stereo = np.stack([left, -left], axis=1).astype("<i2")
    assert loudness(read_wav(save(tmp_path / "a.wav", stereo, RATE, channels=2))) == 0


def test_a_truncated_file_is_read_to_its_last_whole_sample(tmp_path: Path) -> None:
    path = save(tmp_path / "a.wav", tone(RATE), RATE)
    path.write_bytes(path.read_bytes()[:-1])
    assert len(read_wav(path)) == BYTES_PER_SECOND // 2 - 2


def test_what_is_no_recording_is_refused_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("no sound")
    (tmp_path / "empty.wav").touch()
    for name in ("a.wav", "empty.wav"):
        with pytest.raises(RtengineError, match="no WAV file") as caught:
            read_wav(tmp_path / name)
        assert "ffmpeg" in caught.value.hint
    with pytest.raises(RtengineError, match="there is no file"):
        read_wav(tmp_path / "none.wav")
    with pytest.raises(RtengineError, match="8-bit"):
        read_wav(save(tmp_path / "b.wav", np.zeros(10, np.uint8), RATE, width=1))


def test_an_unwritable_place_is_told(tmp_path: Path) -> None:
    with pytest.raises(RtengineError, match="cannot be written"):
        write_wav(tmp_path / "none" / "a.wav", b"")


def test_silence_is_not_loud() -> None:
    assert loudness(b"") == loudness(bytes(4800)) == 0


def test_the_shipped_question_is_speech_of_a_few_seconds() -> None:
    question = read_wav(QUESTION)
    assert 1 < len(question) / BYTES_PER_SECOND < 5
    assert loudness(question) > 10 * AUDIBLE
