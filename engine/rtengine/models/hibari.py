"""Text to speech with hibari: an English voice at 24 kHz, many times faster than speech on one CPU core.

The package carries one voice. Between its network and its vocoder are pitch and spectrum, frame by frame: they are
changed here, so that each name in the table of voices is a speaker of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from rtengine.errors import ModelError
from rtengine.models import weights
from rtengine.models.jobs import SpeakRequest
from rtengine.models.ports import Cancel, ModelFailure, Samples
from rtengine.models.timbre import Timbre, equalizer, power

Frames = NDArray[np.float32]

RATE = 24000
_UNVOICED_HZ = 40.0
"""hibari takes a lower fundamental for none."""
_HARMONIC = 15
"""Bins, of 20 Hz, over which a spectrum is smoothed: the distance of two harmonics of the highest voice."""

_NO_IDS = 2
"""Of a sentence without a sound there are only the pads at both ends."""

VOICES: Mapping[str, Timbre] = {
    "marin": Timbre(),
    "cedar": Timbre(pitch=0.5, pitch_range=0.9, formants=0.84),
    "alloy": Timbre(pitch=0.79, formants=0.94),
    "ash": Timbre(pitch=0.56, formants=0.87),
    "ballad": Timbre(pitch=0.66, pitch_range=1.25, formants=0.88),
    "coral": Timbre(pitch=1.12, pitch_range=1.1, formants=1.03),
    "echo": Timbre(pitch=0.61, pitch_range=0.75, formants=0.92),
    "sage": Timbre(pitch=0.88, pitch_range=0.8, formants=1.0),
    "shimmer": Timbre(pitch=1.25, pitch_range=0.95, formants=1.08),
    "verse": Timbre(pitch=0.72, pitch_range=1.1, formants=0.9),
}
"""The names of the Realtime API's voices. ``marin`` is the model's own."""


class Parts(NamedTuple):
    """What the network says of a sentence: arrays of 601 frequencies by frames of 12.5 ms."""

    filter_log: Frames
    filter_phase: Frames
    noise_log: Frames
    free_log: Frames
    free_phase: Frames
    f0: Frames
    """Pitch in hertz, by frames."""


class HibariSettings(BaseModel):
    """The embedded English voice, and the speakers that are made of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    threads: int = Field(1, ge=1, description="CPU threads of one clause")
    seed: int | None = Field(None, description="Fix the noise in the voice: the same text gives the same samples")
    voices: dict[str, Timbre] = Field(
        default_factory=lambda: dict(VOICES),
        min_length=1,
        description="What clients may call for, and how it sounds; the API's ten names by default",
    )

    @property
    def required_weights(self) -> tuple[str, ...]:
        """Names in the manifest of weights."""
        return ("hibari",)

    @property
    def voice_names(self) -> frozenset[str]:
        """What a client may ask for."""
        return frozenset(self.voices)


class HibariVoice:
    """The ``Voice`` port. Safe to call from several threads at once."""

    rate = RATE

    def __init__(self, model: Any, settings: HibariSettings) -> None:
        self._model = model
        self._settings = settings

    def speak(self, request: SpeakRequest, cancel: Cancel) -> Iterator[Samples]:
        """Samples of each sentence as it is ready; none for text without words. The model itself paces ``speed``.

        Raises ``ModelFailure`` for a voice that is not in the table.
        """
        from hibari import dsp

        timbre = self._settings.voices.get(request.voice)
        if timbre is None:
            raise ModelFailure(f"There is no voice '{request.voice}'.", "invalid_value", "invalid_request_error")
        noise = np.random.default_rng(self._settings.seed)
        for phonemes in self._model.phonemize(request.text):
            if cancel:
                return
            ids = self._model.ids(phonemes)
            if len(ids) > _NO_IDS:
                parts = self._parts(ids, request.speed)
                yield dsp.synth(*parts, noise) if timbre.unchanged else _synthesize(parts, timbre, noise)

    def _parts(self, ids: list[int], speed: float) -> Parts:
        given = {"ids": np.array([ids], np.int64), "speed": np.array([speed], np.float32)}
        return Parts(*(part[0] for part in self._model.sess.run(None, given)))


def _synthesize(parts: Parts, timbre: Timbre, noise: np.random.Generator) -> Samples:
    """hibari's synthesis with the pitch and the formants of another speaker.

    A spectrum is pulses at the pitch, filtered, and a rest that does not depend on it: noise, and a part with phases of
    its own. Filter and rest are made for each other at the model's own pitch, where they partly cancel out. At another
    they do not, so the result is given the envelope of the model's own voice again.
    """
    from hibari import dsp

    frames = len(parts.f0)
    filtering = _polar(dsp.ex(parts.filter_log), np.tanh(parts.filter_phase) * np.float32(np.pi))
    rest = _polar(dsp.ex(parts.free_log), parts.free_phase)
    grains = noise.standard_normal((len(rest), 2 * frames), dtype=np.float32).view(np.complex64)
    rest += grains * dsp.ex(parts.noise_log)
    own = dsp.stft(dsp.pulses(parts.f0), frames) * filtering + rest
    pulses = dsp.pulses(timbre.melody(parts.f0, _UNVOICED_HZ))
    moved = dsp.stft(pulses, frames) * timbre.spectrum(filtering) + timbre.spectrum(rest)
    moved *= equalizer(timbre.spectrum(power(own, _HARMONIC)), moved, _HARMONIC)
    samples: Samples = dsp.ola(moved)
    return samples


def _polar(magnitude: Frames, phase: Frames) -> NDArray[np.complex64]:
    turned = np.empty(phase.shape, np.complex64)
    np.cos(phase, out=turned.real)
    np.sin(phase, out=turned.imag)
    turned *= magnitude
    return turned


def load(settings: HibariSettings, progress: Callable[[str], None]) -> HibariVoice:
    """Load the voice and speak a word, so that the first clause is fast. Raises ``ModelError``."""
    weights.locate("hibari")
    progress("loading the voice hibari")
    try:
        from hibari import Hibari

        model = Hibari(threads=settings.threads)
        model("Ready.")
    except (ImportError, RuntimeError, OSError) as error:
        hint = "run `pip install 'rtengine[local]'`"
        raise ModelError(f"The voice hibari could not be loaded: {error}", hint) from error
    return HibariVoice(model, settings)
