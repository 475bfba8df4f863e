"""Running dataflows for tests, and what is below them."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from tests.pipeline.doubles import Receiver

from rtengine.models.jobs import FINAL, GenerateRequest, Job, JobFailed, Result
from rtengine.pipeline.dora.dataflow import Dataflow, parse, write
from rtengine.pipeline.dora.host import DoraHost
from rtengine.pipeline.dora.keeper import children
from rtengine.profile.load import Profile, load_profile
from rtengine.profile.settings import PipelineSettings

PATIENCE = 120.0
"""Seconds. How long a loaded machine may take for anything."""

PROFILE = """
profile: {name}
version: 1
extends: scripted
models:
  transcriber: {{adapter: scripted}}
  chat:
    adapter: scripted
    rules:
      - {{match: "slow", say: "{words}", token_ms: 20}}
      - {{match: "hello", say: "Hello!"}}
  voice: {{adapter: scripted, ms_per_character: 50}}
"""


def profile(folder: Path, **pipeline: object) -> Profile:
    path = folder / "talker.yaml"
    path.write_text(PROFILE.format(name="talker", words=" ".join(map(str, range(2000)))), encoding="utf-8")
    return replace(load_profile(path), pipeline=PipelineSettings.model_validate({"host": "dora", **pipeline}))


@asynccontextmanager
async def running(flow: Dataflow | Profile) -> AsyncIterator[DoraHost]:
    host = DoraHost(flow if isinstance(flow, Dataflow) else parse(write(flow)))
    try:
        await asyncio.wait_for(host.start(lambda step: None), PATIENCE)
        yield host
    finally:
        await asyncio.wait_for(host.close(), PATIENCE)


class Patient(Receiver):
    """A receiver for results that other processes make."""

    async def until(self, reached: Callable[[], bool]) -> None:
        await eventually(reached)

    def __init__(self) -> None:
        super().__init__()
        self.on_failure: Callable[[str], None] = lambda job_id: None
        """Called at the moment in which a job has failed."""

    def __call__(self, job_id: str, result: Result) -> None:
        super().__call__(job_id, result)
        if isinstance(result, JobFailed):
            self.on_failure(job_id)

    async def outcome(self, job_id: str) -> Result:
        await self.final(job_id)
        return next(result for result in self.of(job_id) if isinstance(result, FINAL))


async def eventually(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < deadline, "it never came to be"
        await asyncio.sleep(0.01)


def say(id: str, text: str, session: str = "s1") -> Job:
    return Job(id, session, GenerateRequest(({"role": "user", "content": text},)))


def below(pid: int) -> list[int]:
    """Every process below one."""
    found = children(pid)
    return found + [lower for child in found for lower in below(child)]


def kept() -> list[int]:
    """The keepers of this process's own hosts, and all below them. Servers that other tests have started are not."""
    keepers = [pid for pid in children(os.getpid()) if "dora.keeper" in command(pid)]
    return keepers + [pid for keeper in keepers for pid in below(keeper)]


def process(words: str, ancestor: int | None = None) -> int:
    """The process below this one's hosts (or below ``ancestor``) whose command line has these words."""
    return next(pid for pid in (below(ancestor) if ancestor else kept()) if words in command(pid))


def command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").replace("\0", " ")
    except OSError:
        return ""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
