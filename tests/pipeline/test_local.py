from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from rtengine.errors import ModelError
from rtengine.models.jobs import (
    FINAL,
    GenerateDone,
    GenerateRequest,
    GenerateText,
    Job,
    JobFailed,
    Result,
    SpeakAudio,
    SpeakDone,
    SpeakRequest,
    TranscribeDelta,
    TranscribeDone,
    TranscribeRequest,
)
from rtengine.models.ports import Cancel
from rtengine.models.scripted import ScriptedVoice, ScriptedVoiceSettings
from rtengine.pipeline.local import LocalHost
from rtengine.pipeline.stage import SERVER_ERROR, AnyStage, GenerateStage, SpeakStage, TranscribeStage

pytestmark = pytest.mark.unit


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
            await asyncio.wait_for(self._changed.wait(), 10)

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
                self.changed.wait(10)
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
                return self.changed.wait_for(reached, 10)

        assert await asyncio.to_thread(wait)


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
    host = LocalHost({name: _given(stage) for name, stage in stages.items()}, dict.fromkeys(stages, workers))
    await host.start(lambda step: None)
    return host


def _given(stage: AnyStage) -> Callable[[Callable[[str], None]], AnyStage]:
    return lambda progress: stage


@pytest.fixture
def held() -> Held:
    return Held()


@pytest.fixture
async def host(held: Held) -> AsyncIterator[LocalHost]:
    host = await started(generate=GenerateStage(held), transcribe=TranscribeStage(Ear()))
    yield host
    await host.close()


async def test_results_arrive_on_the_loop_in_order(host: LocalHost) -> None:
    receiver = Receiver()
    threads: set[int] = set()

    def deliver(job_id: str, result: Result) -> None:
        threads.add(threading.get_ident())
        receiver(job_id, result)

    host.submit(transcribe("j1", words=1000), deliver)
    assert receiver.results == []
    await receiver.final("j1")
    assert threads == {threading.get_ident()}
    assert receiver.of("j1") == [*(TranscribeDelta(str(n)) for n in range(1000)), TranscribeDone("done", 0.0)]


async def test_nothing_is_delivered_after_a_cancel(host: LocalHost, held: Held) -> None:
    receiver = Receiver()

    def cancel_at_once(job_id: str, result: Result) -> None:
        receiver(job_id, result)
        host.cancel(job_id)

    host.submit(transcribe("j1", words=1000), cancel_at_once)
    host.submit(transcribe("j2"), receiver)
    await receiver.final("j2")
    assert receiver.of("j1") == [TranscribeDelta("0")]


async def test_a_cancel_reaches_the_running_model(host: LocalHost, held: Held) -> None:
    receiver = Receiver()
    host.submit(generate("j1"), receiver)
    await held.until(lambda: held.began == ["j1"])
    host.cancel("j1")
    await held.until(lambda: "j1" in held.cancelled)
    host.cancel("j1")
    host.cancel("unknown")
    host.submit(generate("j2"), receiver)
    held.let("j2")
    await receiver.final("j2")
    assert receiver.of("j1") == []


async def test_a_cancelled_job_that_waits_never_begins(host: LocalHost, held: Held) -> None:
    receiver = Receiver()
    for name in ("j1", "j2", "j3"):
        host.submit(generate(name), receiver)
    host.cancel("j2")
    held.let("j1", "j2", "j3")
    await receiver.final("j1", "j3")
    assert held.began == ["j1", "j3"]


async def test_sessions_take_turns_and_keep_their_order(host: LocalHost, held: Held) -> None:
    receiver = Receiver()
    host.submit(generate("first"), receiver)
    await held.until(lambda: held.began == ["first"])
    for name in ("a1", "a2", "a3", "b1", "b2"):
        host.submit(generate(name, session=name[0]), receiver)
    names = ("first", "a1", "a2", "a3", "b1", "b2")
    held.let(*names)
    await receiver.final(*names)
    assert held.began == ["first", "a1", "b1", "a2", "b2", "a3"]


async def test_one_session_holds_at_most_half_of_the_chat_workers(held: Held) -> None:
    host = await started(workers=4, generate=GenerateStage(held))
    receiver = Receiver()
    for name in ("a1", "a2", "a3", "b1"):
        host.submit(generate(name, session=name[0]), receiver)
    await held.until(lambda: len(held.began) == 3)
    assert set(held.began) == {"a1", "a2", "b1"}
    host.cancel("a1")
    await held.until(lambda: "a3" in held.began)
    held.let("a2", "a3", "b1")
    await receiver.final("a2", "a3", "b1")
    await host.close()


async def test_clauses_of_one_session_are_spoken_one_after_the_other() -> None:
    voice = ScriptedVoice(ScriptedVoiceSettings(ms_per_character=100))
    host = await started(workers=4, speak=SpeakStage(voice))
    receiver = Receiver()
    names = [f"clause {number}" for number in range(6)]
    for name in names:
        host.submit(Job(name, "s1", SpeakRequest(name, "alloy")), receiver)
    await receiver.final(*names)
    assert [id for id, result in receiver.results if isinstance(result, SpeakDone)] == names
    assert [result.text for _, result in receiver.results if isinstance(result, SpeakAudio) and result.text] == names
    owners = [id for id, _ in receiver.results]
    assert owners == sorted(owners)
    await host.close()


async def test_a_prefill_waits_until_nothing_else_does(host: LocalHost, held: Held) -> None:
    receiver = Receiver()
    host.submit(generate("first"), receiver)
    await held.until(lambda: held.began == ["first"])
    host.submit(generate("prefill", session="b", prefill=True), receiver)
    host.submit(generate("real", session="c"), receiver)
    held.let("first", "prefill", "real")
    await receiver.final("first", "prefill", "real")
    assert held.began == ["first", "real", "prefill"]


@pytest.mark.parametrize("session", ["s1", "another"])
async def test_a_running_prefill_gives_way(host: LocalHost, held: Held, session: str) -> None:
    receiver = Receiver()
    host.submit(generate("prefill", prefill=True), receiver)
    await held.until(lambda: held.began == ["prefill"])
    host.submit(generate("real", session=session), receiver)
    held.let("real")
    await receiver.final("prefill", "real")
    assert held.cancelled == {"prefill"}
    assert receiver.of("prefill") == [GenerateDone("stop")]
    assert receiver.of("real") == [GenerateText("real"), GenerateDone("stop")]


async def test_a_newer_prefill_takes_the_place_of_one_that_waits(host: LocalHost, held: Held) -> None:
    receiver = Receiver()
    host.submit(generate("first", session="a"), receiver)
    host.submit(generate("old", prefill=True), receiver)
    host.submit(generate("new", prefill=True), receiver)
    held.let("first", "old", "new")
    await receiver.final("first", "old", "new")
    assert held.began == ["first", "new"]


async def test_a_job_without_its_stage_fails(host: LocalHost) -> None:
    receiver = Receiver()
    host.submit(Job("j1", "s1", SpeakRequest("Hi", "alloy")), receiver)
    assert receiver.results == []
    await receiver.final("j1")
    [failed] = receiver.of("j1")
    assert isinstance(failed, JobFailed)
    assert "speak" in failed.message


async def test_a_cancelled_job_without_its_stage_is_silent(host: LocalHost, held: Held) -> None:
    receiver = Receiver()
    host.submit(Job("j1", "s1", SpeakRequest("Hi", "alloy")), receiver)
    host.cancel("j1")
    host.submit(transcribe("j2"), receiver)
    await receiver.final("j2")
    assert receiver.of("j1") == []


async def test_a_receiver_that_fails_harms_no_other(host: LocalHost, caplog: pytest.LogCaptureFixture) -> None:
    def fail(job_id: str, result: Result) -> None:
        raise ZeroDivisionError

    receiver = Receiver()
    host.submit(transcribe("j1"), fail)
    host.submit(transcribe("j2"), receiver)
    await receiver.final("j2")
    assert receiver.of("j2")[-1] == TranscribeDone("done", 0.0)
    assert any("j1" in record.getMessage() for record in caplog.records if record.levelno == logging.ERROR)


async def test_a_worker_outlives_a_model_that_exits(caplog: pytest.LogCaptureFixture) -> None:
    class Exiting:
        def generate(self, request: GenerateRequest, cancel: Cancel) -> Iterator[GenerateText]:
            sys.exit(1)
            yield

    host = await started(generate=GenerateStage(Exiting()))
    receiver = Receiver()
    host.submit(generate("j1"), receiver)
    host.submit(generate("j2"), receiver)
    await receiver.final("j1", "j2")
    assert receiver.of("j2") == [SERVER_ERROR]
    await host.close()


async def test_a_stage_is_missing_until_loaded_and_while_its_model_is_broken() -> None:
    class Fickle:
        works = False

        def generate(self, request: GenerateRequest, cancel: Cancel) -> Iterator[GenerateDone]:
            if not self.works:
                raise ZeroDivisionError
            yield GenerateDone("stop")

    model = Fickle()
    stage = GenerateStage(model)
    host = LocalHost({"generate": lambda progress: stage})
    assert host.missing() == ("generate",)
    await host.start(lambda step: None)
    assert host.missing() == ()
    receiver = Receiver()
    for name in ("j1", "j2", "j3"):
        host.submit(generate(name), receiver)
    await receiver.final("j1", "j2", "j3")
    assert host.missing() == ("generate",)
    model.works = True
    host.submit(generate("j4"), receiver)
    await receiver.final("j4")
    assert host.missing() == ()
    await host.close()
    assert host.missing() == ("generate",)


async def test_models_load_off_the_loop_and_tell_their_progress() -> None:
    steps: list[tuple[str, int]] = []
    loaded_on: list[int] = []

    def load(progress: Callable[[str], None]) -> AnyStage:
        loaded_on.append(threading.get_ident())
        progress("Loading")
        return TranscribeStage(Ear())

    host = LocalHost({"transcribe": load})
    await host.start(lambda step: steps.append((step, threading.get_ident())))
    assert steps == [("Loading", threading.get_ident())]
    assert loaded_on != [threading.get_ident()]
    await host.close()


@pytest.mark.parametrize("error", [ModelError("No weights.", "pull them"), ValueError("bad magic")])
async def test_a_model_that_does_not_load_fails_the_start(error: Exception) -> None:
    def load(progress: Callable[[str], None]) -> AnyStage:
        raise error

    stage = GenerateStage(Held())
    host = LocalHost({"transcribe": load, "generate": lambda progress: stage})
    with pytest.raises(ModelError, match=r"No weights|bad magic"):
        await host.start(lambda step: None)
    assert set(host.missing()) == {"transcribe", "generate"}


async def test_close_ends_running_jobs_and_threads_and_closes_adapters() -> None:
    class Closable(Held):
        closed = False

        def close(self) -> None:
            self.closed = True

    model = Closable()
    interval = sys.getswitchinterval()
    host = await started(generate=GenerateStage(model))
    receiver = Receiver()
    host.submit(generate("j1"), receiver)
    host.submit(generate("j2"), receiver)
    await model.until(lambda: model.began == ["j1"])
    await host.close()
    assert model.closed
    assert model.cancelled == {"j1"}
    assert receiver.results == []
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("rtengine-")]
    assert sys.getswitchinterval() == interval


async def test_close_leaves_a_worker_that_does_not_come_back(caplog: pytest.LogCaptureFixture) -> None:
    let_go = threading.Event()
    began = threading.Event()

    class Stuck:
        def generate(self, request: GenerateRequest, cancel: Cancel) -> Iterator[GenerateDone]:
            began.set()
            let_go.wait(10)
            yield GenerateDone("stop")

    stage = GenerateStage(Stuck())
    host = LocalHost({"generate": lambda progress: stage}, {"generate": 1}, close_seconds=0)
    await host.start(lambda step: None)
    host.submit(generate("j1"), Receiver())
    await asyncio.to_thread(began.wait, 10)
    await host.close()
    assert "rtengine-generate-0" in caplog.text
    let_go.set()


async def test_a_job_after_close_fails() -> None:
    host = await started(transcribe=TranscribeStage(Ear()))
    await host.close()
    receiver = Receiver()
    host.submit(transcribe("j1"), receiver)
    await receiver.final("j1")
    assert isinstance(receiver.of("j1")[0], JobFailed)


async def test_many_sessions_lose_and_double_nothing() -> None:
    host = await started(workers=3, transcribe=TranscribeStage(Ear()))
    receiver = Receiver()
    names = [f"j{number}" for number in range(300)]
    for number, name in enumerate(names):
        host.submit(transcribe(name, session=f"s{number % 40}", words=number % 7), receiver)
    await receiver.final(*names)
    for number, name in enumerate(names):
        expected = [*(TranscribeDelta(str(n)) for n in range(number % 7)), TranscribeDone("done", 0.0)]
        assert receiver.of(name) == expected
    await host.close()
