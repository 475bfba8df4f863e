import numpy as np
import pytest

from rtengine.models.timbre import Timbre, equalizer, power

pytestmark = pytest.mark.unit

MELODY = np.array([0, 0, 180, 200, 220, 30], np.float32)
"""Hertz by frames; the vocoder takes 40 and less for unvoiced."""


def ridge(at: int, frames: int = 3) -> np.ndarray:
    """A spectrum of 601 bins with one formant."""
    bins = np.exp(-(((np.arange(601) - at) / 10) ** 2)).astype(np.float32)
    return np.repeat(bins[:, None], frames, axis=1)


def test_the_pitch_of_voiced_frames_is_moved_and_nothing_else() -> None:
    assert Timbre(pitch=0.5).melody(MELODY, 40) == pytest.approx([0, 0, 90, 100, 110, 30])


def test_the_pitch_range_stretches_the_melody_about_its_median() -> None:
    moved = Timbre(pitch_range=2).melody(MELODY, 40)
    assert moved[2:5] == pytest.approx([162, 200, 242])
    assert Timbre(pitch_range=0).melody(MELODY, 40)[2:5] == pytest.approx([200, 200, 200])


def test_no_voice_becomes_too_low_to_be_one_or_higher_than_voices_are() -> None:
    melody = np.array([0, 90, 200, 400], np.float32)
    low = Timbre(pitch=0.4, pitch_range=2).melody(melody, 40)
    high = Timbre(pitch=2, pitch_range=2).melody(melody, 40)
    assert low[0] == high[0] == 0
    assert low[1:].min() > 40
    assert high.max() == 600


def test_silence_has_no_melody() -> None:
    silence = np.zeros(4, np.float32)
    assert Timbre(pitch=2).melody(silence, 40) is silence


@pytest.mark.parametrize("formants", [0.8, 1.2])
def test_formants_move_by_their_ratio(formants: float) -> None:
    moved = Timbre(formants=formants).spectrum(ridge(100))
    assert moved.argmax(axis=0) == pytest.approx([100 * formants] * 3, abs=1)
    assert moved.max() == pytest.approx(1, abs=0.01)


def test_above_what_there_was_is_nothing() -> None:
    moved = Timbre(formants=0.8).spectrum(np.ones((601, 2), np.float32))
    assert moved[:481].min() == 1
    assert moved[481:].max() == 0


def test_a_timbre_of_ones_is_the_voice_itself() -> None:
    spectrum = ridge(100)
    assert Timbre().unchanged
    assert Timbre().spectrum(spectrum) is spectrum
    assert not Timbre(formants=1.01).unchanged


def test_power_is_averaged_over_the_bins_around() -> None:
    spectrum = np.zeros((9, 1), np.complex64)
    spectrum[4] = 3j
    assert power(spectrum, 3)[:, 0] == pytest.approx([0, 0, 0, 3, 3, 3, 0, 0, 0], abs=1e-6)


def test_the_equalizer_gives_a_spectrum_the_power_of_the_target() -> None:
    spectrum = np.full((601, 2), 2 + 0j, np.complex64)
    factors = equalizer(np.full((601, 2), 1.0, np.float32), spectrum, 15)
    assert factors == pytest.approx(np.full((601, 2), 0.5), rel=1e-4)


def test_the_equalizer_raises_nothing_by_more_than_six_decibels() -> None:
    assert equalizer(np.ones((601, 2), np.float32), np.zeros((601, 2), np.complex64), 15).max() == 2
