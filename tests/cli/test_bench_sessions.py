"""What a session costs: that it is measured on true servers, and that nothing is called a measurement that is none."""

from __future__ import annotations

import os
import time

import pytest

from rtengine.errors import RtengineError
from rtengine_cli import bench_sessions, crowd
from rtengine_cli.bench_sessions import cost_table, cpu_seconds, delay_table
from rtengine_cli.crowd import Cost, Tally, frames, measure
from rtengine_cli.recording import read_wav

pytestmark = pytest.mark.end_to_end


def clock() -> float:
    return cpu_seconds(os.getpid())


def test_audio_is_cut_into_frames_and_the_last_is_filled_up() -> None:
    first, second = frames(b"\x01" * 1920 + b"\x02")
    assert first.startswith(b'{"type":"input_audio_buffer.append","audio":"AQEB')
    assert len(first) == len(second)


def test_the_time_of_a_process_is_cpu_time() -> None:
    begun, spent = clock(), time.process_time()
    while time.process_time() - spent < 0.1:
        pass
    assert clock() - begun >= 0.08
    with pytest.raises(RtengineError, match="/proc"):
        cpu_seconds(2**22 + 1)


async def test_a_crowd_sends_at_the_speed_of_speech(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd, "SETTLE_SECONDS", 0.1)
    with bench_sessions.bare() as (url, pid):
        cost = await measure(url, 3, 1.0, lambda: cpu_seconds(pid))
    assert 3 <= cost.tally.appends <= 3 * ((0.1 + cost.seconds) / 0.04 + 2)


async def test_callers_are_heard_and_answered_and_what_they_are_refused_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(crowd, "SETTLE_SECONDS", 0.1)
    words = frames(read_wav(bench_sessions.QUESTION))
    with bench_sessions.server("webrtc", 2) as child:
        cost = await measure(child.url, 2, 5.0, lambda: cpu_seconds(child.pid), words=words, onset=14)
        assert cost.tally.heard and cost.tally.answered
        with pytest.raises(RtengineError, match="did not keep up with 1 callers"):
            await measure(child.url, 1, 0.1, clock, update={"audio": {"output": {"voice": "nobody"}}})


def cost(cpu: float, delays: tuple[float, ...] = ()) -> Cost:
    return Cost(cpu, 10.0, Tally(appends=1000, heard=list(delays), answered=list(delays)))


def test_costs_are_told_beside_the_least() -> None:
    rows = cost_table({"bare": cost(0.02), "session": cost(0.05)}).splitlines()
    assert rows[1].split() == ["bare", "20", "1.0", "2,000"]
    assert rows[2].split() == ["session", "50", "2.5", "800"]


def test_delays_are_told_beside_those_of_one_caller() -> None:
    rows = delay_table({1: cost(1, (0.01,)), 50: cost(1, (0.02, 0.02, 0.03))}).splitlines()
    assert rows[1].split()[-3:] == ["10.0", "20.0", "2.0"]
    assert rows[2].split()[-3:] == ["10.0", "30.0", "3.0"]
    with pytest.raises(RtengineError, match="nobody was answered"):
        delay_table({1: cost(1), 2: cost(1)})
