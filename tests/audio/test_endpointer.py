"""Where utterances begin and end, with a scripted classifier: no model, no sound."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise

import pytest

from rtengine.audio.activity import Edge
from rtengine.audio.endpointer import Endpointer, Timing

pytestmark = pytest.mark.unit

TIMING = Timing(hop_ms=10, frame_ms=20, attack_frames=2, sure_frames=3, release_ms=200, hangover_ms=60, tail_ms=240)
VOICE, SILENCE = 1e6, 10.0


class Stream:
    """An endpointer and the audio that is played to it."""

    def __init__(self, silence_ms: float = 300, threshold: float = 0.5) -> None:
        self.endpointer = Endpointer(TIMING)
        self.endpointer.configure(threshold, silence_ms)
        self.edges: list[tuple[Edge, float]] = []

    def play(self, milliseconds: int, power: float = SILENCE, probability: float = 0.0) -> Stream:
        for _ in range(milliseconds // 10):
            self._take(self.endpointer.hop(power))
            if self.endpointer.now % 20 == 0:
                self._take(self.endpointer.decide(probability))
        return self

    def _take(self, edge: Edge | None) -> None:
        if edge is not None:
            self.edges.append((edge, self.endpointer.now))

    @property
    def told(self) -> list[tuple[str, float]]:
        return [(edge.kind, edge.at_ms) for edge, _ in self.edges]

    def when(self, kind: str) -> float:
        """The audio clock when the last edge of this kind was told."""
        return next(now for edge, now in reversed(self.edges) if edge.kind == kind)


def utterance(stream: Stream) -> Stream:
    """A voice from 1000 to 2000 ms; the classifier lags by 80 ms at both ends."""
    return stream.play(1000).play(80, VOICE, 0.1).play(920, VOICE, 0.9).play(80, SILENCE, 0.9)


def test_the_edges_lie_where_the_sound_was_and_not_where_the_classifier_noticed() -> None:
    stream = utterance(Stream()).play(1000)
    assert stream.told == [("speech", 1000), ("silence", 2000), ("ended", 2300)]


def test_a_pause_is_told_within_100_ms_and_the_end_at_the_end_of_the_window() -> None:
    stream = utterance(Stream()).play(1000)
    assert 2060 <= stream.when("silence") <= 2100
    assert stream.when("ended") == 2300


@pytest.mark.parametrize("silence_ms", [100, 200, 500, 2000])
def test_the_silence_window_is_honoured(silence_ms: int) -> None:
    stream = utterance(Stream(silence_ms)).play(3000)
    assert stream.told[-1] == ("ended", 2000 + silence_ms)
    assert stream.when("ended") >= 2000 + silence_ms


def test_a_voice_that_comes_back_within_the_window_goes_on() -> None:
    stream = utterance(Stream(500)).play(220).play(40, VOICE, 0.1).play(400, VOICE, 0.9).play(1000)
    assert [kind for kind, _ in stream.told] == ["speech", "silence", "resumed", "silence", "ended"]
    assert stream.told[2][1] == pytest.approx(2300, abs=60)
    assert stream.told[-1] == ("ended", 2740 + 500)


def test_a_shorter_window_takes_effect_in_the_middle_of_a_pause() -> None:
    stream = utterance(Stream(5000)).play(1000)
    assert stream.told[-1] == ("silence", 2000)
    stream.endpointer.configure(0.5, 200)
    stream.play(10)
    assert stream.told[-1] == ("ended", 2200)


def test_a_longer_window_takes_effect_in_the_middle_of_a_pause() -> None:
    stream = utterance(Stream(300)).play(100)
    stream.endpointer.configure(0.5, 1000)
    stream.play(2000)
    assert stream.told[-1] == ("ended", 3000)


def test_a_click_in_the_pause_does_not_move_the_end() -> None:
    stream = utterance(Stream(500)).play(100).play(10, VOICE).play(1000)
    assert stream.told[-1] == ("ended", 2500)


def test_a_gap_within_a_word_is_no_onset() -> None:
    stream = Stream().play(1000).play(60, VOICE, 0.1).play(40, SILENCE, 0.1).play(500, VOICE, 0.9).play(1000)
    assert stream.told[0] == ("speech", 1000)


def test_a_fading_end_belongs_to_the_voice_after_the_classifier_has_dropped_it() -> None:
    stream = Stream().play(1000).play(900, VOICE, 0.9).play(100, VOICE / 1000, 0.0).play(1000)
    assert stream.told[-1] == ("ended", 2300)


def test_noise_that_sets_in_with_the_end_of_the_voice_does_not_hold_the_turn() -> None:
    stream = Stream().play(1000).play(1000, VOICE, 0.9).play(3000, VOICE / 100, 0.0)
    assert [kind for kind, _ in stream.told] == ["speech", "silence", "ended"]
    assert 2300 <= stream.told[-1][1] <= 2600


def test_a_classifier_that_insists_is_believed_over_the_power() -> None:
    stream = Stream(300).play(1000).play(500, VOICE, 0.9).play(1000, VOICE / 1e5, 0.9).play(1000)
    assert [kind for kind, _ in stream.told] == ["speech", "silence", "resumed", "silence", "ended"]
    assert stream.told[-1][1] == pytest.approx(2500 + 300, abs=60)


def test_speech_hardly_louder_than_the_noise_is_speech_when_the_classifier_is_sure() -> None:
    stream = Stream().play(2000, 1e4).play(500, 2e4, 0.9)
    assert stream.told[0][0] == "speech"
    assert stream.told[0][1] == pytest.approx(2000, abs=80)


def test_a_faint_room_long_before_the_voice_is_not_its_onset() -> None:
    stream = Stream().play(1000, 0.0).play(300, VOICE / 2000, 0.1).play(500, VOICE, 0.9)
    assert stream.told == [("speech", 1300)]


ROOM = 32768.0**2 * 10**-5.3
"""-53 dBFS: a quiet room, when a voice in it peaks at -20."""
LOUD_VOICE = 32768.0**2 * 10**-2.0


def test_a_recording_with_its_room_after_digital_silence_begins_with_its_voice() -> None:
    stream = Stream().play(1000, 0.0).play(400, ROOM, 0.9).play(700, LOUD_VOICE, 0.9).play(400, ROOM, 0.1).play(1000, 0)
    assert stream.told == [("speech", 1400), ("silence", 2100), ("ended", 2400)]


def test_a_faint_sound_that_the_classifier_takes_for_a_voice_is_none() -> None:
    assert Stream().play(1000, 10.0).play(3000, ROOM, 0.9).told == []


def test_breath_before_a_voice_that_is_still_getting_louder_is_not_its_onset() -> None:
    breath, rising = 32768.0**2 * 10**-5.6, 32768.0**2 * 10**-3.0
    stream = Stream().play(1000, 100.0).play(100, breath, 0.1).play(40, rising, 0.9).play(500, LOUD_VOICE, 0.9)
    assert stream.told == [("speech", 1100)]


def test_a_soft_consonant_right_after_digital_silence_is_the_onset() -> None:
    consonant = 32768.0**2 * 10**-4.4
    stream = Stream().play(1000, 0.0).play(120, consonant, 0.1).play(500, LOUD_VOICE, 0.9)
    assert stream.told == [("speech", 1000)]


def test_a_voice_that_fades_for_long_after_the_classifier_has_dropped_it_ends_with_its_sound() -> None:
    stream = Stream().play(1000).play(500, VOICE, 0.9).play(200, VOICE / 100, 0.0).play(1000)
    assert stream.told[-1] == ("ended", 2000)


@pytest.mark.parametrize(("sound_ms", "onset_ms"), [(100, 1000), (20, 1100)])
def test_a_long_closure_belongs_to_the_voice_after_a_consonant_and_not_after_a_click(
    sound_ms: int, onset_ms: int
) -> None:
    stream = Stream().play(1000, 100.0).play(sound_ms, LOUD_VOICE / 30, 0.1).play(80, 100.0, 0.1)
    stream.play(500, LOUD_VOICE, 0.9)
    assert stream.told[0] == ("speech", onset_ms)


def test_a_click_and_breath_long_before_the_voice_are_not_its_onset() -> None:
    breath = 32768.0**2 * 10**-4.5
    stream = Stream().play(1000, 0.0).play(30, breath * 10, 0.1).play(270, breath, 0.1).play(500, LOUD_VOICE, 0.9)
    assert stream.told == [("speech", 1300)]


def test_weak_consonants_and_the_closure_after_them_belong_to_the_voice() -> None:
    stream = Stream().play(1000, 100.0).play(140, VOICE / 40, 0.1).play(60, 100.0, 0.1).play(500, LOUD_VOICE, 0.9)
    assert stream.told[0] == ("speech", 1000)


def test_speech_at_the_very_start_of_a_stream_is_found() -> None:
    stream = Stream().play(60, VOICE, 0.9).play(40, VOICE / 50, 0.9).play(500, VOICE, 0.9).play(1000)
    assert stream.told == [("speech", 0), ("silence", 600), ("ended", 900)]


def test_the_threshold_decides() -> None:
    def play(threshold: float) -> list[tuple[str, float]]:
        return Stream(threshold=threshold).play(1000).play(500, VOICE, 0.6).play(1000).told

    assert play(0.5)
    assert not play(0.7)


def test_a_threshold_of_nothing_still_ends_utterances() -> None:
    stream = Stream(threshold=0).play(1000, SILENCE, 0.04).play(500, VOICE, 0.9).play(2000, SILENCE, 0.05)
    assert stream.told[-1] == ("ended", 1800)


def test_after_a_reset_a_voice_that_goes_on_is_a_new_utterance() -> None:
    stream = Stream().play(1000).play(500, VOICE, 0.9)
    stream.endpointer.reset()
    stream.play(500, VOICE, 0.9).play(1000)
    assert stream.told == [("speech", 1000), ("speech", 1500), ("silence", 2000), ("ended", 2300)]


def test_after_a_reset_a_lagging_classifier_starts_nothing() -> None:
    stream = Stream().play(1000).play(500, VOICE, 0.9)
    stream.endpointer.reset()
    assert stream.play(80, SILENCE, 0.9).play(1000).told == [("speech", 1000)]


@pytest.mark.parametrize("disturb", [lambda stream: stream.endpointer.reset(), lambda stream: None])
def test_an_utterance_never_begins_before_the_last_one_ended(disturb: Callable[[Stream], None]) -> None:
    stream = utterance(Stream(100)).play(60)
    disturb(stream)
    stream.play(40, VOICE, 0.9).play(400, VOICE, 0.9).play(1000)
    starts = [edge.at_ms for edge, _ in stream.edges if edge.kind == "speech"]
    assert starts[0] == 1000
    assert all(start >= 2000 for start in starts[1:])


def test_speech_and_ended_alternate_whatever_comes() -> None:
    for seed in range(20):
        rng = random.Random(seed)
        stream = Stream(silence_ms=rng.choice([100, 300, 700]))
        for _ in range(60):
            stream.play(rng.randrange(10, 500, 10), 10 ** rng.uniform(0, 7), rng.choice([0.0, 0.3, 0.6, 1.0]))
        stream.play(4000)
        after = {"speech": {"silence"}, "silence": {"resumed", "ended"}, "resumed": {"silence"}, "ended": {"speech"}}
        kinds = [kind for kind, _ in stream.told]
        assert kinds[0] == "speech"
        assert kinds[-1] == "ended"
        assert all(second in after[first] for first, second in pairwise(kinds))
        assert all(edge.at_ms <= now for edge, now in stream.edges)


def test_a_window_that_has_passed_when_it_is_set_ends_the_utterance_at_once() -> None:
    stream = Stream(silence_ms=4000).play(200).play(500, VOICE, 0.9).play(1000)
    assert stream.endpointer.overdue() is None
    stream.endpointer.configure(0.5, 300)
    ended = stream.endpointer.overdue()
    assert ended is not None
    assert (ended.kind, ended.at_ms) == ("ended", stream.edges[-1][0].at_ms + 300)
    assert stream.edges[-1][0].kind == "silence"
    assert stream.endpointer.overdue() is None
