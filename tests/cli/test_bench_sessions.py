"""What a session costs: that callers do as they should, and that nothing is called a measurement that is none."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from typing import Any

import pytest

from rtengine.errors import RtengineError
from rtengine_cli import bench_sessions, crowd
from rtengine_cli.bench_sessions import cost_table, cpu_seconds, delay_table
from rtengine_cli.crowd import ROOM, Caller, Cost, Tally, frames, measure

pytestmark = pytest.mark.unit

WORDS = [b"one", b"two", b"three"]


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


class Over(Exception):
    """The conversation has gone on for long enough."""


class Answering:
    """A connection to a server that hears the second word, and answers twice."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self._told: asyncio.Queue[str | bytes] = asyncio.Queue()
        self._answers = 0

    async def send(self, frame: bytes, text: bool) -> None:
        self.sent.append(frame)
        if frame == b"two":
            self._tell("input_audio_buffer.speech_started")
        elif self.sent[-6:-3] == WORDS:
            self._answers += 1
            if self._answers == 3:
                raise Over
            self._tell("input_audio_buffer.speech_stopped", "response.created")
            self._told.put_nowait(crowd.AUDIO + b',"delta":"AAAA"}')
            self._told.put_nowait(crowd.AUDIO + b',"delta":"AAAA"}')
            self._tell("response.done")

    def _tell(self, *types: str) -> None:
        for type in types:
            self._told.put_nowait(json.dumps({"type": type}))

    def __aiter__(self) -> Answering:
        return self

    async def __anext__(self) -> str | bytes:
        return await self._told.get()


async def test_a_caller_speaks_again_when_it_has_been_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd, "FRAME_SECONDS", 0)
    tally, server = Tally(), Answering()
    connection: Any = server
    with pytest.raises(ExceptionGroup) as caught:
        await Caller(tally, WORDS, onset=1).run(connection, 0)
    assert isinstance(caught.value.exceptions[0], Over)
    assert (len(tally.heard), len(tally.answered), tally.errors) == (3, 2, [])
    assert [frame for frame in server.sent if frame in WORDS] == WORDS * 3
    assert {frame for frame in server.sent if frame not in WORDS} <= set(ROOM)
    assert tally.appends >= len(server.sent) - 1


async def test_a_crowd_sends_to_a_bare_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd, "SETTLE_SECONDS", 0.1)
    with bench_sessions.bare() as (url, pid):
        cost = await measure(url, 3, 0.5, lambda: cpu_seconds(pid))
    assert cost.tally.appends > 0
    assert (cost.tally.heard, cost.tally.answered, cost.tally.errors) == ([], [], [])


@pytest.mark.end_to_end
async def test_a_session_that_is_refused_its_settings_is_no_measurement() -> None:
    nobody = {"audio": {"output": {"voice": "nobody"}}}
    with bench_sessions.server("webrtc", 2) as child, pytest.raises(RtengineError, match="values are: 'alloy'"):
        await measure(child.url, 1, 0.1, clock, update=nobody)


async def test_a_caller_that_is_cut_off_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd, "SETTLE_SECONDS", 0.1)

    def end() -> float:
        os.kill(pid, signal.SIGKILL)
        return 0.0

    with bench_sessions.bare() as (url, pid), pytest.raises(RtengineError, match="caller of 2 was refused or cut off"):
        await measure(url, 2, 60, end)


def cost(cpu: float, delays: tuple[float, ...] = ()) -> Cost:
    return Cost(cpu, Tally(appends=1000, heard=list(delays), answered=list(delays)))


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
