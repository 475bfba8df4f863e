from typing import Any, get_args

import numpy as np
import pytest
from openai.types.realtime import RealtimeAudioConfigOutput

from rtengine.models.hibari import HibariSettings, HibariVoice
from rtengine.models.jobs import SpeakRequest
from rtengine.models.ports import Cancel, ModelFailure

pytestmark = pytest.mark.unit


class FakeNetwork:
    """Tells of a sentence as many frames as it has characters."""

    def __init__(self) -> None:
        self.speeds: list[float] = []

    def run(self, outputs: None, given: dict[str, Any]) -> list[Any]:
        self.speeds.append(float(given["speed"][0]))
        frames = given["ids"].shape[1] - 2
        return [np.full((1, 601, frames), level, np.float32) for level in (0, 0, -9, -9, 0)] + [
            np.full((1, frames), 200, np.float32)
        ]


class FakeHibari:
    """One sentence per ``|``; the first step of the real one's work is its spelling."""

    def __init__(self) -> None:
        self.sess = FakeNetwork()

    def phonemize(self, text: str) -> list[str]:
        return text.split("|")

    def ids(self, phonemes: str) -> list[int]:
        return [0, *(1 for _ in phonemes), 0]


def spoken(model: Any, text: str, voice: str = "marin", speed: float = 1, **settings: Any) -> list[Any]:
    return list(HibariVoice(model, HibariSettings(**settings)).speak(SpeakRequest(text, voice, speed), Cancel()))


def test_each_sentence_is_a_piece_of_float32_samples() -> None:
    pieces = spoken(FakeHibari(), "eight888||eleven11111", seed=1)
    assert [(len(piece) // 300, piece.dtype) for piece in pieces] == [(8, np.float32), (11, np.float32)]


def test_speed_reaches_the_model() -> None:
    model = FakeHibari()
    spoken(model, "eight888", speed=1.5)
    assert model.sess.speeds == [1.5]


def test_with_a_seed_the_same_text_gives_the_same_samples() -> None:
    for voice in ("marin", "cedar"):
        first, again = (spoken(FakeHibari(), "eight888", voice, seed=4) for _ in range(2))
        other = spoken(FakeHibari(), "eight888", voice, seed=5)
        assert np.array_equal(first, again)
        assert not np.array_equal(first, other)


def test_every_voice_of_the_api_has_a_sound_of_its_own() -> None:
    names = HibariSettings().voice_names
    sounds = {name: spoken(FakeHibari(), "eight888", name, seed=1)[0].tobytes() for name in names}
    assert set(get_args(get_args(RealtimeAudioConfigOutput.model_fields["voice"].annotation)[1])) <= names
    assert len(set(sounds.values())) == len(names) == 10


def test_a_profile_names_its_own_voices() -> None:
    settings = HibariSettings.model_validate({"voices": {"narrator": {"pitch": 0.6}}})
    assert settings.voice_names == {"narrator"}
    with pytest.raises(ModelFailure, match="no voice 'marin'"):
        spoken(FakeHibari(), "eight888", voices=settings.voices)


def test_a_cancel_stops_before_the_next_sentence_is_made() -> None:
    model = FakeHibari()
    cancel = Cancel()
    pieces = HibariVoice(model, HibariSettings()).speak(SpeakRequest("eight888|eight888", "marin"), cancel)
    next(pieces)
    cancel.set()
    assert list(pieces) == []
    assert len(model.sess.speeds) == 1
