"""Noise reduction on recordings in noise."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.audio.recorded import recording

from rtengine.audio import noise
from rtengine.audio.noise import Kind, NoiseReducer
from rtengine.errors import ModelError

pytestmark = pytest.mark.unit

KINDS: tuple[Kind, ...] = ("near_field", "far_field")
CLIP = "go_somewhere_24k.wav"


def cleaned(reducer: NoiseReducer, samples: NDArray[np.int16], piece: int) -> NDArray[np.int16]:
    return np.concatenate([reducer.feed(samples[at : at + piece]) for at in range(0, len(samples), piece)])


def level(samples: NDArray[np.int16]) -> float:
    """In dB full scale."""
    return float(10 * np.log10(np.mean(np.square(samples.astype(np.float64))) / 32768**2 + 1e-12))


def parts(kind: Kind, strength: float = 1.0, rate: int = 24000, gain: float = 1.0) -> tuple[float, float]:
    """By how many dB the noise after the speech, and the speech itself, are changed."""
    heard = recording(CLIP, rate, room_dbfs=-40)
    samples = np.rint(heard.samples * gain).astype(np.int16)
    result = cleaned(NoiseReducer(kind, strength, rate), samples, rate // 50)
    after, speech = (
        slice(int((heard.end_ms + 500) * rate / 1000), None),
        slice(int(heard.onset_ms * rate / 1000), int(heard.end_ms * rate / 1000)),
    )
    return level(result[after]) - level(samples[after]), level(result[speech]) - level(samples[speech])


@pytest.mark.parametrize("rate", [8000, 16000, 24000])
def test_near_field_takes_noise_away_and_leaves_the_voice(rate: int) -> None:
    noise_change, voice_change = parts("near_field", rate=rate)
    assert noise_change < -4
    assert voice_change > -3


def test_far_field_takes_more_noise_away_and_raises_a_distant_voice() -> None:
    near_noise, near_voice = parts("near_field", gain=0.1)
    far_noise, far_voice = parts("far_field", gain=0.1)
    assert far_voice - near_voice > 5
    assert (far_voice - far_noise) > (near_voice - near_noise)


@pytest.mark.parametrize("kind", KINDS)
def test_strength_says_how_much(kind: Kind) -> None:
    changes = [parts(kind, strength)[0] for strength in (0, 1, 2)]
    assert changes[0] - changes[1] > 3
    assert changes[1] - changes[2] > 3
    assert NoiseReducer(kind, 1000.0, 16000).feed(np.zeros(160, np.int16)).tolist() == [0] * 160


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rate", [8000, 16000, 24000])
def test_as_many_samples_come_out_as_go_in_however_they_are_cut(kind: Kind, rate: int) -> None:
    samples = recording(CLIP, rate).samples[: rate * 2]
    whole = cleaned(NoiseReducer(kind, 1.0, rate), samples, len(samples))
    assert len(whole) == len(samples)
    for piece in (1 + rate // 100, 77, rate // 50, rate // 10):
        assert np.array_equal(cleaned(NoiseReducer(kind, 1.0, rate), samples, piece), whole)
    single = NoiseReducer(kind, 1.0, rate)
    assert all(len(single.feed(samples[at : at + 1])) == 1 for at in range(1000))


@pytest.mark.parametrize("rate", [8000, 16000, 24000])
def test_the_voice_comes_later_by_the_delay_that_is_told(rate: int) -> None:
    samples = recording(CLIP, rate, room_dbfs=None).samples
    reducer = NoiseReducer("near_field", 0.0, rate)
    result = cleaned(reducer, samples, rate // 50)
    size = len(samples) + len(result) - 1
    spectrum = np.fft.rfft(result.astype(float), size) * np.conj(np.fft.rfft(samples.astype(float), size))
    lag_ms = int(np.argmax(np.fft.irfft(spectrum, size)[: rate // 5])) * 1000 / rate
    assert lag_ms == pytest.approx(reducer.delay_ms, abs=8)


def test_without_the_package_it_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert not noise.available()
    with pytest.raises(ModelError, match="webrtc-noise-gain") as error:
        NoiseReducer("near_field", 1.0, 24000)
    assert "rtengine[noise]" in error.value.hint
