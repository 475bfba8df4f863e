"""The input audio buffer."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from rtengine.audio.buffer import BufferFull, InputAudioBuffer
from rtengine.audio.format import PCM_24K, PCMA, PCMU, AudioFormat

pytestmark = pytest.mark.unit


def pcm(milliseconds: float, first: int = 0) -> bytes:
    """Samples that count up, so that each of them can be told from its neighbours."""
    return (np.arange(int(milliseconds * 24)) + first).astype("<i2").tobytes()


def test_the_clock_counts_everything_that_was_ever_appended() -> None:
    buffer = InputAudioBuffer(PCM_24K)
    buffer.append(pcm(100))
    buffer.commit()
    buffer.append(pcm(50))
    buffer.clear()
    buffer.append(pcm(25))
    assert (buffer.total_ms, buffer.start_ms, buffer.buffered_ms) == (175, 150, 25)


def test_the_clock_goes_on_from_a_buffer_of_another_format() -> None:
    buffer = InputAudioBuffer(PCMU, start_ms=1234.5)
    buffer.append(bytes(80))
    clip = buffer.commit()
    assert (clip.start_ms, clip.end_ms, buffer.total_ms) == (1234.5, 1244.5, 1244.5)


def test_a_commit_takes_a_span_and_leaves_what_came_later() -> None:
    buffer = InputAudioBuffer(PCM_24K)
    for start in range(0, 1000, 100):
        buffer.append(pcm(100, start * 24))
    clip = buffer.commit(250, 730)
    assert (clip.start_ms, clip.end_ms, clip.duration_ms, clip.rate) == (250, 730, 480, 24000)
    assert clip.pcm16 == pcm(480, 250 * 24)
    assert buffer.start_ms == 730
    assert buffer.commit().pcm16 == pcm(270, 730 * 24)


def test_a_cut_takes_nothing_away() -> None:
    buffer = InputAudioBuffer(PCM_24K)
    buffer.append(pcm(500))
    assert buffer.cut(100, 200).pcm16 == pcm(100, 2400)
    assert buffer.buffered_ms == 500


def test_a_clip_reaches_as_far_as_there_is_audio() -> None:
    buffer = InputAudioBuffer(PCM_24K)
    buffer.append(pcm(500))
    buffer.commit(0, 200)
    clip = buffer.cut(-300, 9000)
    assert (clip.start_ms, clip.end_ms) == (200, 500)
    assert buffer.cut(100, 150).pcm16 == b""
    assert buffer.cut(600, 700).pcm16 == b""


def test_a_sample_in_two_halves_is_one_sample() -> None:
    buffer = InputAudioBuffer(PCM_24K)
    data = pcm(10)
    assert buffer.append(data[:1]).size == 0
    assert buffer.append(data[1:4]).tolist() == [0, 1]
    assert buffer.append(data[4:7]).tolist() == [2]
    buffer.append(data[7:])
    assert buffer.cut().pcm16 == data


def test_clearing_forgets_half_a_sample_too() -> None:
    buffer = InputAudioBuffer(PCM_24K)
    buffer.append(b"\x01\x02\x03")
    buffer.clear()
    buffer.append(b"\x04\x05")
    assert buffer.cut().pcm16 == b"\x04\x05"


@pytest.mark.parametrize("end_ms", [None, 101])
def test_a_commit_of_all_takes_the_rest_of_a_millisecond_and_forgets_half_a_sample(end_ms: float | None) -> None:
    buffer = InputAudioBuffer(PCM_24K)
    buffer.append(pcm(100) + b"\x01\x02\x03")
    assert buffer.commit(0, end_ms).pcm16 == pcm(100) + b"\x01\x02"
    assert buffer.buffered_ms == 0
    buffer.append(b"\x04\x05")
    assert buffer.cut().pcm16 == b"\x04\x05"


def test_a_commit_up_to_a_moment_keeps_half_a_sample_of_what_goes_on() -> None:
    buffer = InputAudioBuffer(PCM_24K)
    buffer.append(pcm(100) + b"\x01")
    assert buffer.commit(0, 100).pcm16 == pcm(100)
    buffer.append(b"\x02")
    assert buffer.cut().pcm16 == b"\x01\x02"


@pytest.mark.parametrize("format", [PCMU, PCMA])
def test_g711_is_kept_as_pcm16_at_8_khz(format: AudioFormat) -> None:
    buffer = InputAudioBuffer(format)
    buffer.append(bytes(range(256)) * 10)
    clip = buffer.commit()
    assert (clip.rate, clip.duration_ms) == (8000, 320)
    assert format.encode(clip.samples())[-128:] == (bytes(range(256)) * 10)[-128:]


def test_a_full_buffer_takes_nothing_of_what_is_too_much() -> None:
    buffer = InputAudioBuffer(PCM_24K, limit_seconds=1)
    buffer.append(pcm(900))
    with pytest.raises(BufferFull, match="at most 1 seconds"):
        buffer.append(pcm(101))
    assert (buffer.total_ms, buffer.buffered_ms) == (900, 900)
    buffer.append(pcm(100))
    buffer.commit()
    buffer.append(pcm(1000))
    assert buffer.total_ms == 2000


def test_an_open_microphone_needs_bounded_memory() -> None:
    buffer = InputAudioBuffer(PCM_24K)
    for _ in range(200):
        buffer.append(pcm(40))
        buffer.keep_last(600)
        assert buffer.buffered_ms <= 640
    assert buffer.total_ms == 8000
    assert buffer.buffered_ms >= 600


def test_one_long_chunk_does_not_stay_for_its_last_second() -> None:
    buffer = InputAudioBuffer(PCM_24K)
    buffer.append(pcm(20000))
    buffer.keep_last(600)
    assert buffer.buffered_ms == 600
    assert all(chunk.base is None for chunk in buffer._chunks)
    assert buffer.cut().pcm16 == pcm(20000)[-600 * 48 :]


def test_many_tiny_chunks_become_a_few() -> None:
    buffer = InputAudioBuffer(PCM_24K)
    data = pcm(100)
    for at in range(0, len(data), 2):
        buffer.append(data[at : at + 2])
    assert len(buffer._chunks) < 128
    assert buffer.cut().pcm16 == data


@settings(max_examples=50)
@given(
    sizes=st.lists(st.integers(0, 400), max_size=60),
    cuts=st.lists(st.floats(0, 300), max_size=6).map(sorted),
    format=st.sampled_from([PCM_24K, PCMU]),
)
def test_commits_one_after_another_lose_and_double_nothing(
    sizes: list[int], cuts: list[float], format: AudioFormat
) -> None:
    buffer = InputAudioBuffer(format)
    data = np.random.default_rng(sum(sizes)).bytes(sum(sizes))
    at = 0
    for size in sizes:
        buffer.append(data[at : at + size])
        at += size
    whole = data[: len(data) // format.bytes_per_sample * format.bytes_per_sample]
    clips = [buffer.commit(None, end) for end in cuts] + [buffer.commit()]
    assert b"".join(clip.pcm16 for clip in clips) == format.decode(whole).tobytes()
    assert buffer.total_ms == pytest.approx(format.duration_ms(len(whole)))
    assert all(one.end_ms == two.start_ms for one, two in pairwise(clips))


class BufferAgainstOneArray(RuleBasedStateMachine):
    """Whatever is done to the buffer, it holds a span of everything sent, at the right place."""

    def __init__(self) -> None:
        super().__init__()
        self.buffer = InputAudioBuffer(AudioFormat("pcm", 8000), limit_seconds=1)
        self.sent: list[int] = []
        self.start = 0

    @rule(size=st.one_of(st.integers(0, 60), st.integers(1000, 7000)))
    def append(self, size: int) -> None:
        samples = [(len(self.sent) + index) % 30000 for index in range(size)]
        if len(self.sent) - self.start + size > 8000:
            with pytest.raises(BufferFull):
                self.buffer.append(np.array(samples, "<i2").tobytes())
            return
        self.buffer.append(np.array(samples, "<i2").tobytes())
        self.sent += samples

    @rule(start=st.integers(0, 20000), length=st.integers(0, 9000))
    def commit(self, start: int, length: int) -> None:
        """In eighths of a millisecond, that is in samples."""
        clip = self.buffer.commit(start / 8, (start + length) / 8)
        first = min(max(start, self.start), len(self.sent))
        last = min(max(start + length, first), len(self.sent))
        assert clip.samples().tolist() == self.sent[first:last]
        assert (clip.start_ms, clip.end_ms) == (first / 8, last / 8)
        self.start = max(self.start, last)

    @rule(keep=st.integers(0, 3000))
    def keep_last(self, keep: int) -> None:
        self.buffer.keep_last(keep / 8)
        held = round(self.buffer.buffered_ms * 8)
        assert held >= min(keep, len(self.sent) - self.start)
        self.start = len(self.sent) - held

    @rule()
    def clear(self) -> None:
        self.buffer.clear()
        self.start = len(self.sent)

    @invariant()
    def holds_what_was_sent(self) -> None:
        assert self.buffer.cut().samples().tolist() == self.sent[self.start :]
        assert self.buffer.total_ms == len(self.sent) / 8


BufferAgainstOneArray.TestCase.settings = settings(max_examples=30, stateful_step_count=25)
TestBufferAgainstOneArray = BufferAgainstOneArray.TestCase
