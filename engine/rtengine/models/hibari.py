"""Text to speech with hibari: one English voice at 24 kHz, many times faster than speech on one CPU core.

The package carries a single voice. Every voice name is accepted, so that a client made for other voices works
unchanged, and all are spoken by this one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from rtengine.errors import ModelError
from rtengine.models import weights
from rtengine.models.jobs import SpeakRequest
from rtengine.models.ports import Cancel, Samples

RATE = 24000


class HibariSettings(BaseModel):
    """The embedded English voice."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    threads: int = Field(1, ge=1, description="CPU threads of one clause")
    seed: int | None = Field(None, description="Fix the noise in the voice: the same text gives the same samples")

    @property
    def required_weights(self) -> tuple[str, ...]:
        """Names in the manifest of weights."""
        return ("hibari",)


class HibariVoice:
    """The ``Voice`` port. Safe to call from several threads at once."""

    rate = RATE

    def __init__(self, model: Any, settings: HibariSettings) -> None:
        self._model = model
        self._settings = settings

    def speak(self, request: SpeakRequest, cancel: Cancel) -> Iterator[Samples]:
        """Samples of each sentence as it is ready; none for text without words. The model itself paces ``speed``."""
        for piece in self._model.stream(request.text, speed=request.speed, seed=self._settings.seed):
            if cancel:
                return
            if len(piece):
                yield np.asarray(piece, np.float32)


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
