"""Both detectors on recorded and synthesised speech, on noise, and on silence."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.audio.recorded import NAMES, Recording, load, played, recording

from rtengine.audio import detector as detector_module
from rtengine.audio import silero as silero_module
from rtengine.audio.activity import Edge, VoiceActivity
from rtengine.audio.detection import detector
from rtengine.audio.silero import SileroClassifier
from rtengine.audio.webrtc import webrtc
from rtengine.errors import ModelError, RtengineError

pytestmark = pytest.mark.unit

Name = Literal["silero", "webrtc"]
both = pytest.mark.parametrize("name", ["silero", "webrtc"])
TOLERANCE_MS = 40


def edges_of(
    name: Name, heard: Recording, threshold: float = 0.5, silence_ms: float = 500, piece_ms: float = 40
) -> list[Edge]:
    activity = detector(name, heard.rate)
    activity.configure(threshold, silence_ms)
    return played(activity, heard.samples, int(heard.rate * piece_ms / 1000))


def assert_accurate(edges: list[Edge], heard: Recording, silence_ms: float) -> None:
    """The first onset and the last end are those of the recording, and pauses are well formed."""
    starts = [edge.at_ms for edge in edges if edge.kind == "speech"]
    ends = [edge.at_ms - silence_ms for edge in edges if edge.kind == "ended"]
    assert len(starts) == len(ends) >= 1
    assert starts[0] == pytest.approx(heard.onset_ms, abs=TOLERANCE_MS)
    assert ends[-1] == pytest.approx(heard.end_ms, abs=TOLERANCE_MS)
    assert edges[-2].kind == "silence"
    assert edges[-2].at_ms == ends[-1]


@both
@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7])
@pytest.mark.parametrize("silence_ms", [200, 500, 1000])
def test_onset_and_end_are_within_40_ms_of_the_truth(name: Name, threshold: float, silence_ms: float) -> None:
    for clip in NAMES:
        heard = recording(clip)
        assert_accurate(edges_of(name, heard, threshold, silence_ms), heard, silence_ms)


@both
@pytest.mark.parametrize("room_dbfs", [None, -60])
def test_the_room_may_be_silent_or_noisy(name: Name, room_dbfs: float | None) -> None:
    for clip in NAMES:
        heard = recording(clip, room_dbfs=room_dbfs)
        assert_accurate(edges_of(name, heard), heard, 500)


@both
@pytest.mark.parametrize("rate", [8000, 16000])
def test_telephone_and_wideband_audio_are_as_accurate(name: Name, rate: int) -> None:
    for clip in NAMES:
        heard = recording(clip, rate)
        assert_accurate(edges_of(name, heard), heard, 500)


@both
@pytest.mark.parametrize("rate", [8000, 24000])
def test_how_the_audio_is_cut_into_messages_changes_nothing(name: Name, rate: int) -> None:
    heard = recording("five_five_16k.wav", rate)
    whole = edges_of(name, heard, piece_ms=10000)
    assert {edge.kind for edge in whole} >= {"speech", "silence", "ended"}
    for piece_ms in (10, 20, 40, 100, 13.7, 31.9, 333):
        assert edges_of(name, heard, piece_ms=piece_ms) == whole
    rng, at, uneven = random.Random(3), 0, []
    activity = detector(name, rate)
    while at < len(heard.samples):
        size = rng.choice([0, 1, 7, 160, 1000])
        uneven += activity.feed(heard.samples[at : at + size])
        at += size
    assert uneven == whole


@both
def test_edges_are_told_soon_after_they_happen(name: Name) -> None:
    for clip in NAMES:
        heard = recording(clip)
        activity, piece = detector(name, heard.rate), 480
        told: dict[str, float] = {}
        for at in range(0, len(heard.samples), piece):
            for edge in activity.feed(heard.samples[at : at + piece]):
                now = (at + piece) / 24
                if edge.kind == "speech":
                    told.setdefault("speech", now)
                else:
                    told[edge.kind] = now
        # Silero takes a sibilant at the beginning for speech only when the vowel comes.
        assert told["speech"] - heard.onset_ms <= (150 if name == "webrtc" else 240)
        assert told["silence"] - heard.end_ms <= 120
        assert told["ended"] - heard.end_ms - 500 <= 40


@both
def test_a_short_silence_window_may_be_set_in_the_middle_of_the_pause(name: Name) -> None:
    heard = recording("go_somewhere_24k.wav")
    activity = detector(name, 24000)
    activity.configure(0.5, 8000)
    split = int((heard.end_ms + 400) * 24)
    before = played(activity, heard.samples[:split], 960)
    assert before[-1].kind == "silence"
    activity.configure(0.5, 100)
    after = played(activity, heard.samples[split:], 960)
    assert [edge.kind for edge in after] == ["ended"]
    assert after[0].at_ms == before[-1].at_ms + 100


@both
def test_a_second_utterance_is_found_on_the_same_clock(name: Name) -> None:
    heard = recording("please_stop_24k.wav")
    activity = detector(name, 24000)
    first = played(activity, heard.samples, 960)
    second = played(activity, heard.samples, 960)
    length = len(heard.samples) / 24
    starts = [edge.at_ms for edge in first + second if edge.kind == "speech"]
    assert len(starts) == 2
    assert starts[1] - starts[0] == pytest.approx(length, abs=20)


@both
def test_a_reset_forgets_the_utterance_and_keeps_the_clock(name: Name) -> None:
    heard = recording("cold_hearted_16k.wav")
    activity = detector(name, 24000)
    split = int(heard.onset_ms + 1000) * 24
    assert played(activity, heard.samples[:split], 960)[0].kind == "speech"
    activity.reset()
    edges = played(activity, heard.samples[split:], 960)
    assert edges[0].kind == "speech"
    assert split / 24 - 10 < edges[0].at_ms <= split / 24 + 200  # On the detector's grid of 8 or 10 ms.
    assert edges[-1].at_ms == pytest.approx(heard.end_ms + 500, abs=TOLERANCE_MS)


@both
@pytest.mark.parametrize("share", [0.35, 0.5, 0.65, 0.8])
def test_after_a_reset_in_the_middle_of_a_voice_silence_begins_nothing(name: Name, share: float) -> None:
    heard = recording("capital_of_france_24k.wav")
    activity = detector(name, 24000)
    split = int(len(heard.samples) * share)
    assert played(activity, heard.samples[:split], 480)[0].kind == "speech"
    activity.reset()
    assert played(activity, np.zeros(48000, np.int16), 480) == []


@both
def test_a_stream_that_begins_with_speech_begins_at_nought(name: Name) -> None:
    heard = recording("capital_of_france_24k.wav")
    edges = played(detector(name, 24000), heard.samples[int(heard.onset_ms * 24) :], 480)
    assert edges[0].kind == "speech"
    assert edges[0].at_ms <= TOLERANCE_MS


def steady_noise(dbfs: float, seconds: float = 6) -> NDArray[np.int16]:
    noise = np.random.default_rng(1).normal(0, 32768 * 10 ** (dbfs / 20), int(24000 * seconds))
    return np.clip(np.rint(noise), -32768, 32767).astype(np.int16)


def hum(seconds: float = 6) -> NDArray[np.int16]:
    t = np.arange(int(24000 * seconds)) / 24000
    harmonics = np.arange(1, 8)[:, None]
    waves: NDArray[np.float64] = (np.sin(2 * np.pi * 50 * harmonics * t) / harmonics).sum(axis=0)
    return (waves * 1000).astype(np.int16)


def keyboard(seconds: float = 6) -> NDArray[np.int16]:
    rng = np.random.default_rng(2)
    noise = np.zeros(int(24000 * seconds))
    for at in rng.integers(0, len(noise) - 600, int(seconds * 4)):
        noise[at : at + 600] += rng.normal(0, 5000, 600) * np.exp(-np.arange(600) / 120)
    return np.clip(noise, -32768, 32767).astype(np.int16)


@both
@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7])
def test_silence_and_steady_noise_are_no_speech(name: Name, threshold: float) -> None:
    for noise in (np.zeros(24000 * 4, np.int16), steady_noise(-60), steady_noise(-45), steady_noise(-30), hum()):
        activity = detector(name, 24000)
        activity.configure(threshold, 500)
        assert played(activity, noise, 960) == []


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7])
def test_silero_takes_no_keyboard_for_speech(threshold: float) -> None:
    activity = detector("silero", 24000)
    activity.configure(threshold, 500)
    assert played(activity, keyboard(), 960) == []


@both
def test_a_higher_threshold_never_hears_more(name: Name) -> None:
    speech = recording("my_number_24k.wav").samples.astype(np.float32) * 0.05
    heard = np.rint(speech + steady_noise(-58, len(speech) / 24000)[: len(speech)]).astype(np.int16)

    def onset(threshold: float) -> float:
        activity = detector(name, 24000)
        activity.configure(threshold, 500)
        for at in range(0, len(heard), 480):
            if activity.feed(heard[at : at + 480]):
                return at
        return len(heard)

    told = [onset(threshold) for threshold in (0.1, 0.3, 0.5, 0.7, 0.9, 1.0)]
    assert told == sorted(told)
    assert told[0] < len(heard)


@both
def test_the_clock_holds_through_a_minute_of_digital_silence(name: Name) -> None:
    activity = detector(name, 24000)
    second = np.zeros(24000, np.int16)
    for _ in range(60):
        assert activity.feed(second) == []
    heard = recording("please_stop_24k.wav", room_dbfs=None)
    edges = played(activity, heard.samples, 960)
    assert edges[0].at_ms == pytest.approx(60000 + heard.onset_ms, abs=TOLERANCE_MS)


@pytest.mark.parametrize("room", [0, 33], ids=["digital silence", "-60 dBFS"])
def test_what_a_quiet_room_is_not_listened_to_for_is_not_missed(monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    clip, _ = load("go_somewhere_24k.wav")
    clean = np.concatenate([clip, np.zeros(24000 * 5, np.int16), clip, np.zeros(24000, np.int16)])
    samples = (clean + np.random.default_rng(1).normal(0, room, len(clean))).astype(np.int16)

    def run() -> tuple[list[Edge], int]:
        calls = 0
        original = SileroClassifier._listen

        def count(self: SileroClassifier, frame: NDArray[np.float32]) -> float:
            nonlocal calls
            calls += 1
            return original(self, frame)

        with monkeypatch.context() as patch:
            patch.setattr(SileroClassifier, "_listen", count)
            return played(detector("silero", 24000), samples, 960), calls

    skipping, few = run()
    monkeypatch.setattr(detector_module, "_IDLE_AFTER_MS", 1e9)
    listening, all_of_them = run()
    assert skipping == listening
    assert few < all_of_them - 100


def test_frames_that_were_skipped_are_heard_before_the_next() -> None:
    frames = np.random.default_rng(1).normal(0, 300, (4, 512)).astype(np.float32)
    listening, skipping = SileroClassifier(), SileroClassifier()
    heard = [listening.probability(frame) for frame in frames]
    for frame in frames[:3]:
        skipping.skip(frame)
    assert skipping.probability(frames[3]) == heard[3]


def test_missing_weights_are_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelError, match="weights") as error:
        silero_module.weights()
    assert "faster-whisper" in error.value.hint


def test_an_unknown_detector_is_refused() -> None:
    with pytest.raises(RtengineError, match="no voice activity detector 'energy'"):
        detector("energy", 24000)  # type: ignore[arg-type]


def test_finding_the_weights_imports_nothing_heavy() -> None:
    code = (
        "import sys; from rtengine.audio.silero import weights; from rtengine.audio.webrtc import webrtc;"
        "assert weights().is_file(); webrtc(8000);"
        "print([m for m in ('faster_whisper', 'ctranslate2', 'av', 'onnxruntime') if m in sys.modules])"
    )
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], check=True, env=environment, stdout=subprocess.PIPE, text=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("make", [lambda: webrtc(22050), lambda: detector("silero", 44100)])
def test_rates_that_do_not_divide_evenly_work_too(make: Callable[[], VoiceActivity]) -> None:
    activity = make()
    rate = 22050 if "Webrtc" in type(activity._classifier).__name__ else 44100  # type: ignore[attr-defined]
    heard = recording("go_somewhere_24k.wav", rate)
    assert_accurate(played(activity, heard.samples, rate // 25), heard, 500)
