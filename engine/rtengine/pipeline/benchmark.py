"""What a pipeline host adds to its models: measured with scripted models, which take no time of their own."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from rtengine.models.jobs import (
    FINAL,
    GenerateDone,
    GenerateRequest,
    GenerateText,
    Job,
    JobFailed,
    Request,
    Result,
    SpeakAudio,
    SpeakRequest,
    TranscribeRequest,
)
from rtengine.pipeline.host import PipelineHost

UTTERANCE = bytes(2 * 24000 * 2)
"""Two seconds of audio at 24 kHz."""
ANSWER = "The quick brown fox jumps over the lazy dog."
_TIMEOUT = 60.0
_NUMBER = re.compile(r"\d+")
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Measurement:
    """Times in milliseconds."""

    start_ms: float = 0.0
    hops: list[float] = field(default_factory=list)
    """From a job to its first result, and nothing else going on."""
    first_audio: list[float] = field(default_factory=list)
    """From the end of a two-second utterance, through all three stages, to the first audio."""
    cpu_ms: float = 0.0
    """CPU time of a turn, in the server and in every process below it."""
    messages: int = 0
    lost: int = 0
    reordered: int = 0
    failed: int = 0
    seconds: float = 0.0
    """For all messages."""


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


async def measure(host: PipelineHost, turns: int, messages: int, progress: Callable[[str], None]) -> Measurement:
    """Start a host of all three stages, measure it, and close it. Raises ``ModelError`` and ``TimeoutError``."""
    found = Measurement()
    began = time.perf_counter()
    try:
        await host.start(progress)
        found.start_ms = 1000 * (time.perf_counter() - began)
        bench = _Bench(host)
        for _ in range(turns // 10 + 1):
            await bench.turn()  # caches fill, connections warm up
        progress("one job after the other")
        found.hops = [await bench.hop() for _ in range(2 * turns)]
        progress("one turn after the other")
        cpu = cpu_seconds(os.getpid())
        found.first_audio = [await bench.turn() for _ in range(turns)]
        found.cpu_ms = 1000 * (cpu_seconds(os.getpid()) - cpu) / turns
        progress(f"{messages} messages of 16 sessions at once")
        await bench.flood(messages, found)
    finally:
        await host.close()
    return found


class _Bench:
    def __init__(self, host: PipelineHost) -> None:
        self._host = host
        self._count = 0

    async def hop(self) -> float:
        began = time.perf_counter()
        first, _ = await self._run("one", GenerateRequest(({"role": "user", "content": "hello"},)))
        return 1000 * (first - began)

    async def turn(self) -> float:
        began = time.perf_counter()
        await self._run("one", TranscribeRequest(UTTERANCE, 24000))
        await self._run("one", GenerateRequest(({"role": "user", "content": "hello"},)))
        first, results = await self._run("one", SpeakRequest(ANSWER, "marin"))
        assert any(isinstance(result, SpeakAudio) for result in results)
        return 1000 * (first - began)

    async def flood(self, messages: int, found: Measurement) -> None:
        """Numbered words, many sessions at once: each has to come, once, and in order."""
        words = 500
        jobs = -(-messages // words)
        text = " ".join(map(str, range(words)))
        limit = asyncio.Semaphore(16)
        began = time.perf_counter()

        async def one(number: int) -> None:
            async with limit:
                request = GenerateRequest(({"role": "user", "content": text},))
                _, results = await self._run(f"session {number % 16}", request)
            said = "".join(result.text for result in results if isinstance(result, GenerateText))
            numbers = [int(match) for match in _NUMBER.findall(said)]
            found.messages += len(results)
            found.lost += words - len(set(numbers)) + (not isinstance(results[-1], GenerateDone))
            found.reordered += sum(a >= b for a, b in pairwise(numbers))
            found.failed += isinstance(results[-1], JobFailed)

        await asyncio.gather(*map(one, range(jobs)))
        found.seconds = time.perf_counter() - began

    async def _run(self, session: str, request: Request) -> tuple[float, list[Result]]:
        """When the first result of a job came, and all of them."""
        results: list[Result] = []
        firsts: list[float] = []
        done = asyncio.Event()

        def deliver(job_id: str, result: Result) -> None:
            if not results:
                firsts.append(time.perf_counter())
            results.append(result)
            if isinstance(result, FINAL):
                done.set()

        self._count += 1
        self._host.submit(Job(f"job {self._count}", session, request), deliver)
        await asyncio.wait_for(done.wait(), _TIMEOUT)
        return firsts[0], results


def cpu_seconds(pid: int) -> float:
    """CPU time that a process and all below it have used so far."""
    table = dict(_processes())
    wanted, found = [pid], 0.0
    while wanted:
        one = wanted.pop()
        found += table.get(one, (0, 0.0))[1]
        wanted += [child for child, (parent, _) in table.items() if parent == one]
    return found


def _processes() -> Iterator[tuple[int, tuple[int, float]]]:
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                fields = Path(f"/proc/{entry}/stat").read_text(errors="replace").rpartition(")")[2].split()
            except OSError:
                continue
            yield int(entry), (int(fields[1]), (int(fields[11]) + int(fields[12])) / _TICKS)
