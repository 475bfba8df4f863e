from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import Callable, Iterator

import pytest
from tests.pipeline.doubles import SECONDS, Ear, Held, Receiver, generate, started, transcribe

from rtengine.errors import ModelError
from rtengine.models.jobs import (
    GenerateDone,
    GenerateRequest,
    GenerateText,
    Job,
    JobFailed,
    Result,
    SpeakRequest,
    TranscribeDelta,
    TranscribeDone,
)
from rtengine.models.ports import Cancel
from rtengine.pipeline.local import LocalHost, local_host
from rtengine.pipeline.stage import SERVER_ERROR, AnyStage, GenerateStage, TranscribeStage
from rtengine.profile.load import load_profile

pytestmark = pytest.mark.unit


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
            let_go.wait(SECONDS)
            yield GenerateDone("stop")

    stage = GenerateStage(Stuck())
    host = LocalHost({"generate": lambda progress: stage}, {"generate": 1}, close_seconds=0)
    await host.start(lambda step: None)
    host.submit(generate("j1"), Receiver())
    await asyncio.to_thread(began.wait, SECONDS)
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


async def test_a_profile_says_which_stages_there_are() -> None:
    host = local_host(load_profile("scripted"))
    await host.start(lambda step: None)
    receiver = Receiver()
    host.submit(Job("j1", "s1", SpeakRequest("Hello.", "alloy")), receiver)
    host.submit(generate("j2"), receiver)
    host.submit(transcribe("j3", words=3200), receiver)
    await receiver.final("j1", "j2", "j3")
    assert not [result for _, result in receiver.results if isinstance(result, JobFailed)]
    assert host.missing() == ()
    await host.close()


async def test_the_log_says_once_that_a_stage_is_broken_and_once_that_it_is_well_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "rtengine.pipeline.local")

    class Moody:
        faults = 5

        def generate(self, request: GenerateRequest, cancel: Cancel) -> Iterator[GenerateText | GenerateDone]:
            self.faults -= 1
            if self.faults >= 0:
                raise ValueError("not now")
            yield GenerateDone("stop")

    host, receiver = await started(generate=GenerateStage(Moody())), Receiver()
    for number in range(7):
        host.submit(generate(f"j{number}"), receiver)
        await receiver.final(f"j{number}")
    await host.close()
    assert [record.getMessage() for record in caplog.records if record.name == "rtengine.pipeline.local"] == [
        "the stage 'generate' fails at every job: it counts as missing until one succeeds",
        "the stage 'generate' is well again",
    ]
