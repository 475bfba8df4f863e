"""When a daemon is taken for silent. The looks at it are played by the test."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from tests.pipeline.dora.dataflows import say
from tests.pipeline.dora.test_dataflow import profile

from rtengine.models.jobs import Result
from rtengine.pipeline.dora import host as module
from rtengine.pipeline.dora.attachment import TICK, Event
from rtengine.pipeline.dora.dataflow import parse, write
from rtengine.pipeline.dora.envelope import STATUS, Envelope
from rtengine.pipeline.dora.host import _HUNG_LOOKS, _SILENT_LOOKS, DoraHost
from rtengine.pipeline.dora.replica import ENDED, Replica
from rtengine.pipeline.dora.status import Status

pytestmark = pytest.mark.unit


class Watched:
    """A host with one job at a node that is well. Nobody lets time pass but ``look``."""

    def __init__(self) -> None:
        self.host = DoraHost(parse(write(profile())))
        self.results: list[Result] = []
        self.looks = asyncio.Semaphore(0)
        self.seen = asyncio.Semaphore(0)
        self.attachment = self
        node = Replica("generate", "generate", lambda metadata, payload: True, epoch=1)
        status = Status(state="ready", jobs={}, probe=0, pid=1).model_dump_json().encode()
        node.receive(Envelope(STATUS, epoch=1, incarnation="a").metadata(), status)
        self.node = self.host._replicas["generate"] = node
        self.host._absent["generate"] = 0
        self.host.submit(say("j1", "hello"), lambda job_id, result: self.results.append(result))
        self.host._run = cast(Any, self)

    async def trouble(self, seconds: float) -> str:
        self.seen.release()
        await self.looks.acquire()
        return ""

    async def look(self, times: int) -> None:
        for _ in range(times):
            await self.seen.acquire()
            self.looks.release()
        await self.seen.acquire()
        self.seen.release()

    def tick(self) -> None:
        self.host._receive(Event("INPUT", TICK))


async def test_a_daemon_that_says_nothing_loses_its_jobs_and_then_its_place() -> None:
    watched = Watched()
    watch = asyncio.create_task(watched.host._watch())
    await watched.look(_SILENT_LOOKS)
    assert watched.results == [] and watched.node.ready
    await watched.look(1)
    assert watched.results == [ENDED] and not watched.node.ready
    for _ in range(_HUNG_LOOKS - _SILENT_LOOKS):
        watched.looks.release()
    assert (await watch)[0] == "the daemon is silent"


async def test_a_server_that_was_stopped_finds_its_daemon_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two looks is an hour, in which the server has not run."""
    now = 0.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    watched = Watched()
    watch = asyncio.create_task(watched.host._watch())
    for _ in range(3):
        await watched.look(_SILENT_LOOKS - 1)
        now += 3600
        await watched.look(1)
        watched.tick()
    assert watched.results == [] and watched.node.ready
    assert not watch.done()
    watch.cancel()
