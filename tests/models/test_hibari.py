from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from rtengine.models.hibari import HibariSettings, HibariVoice
from rtengine.models.jobs import SpeakRequest
from rtengine.models.ports import Cancel

pytestmark = pytest.mark.unit


class FakeHibari:
    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.spoken = 0

    def stream(self, text: str, **options: Any) -> Iterator[Any]:
        self.asked.append(options)
        for sentence in text.split("|"):
            self.spoken += 1
            yield np.full(len(sentence), 0.5)


def test_each_sentence_is_a_piece_of_float32_samples() -> None:
    pieces = list(HibariVoice(FakeHibari(), HibariSettings()).speak(SpeakRequest("one||three", "marin"), Cancel()))
    assert [(len(piece), piece.dtype) for piece in pieces] == [(3, np.float32), (5, np.float32)]


def test_speed_and_seed_reach_the_model() -> None:
    model = FakeHibari()
    list(HibariVoice(model, HibariSettings(seed=4)).speak(SpeakRequest("x", "marin", speed=1.5), Cancel()))
    assert model.asked == [{"speed": 1.5, "seed": 4}]


def test_a_cancel_stops_before_the_next_sentence_is_given_out() -> None:
    model = FakeHibari()
    cancel = Cancel()
    pieces = HibariVoice(model, HibariSettings()).speak(SpeakRequest("one|two|three", "marin"), cancel)
    next(pieces)
    cancel.set()
    assert list(pieces) == []
    assert model.spoken <= 2
