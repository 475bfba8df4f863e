"""The ears of a session: one audio clock, whatever the client changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rtengine.audio.activity import Edge
from rtengine.protocol.session import RealtimeSession
from rtengine.session.input_audio import PREROLL_MS, InputAudio, padding_ms

pytestmark = pytest.mark.unit

VAD: dict[str, Any] = {"type": "server_vad", "threshold": 0.4, "prefix_padding_ms": 200, "silence_duration_ms": 700}


class Detector:
    """Tells the edges it is given, on a clock of its own, and keeps what it was told."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.configured: list[tuple[float, float]] = []
        self.heard = 0
        self.resets = 0
        self.edges: list[Edge] = []

    def configure(self, threshold: float, silence_ms: float) -> None:
        self.configured.append((threshold, silence_ms))

    def feed(self, samples: NDArray[np.int16]) -> list[Edge]:
        self.heard += len(samples)
        edges, self.edges = self.edges, []
        return edges

    def reset(self) -> None:
        self.resets += 1


class Ears:
    def __init__(self, **settings: Any) -> None:
        self.detectors: list[Detector] = []
        self.session = configured(**settings)
        self.input = InputAudio(self.session, self.detector, 60)

    def detector(self, rate: int) -> Detector:
        self.detectors.append(Detector(rate))
        return self.detectors[-1]

    def update(self, **settings: Any) -> None:
        self.session = configured(**settings)
        self.input.configure(self.session)

    def hear(self, ms: int, *edges: Edge) -> list[Edge]:
        """So much silence in the format of the session, all of it heard."""
        if edges:
            self.detectors[-1].edges = list(edges)
        found = self.input.hear(bytes(int(ms * self.input.buffer.format.bytes_per_ms)))
        while self.input.behind:
            found += self.input.hear_on()
        return found


def configured(format: str = "audio/pcm", turn_detection: dict[str, Any] | None = VAD) -> RealtimeSession:
    return RealtimeSession.model_validate(
        {"audio": {"input": {"format": {"type": format}, "turn_detection": turn_detection}}}
    )


def test_the_detector_is_made_for_the_input_and_told_the_turn_detection() -> None:
    ears = Ears(format="audio/pcmu")
    (detector,) = ears.detectors
    assert (detector.rate, detector.configured) == (8000, [(0.4, 700)])
    ears.update(format="audio/pcmu", turn_detection={**VAD, "silence_duration_ms": 300})
    assert detector.configured[-1] == (0.4, 300)
    assert len(ears.detectors) == 1


def test_a_change_of_format_keeps_the_audio_clock_and_makes_a_new_detector() -> None:
    ears = Ears()
    ears.hear(1500, Edge("speech", 1000.0))
    assert ears.input.voiced
    ears.update(format="audio/pcma")
    assert (ears.input.buffer.total_ms, ears.input.buffer.buffered_ms) == (1500.0, 0.0)
    assert not ears.input.voiced
    assert [detector.rate for detector in ears.detectors] == [24000, 8000]
    assert ears.hear(500, Edge("speech", 100.0)) == [Edge("speech", 1600.0)]
    assert ears.input.buffer.total_ms == 2000.0
    assert ears.input.commit(1700, 1900).duration_ms == 200.0


def test_detection_that_is_switched_off_and_on_begins_where_the_clock_is() -> None:
    ears = Ears()
    ears.hear(1000, Edge("speech", 900.0))
    ears.update(turn_detection=None)
    assert not ears.input.voiced
    assert ears.hear(500) == []
    assert ears.detectors[0].heard == 24000
    ears.update(turn_detection=VAD)
    assert ears.hear(300, Edge("speech", 50.0)) == [Edge("speech", 1550.0)]
    assert ears.input.voiced


def test_the_silence_that_an_idle_time_out_commits_is_kept() -> None:
    ears = Ears(turn_detection={"type": "server_vad", "idle_timeout_ms": 5000})
    for _ in range(8):
        ears.hear(1000)
    assert 5000 <= ears.input.buffer.buffered_ms <= 6000
    assert ears.input.commit(3000, 8000).duration_ms == 5000


def test_without_detection_nothing_is_forgotten() -> None:
    ears = Ears(turn_detection=None)
    ears.hear(5000)
    ears.hear(5000)
    assert ears.input.buffer.buffered_ms == 10_000.0


def test_with_detection_what_nobody_said_is_forgotten_and_speech_is_kept() -> None:
    ears = Ears()
    for _ in range(40):
        ears.hear(100)
    assert ears.input.buffer.buffered_ms <= 200 + PREROLL_MS + 100
    held = ears.input.buffer.buffered_ms
    ears.hear(100, Edge("speech", 4050.0))
    for _ in range(40):
        ears.hear(100)
    assert ears.input.buffer.buffered_ms == held + 4100
    ears.hear(100, Edge("silence", 8000.0), Edge("ended", 8200.0))
    assert not ears.input.voiced


def test_a_long_append_is_heard_a_second_at_a_time() -> None:
    ears = Ears()
    ears.input.hear(bytes(2 * 24000 * 5 // 2))
    assert (ears.input.buffer.total_ms, ears.input.behind) == (1000.0, True)
    ears.input.hear_on()
    ears.input.hear_on()
    assert (ears.input.buffer.total_ms, ears.input.behind) == (2500.0, False)
    ears.input.hear(bytes(2 * 24000 * 2))
    ears.input.hush()
    assert not ears.input.behind


def test_a_clear_forgets_the_audio_and_the_utterance_but_not_the_clock() -> None:
    ears = Ears()
    ears.hear(1000, Edge("speech", 900.0))
    ears.input.clear()
    assert (ears.input.buffer.buffered_ms, ears.input.buffer.total_ms) == (0.0, 1000.0)
    assert not ears.input.voiced
    assert ears.detectors[0].resets == 1
    assert ears.hear(100, Edge("speech", 1050.0)) == [Edge("speech", 1050.0)]


def test_padding_is_what_the_client_says_or_what_the_api_has_for_its_kind() -> None:
    assert padding_ms(configured().audio.input.turn_detection) == 200
    assert padding_ms(configured(turn_detection={"type": "semantic_vad"}).audio.input.turn_detection) == 300
