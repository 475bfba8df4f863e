import pytest

from rtengine.protocol.turn_detection import Eagerness
from rtengine.session.patience import longest_silence_ms, silence_ms

pytestmark = pytest.mark.unit

LEVELS: tuple[Eagerness, ...] = ("low", "medium", "high")


def test_the_longest_waits_are_those_of_the_api() -> None:
    assert [longest_silence_ms(level) for level in LEVELS] == [8000, 4000, 2000]
    assert longest_silence_ms("auto") == longest_silence_ms("medium")


@pytest.mark.parametrize("eagerness", [*LEVELS, "auto"])
def test_the_more_finished_the_words_the_shorter_the_silence(eagerness: Eagerness) -> None:
    waits = [silence_ms(eagerness, probability) for probability in (0.0, 0.02, 0.05, 0.1, 0.5, 1.0)]
    assert waits[0] == longest_silence_ms(eagerness)
    assert waits == sorted(waits, reverse=True)
    assert waits[3] == waits[4] == waits[5] <= 500


@pytest.mark.parametrize("probability", [0.0, 0.05, 1.0])
def test_the_more_eager_the_shorter_the_silence(probability: float) -> None:
    waits = [silence_ms(level, probability) for level in LEVELS]
    assert waits == sorted(waits, reverse=True)
