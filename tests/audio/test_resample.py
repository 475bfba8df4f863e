"""Changing the sample rate."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from rtengine.audio.resample import Quality, Resampler, resample

pytestmark = pytest.mark.unit


def tone(rate: int, seconds: float = 1.0) -> NDArray[np.float32]:
    return np.sin(2 * np.pi * 440 * np.arange(int(rate * seconds)) / rate).astype(np.float32)


@pytest.mark.parametrize(("rate_in", "rate_out"), [(24000, 16000), (24000, 8000), (8000, 24000), (22050, 24000)])
def test_a_tone_keeps_its_pitch_and_its_length(rate_in: int, rate_out: int) -> None:
    result = resample(tone(rate_in), rate_in, rate_out)
    assert len(result) == rate_out
    middle = slice(rate_out // 10, -rate_out // 10)
    assert np.abs(result - tone(rate_out))[middle].max() < 0.001


def test_the_sample_type_is_kept() -> None:
    assert resample((tone(24000) * 10000).astype(np.int16), 24000, 16000).dtype == np.int16


def test_nothing_is_done_where_nothing_is_to_do() -> None:
    samples = tone(16000)
    assert resample(samples, 16000, 16000) is samples
    assert Resampler(16000, 16000).feed(samples) is samples
    assert not Resampler(16000, 16000).flush().size
    assert not resample(np.zeros(0, np.int16), 24000, 16000).size


@pytest.mark.parametrize("quality", ["QQ", "LQ", "HQ"])
@pytest.mark.parametrize("piece", [1, 77, 480, 5000])
def test_a_stream_comes_out_the_same_however_it_is_cut(quality: Quality, piece: int) -> None:
    samples = tone(24000, 0.3)

    def stream(size: int) -> NDArray[np.float32]:
        resampler = Resampler(24000, 16000, quality)
        parts = [resampler.feed(samples[at : at + size]) for at in range(0, len(samples), size)]
        return np.concatenate([*parts, resampler.flush()])

    assert np.array_equal(stream(piece), stream(len(samples)))
    assert len(stream(piece)) == 4800


@pytest.mark.parametrize(("quality", "most"), [("QQ", 0.3), ("LQ", 50), ("HQ", 90)])
@pytest.mark.parametrize("rates", [(24000, 16000), (24000, 8000), (8000, 16000)])
def test_the_delay_is_what_the_stream_withholds(quality: Quality, most: float, rates: tuple[int, int]) -> None:
    rate_in, rate_out = rates
    resampler = Resampler(rate_in, rate_out, quality)
    came = sum(len(resampler.feed(np.zeros(rate_in // 50, np.float32))) for _ in range(20))
    assert resampler.delay_ms == pytest.approx(400 - came / rate_out * 1000, abs=0.2)
    assert resampler.delay_ms <= most


def test_a_flushed_stream_begins_anew() -> None:
    resampler = Resampler(24000, 16000)
    first = np.concatenate([resampler.feed(tone(24000)), resampler.flush()])
    second = np.concatenate([resampler.feed(tone(24000)), resampler.flush()])
    assert np.array_equal(first, second)
