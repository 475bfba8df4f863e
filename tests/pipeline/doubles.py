"""Models and a receiver that the tests of the host hold in their hands."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator

from rtengine.models.jobs import (
    FINAL,
    GenerateDone,
    GenerateRequest,
    GenerateText,
    Job,
    Result,
    TranscribeDelta,
    TranscribeDone,
    TranscribeRequest,
)
from rtengine.models.ports import Cancel
from rtengine.pipeline.local import LocalHost
from rtengine.pipeline.stage import AnyStage

SECONDS = 60
"""How long a loaded machine may take for anything."""


class Receiver:
    """Keeps what is delivered, and lets a test wait for the end of a job."""

    def __init__(self) -> None:
        self.results: list[tuple[str, Result]] = []
        self._changed = asyncio.Event()

    def __call__(self, job_id: str, result: Result) -> None:
        self.results.append((job_id, result))
        self._changed.set()

    def of(self, job_id: str) -> list[Result]:
        return [result for owner, result in self.results if owner == job_id]

    async def until(self, reached: Callable[[], bool]) -> None:
        while not reached():
            self._changed.clear()
            await asyncio.wait_for(self._changed.wait(), SECONDS)

    async def final(self, *job_ids: str) -> None:
        await self.until(lambda: all(any(isinstance(result, FINAL) for result in self.of(id)) for id in job_ids))


class Held:
    """A chat model whose answers wait to be let go; it tells the order in which they began."""

    def __init__(self) -> None:
        self.began: list[str] = []
        self.changed = threading.Condition()
        self.free: set[str] = set()
        self.cancelled: set[str] = set()

    def generate(self, request: GenerateRequest, cancel: Cancel) -> Iterator[GenerateText | GenerateDone]:
        name = request.messages[0]["content"]
        cancel.on_set(self._wake)
        with self.changed:
            self.began.append(name)
            self.changed.notify_all()
            while name not in self.free and not cancel:
                self.changed.wait(SECONDS)
            if cancel:
                self.cancelled.add(name)
                self.changed.notify_all()
                return
        yield GenerateText(name)
        yield GenerateDone("stop")

    def _wake(self) -> None:
        with self.changed:
            self.changed.notify_all()

    def let(self, *names: str) -> None:
        with self.changed:
            self.free.update(names)
            self.changed.notify_all()

    async def until(self, reached: Callable[[], bool]) -> None:
        def wait() -> bool:
            with self.changed:
                return self.changed.wait_for(reached, SECONDS)

        assert await asyncio.to_thread(wait)


class Quick:
    """A chat model that answers at once."""

    def generate(self, request: GenerateRequest, cancel: Cancel) -> Iterator[GenerateText | GenerateDone]:
        for word in ("one", "two", "three"):
            yield GenerateText(word)
        yield GenerateDone("stop")


class Ear:
    """A transcriber that tells the words it hears before the transcript."""

    def transcribe(self, request: TranscribeRequest, cancel: Cancel) -> Iterator[TranscribeDelta | TranscribeDone]:
        for number in range(len(request.audio)):
            yield TranscribeDelta(str(number))
        yield TranscribeDone("done", 0.0)


def generate(id: str, session: str = "s1", prefill: bool = False) -> Job:
    return Job(id, session, GenerateRequest(({"role": "user", "content": id},), prefill_only=prefill))


def transcribe(id: str, session: str = "s1", words: int = 3) -> Job:
    return Job(id, session, TranscribeRequest(bytes(words), 16000))


async def started(workers: int = 1, **stages: AnyStage) -> LocalHost:
    host = LocalHost({name: given(stage) for name, stage in stages.items()}, dict.fromkeys(stages, workers))
    await host.start(lambda step: None)
    return host


def given(stage: AnyStage) -> Callable[[Callable[[str], None]], AnyStage]:
    return lambda progress: stage
