"""Jobs in a dataflow that runs for all tests of this file."""

from __future__ import annotations

import logging
import os
import re
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio
from tests.pipeline.dora.dataflows import Patient, eventually, process, profile, running, say
from tests.soak.test_sessions import FACTOR

from rtengine.models.jobs import GenerateDone, GenerateText, Job, JobFailed, SpeakDone, SpeakRequest
from rtengine.pipeline.dora.dataflow import parse, write
from rtengine.pipeline.dora.host import DoraHost
from rtengine.pipeline.dora.lead import RESULTS_AHEAD
from rtengine.pipeline.dora.replica import Flight, Replica

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="module")]

NODE = Path(__file__).with_name("counting_node.py")
ENDLESS = 1_000_000


def more(got: Patient, name: str, than: int) -> bool:
    """Whether more results of a job than these have come."""
    return len(got.of(name)) > than


@dataclass
class Counter:
    """A running dataflow whose chat model counts."""

    host: DoraHost
    folder: Path

    def begun(self, name: str) -> int:
        """How many tokens the model has begun."""
        path = self.folder / name
        return int(path.read_text(encoding="utf-8") or 0) if path.exists() else 0

    def over(self, name: str) -> bool:
        return (self.folder / f"{name}.over").exists()

    def at_cancel(self, name: str) -> int:
        """How many it had begun when it heard of the cancel."""
        return int((self.folder / f"{name}.over").read_text(encoding="utf-8"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def counter(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Counter]:
    folder = tmp_path_factory.mktemp("counting")
    text = write(profile(folder, replicas={"speak": 2}))
    text = text.replace("-m rtengine.pipeline.dora.node --stage generate", f"{NODE} {folder}")
    async with running(parse(text)) as host:
        yield Counter(host, folder)


def count(name: str, number: int = ENDLESS) -> str:
    return f"count {name} {number}"


async def test_a_cancelled_job_is_silent_at_once_and_its_session_goes_on(counter: Counter) -> None:
    got, host = Patient(), counter.host
    for name in ("one", "two"):  # both workers
        host.submit(say(name, count(name), name), got)
        await got.until(partial(more, got, name, 3))
    host.cancel("one")
    heard = len(got.of("one"))
    host.submit(say("next", count("next", 3)), got)  # it needs the worker that was cancelled
    assert await got.outcome("next") == GenerateDone("stop")
    assert [result.text for result in got.of("next") if isinstance(result, GenerateText)] == ["1 ", "2 ", "3 "]
    assert len(got.of("one")) == heard
    host.cancel("two")
    host.submit(say("never", count("never")), got)
    host.cancel("never")
    host.submit(say("after", count("after", 3)), got)
    await got.outcome("after")
    assert got.of("never") == []


async def test_a_cancel_reaches_the_model_within_a_token_and_what_was_made_meanwhile_is_bounded(
    counter: Counter,
) -> None:
    got, host = Patient(), counter.host
    for number in range(10):
        name = f"cancelled{number}"
        host.submit(say(name, count(name)), got)
        await got.until(partial(more, got, name, 100 + number))
        host.cancel(name)
        taken = len(got.of(name))
        await eventually(partial(counter.over, name))
        begun = counter.begun(name)
        print(f"{begun - taken} tokens after the server's cancel, {begun - counter.at_cancel(name)} after the model's")
        assert begun - counter.at_cancel(name) <= 1
        assert begun - taken <= RESULTS_AHEAD + 1


async def test_a_stage_that_is_not_credited_stops_and_the_jobs_of_others_go_on(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    credit = Replica._credit

    def credited(replica: Replica, flight: Flight) -> None:
        if flight.job.id != "stalled":
            credit(replica, flight)

    monkeypatch.setattr(Replica, "_credit", credited)
    got, host = Patient(), counter.host
    host.submit(say("stalled", count("stalled"), "slow"), got)
    await got.until(lambda: len(got.of("stalled")) == RESULTS_AHEAD)
    for number in range(10):
        host.submit(say(f"quick {number}", count(f"quick{number}", 5 * RESULTS_AHEAD), f"s{number}"), got)
    for number in range(10):
        assert await got.outcome(f"quick {number}") == GenerateDone("stop")
        assert len(got.of(f"quick {number}")) == 5 * RESULTS_AHEAD + 1
    assert len(got.of("stalled")) == RESULTS_AHEAD
    assert counter.begun("stalled") == RESULTS_AHEAD + 1
    host.cancel("stalled")
    await eventually(lambda: counter.over("stalled"))


async def test_a_stage_that_fails_at_every_job_is_not_ready_and_is_mended_by_one_that_succeeds(
    counter: Counter, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "rtengine")
    got, host = Patient(), counter.host
    fault = counter.folder / "fault"
    fault.touch()
    for number in range(3):
        host.submit(say(f"fault {number}", count("fault")), got)
        assert isinstance(await got.outcome(f"fault {number}"), JobFailed)
    await eventually(lambda: host.missing() == ("generate",))
    fault.unlink()
    host.submit(say("mended", count("mended", 3)), got)
    assert await got.outcome("mended") == GenerateDone("stop")
    await eventually(lambda: host.missing() == ())
    reason = re.compile(
        r"generate: generate job fault \d failed: RuntimeError: as it was told \(counting_node.py:\d+\)"
    )
    await eventually(lambda: sum(reason.fullmatch(record.getMessage()) is not None for record in caplog.records) == 3)
    said = [record.getMessage() for record in caplog.records if record.getMessage().startswith("generate ")]
    assert said == ["generate fails at every job: it counts as missing until one succeeds", "generate is well again"]


async def test_sessions_are_spread_over_replicas_and_move_when_one_dies(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    got, host = Patient(), counter.host
    used = {host._replica("speak", f"session {number}") for number in range(50)}
    assert len(used) == 2
    first = host._replica("speak", "s1")
    assert first is not None and host._replica("speak", "s1") is first
    missing: list[tuple[str, ...]] = []
    gone = Replica.gone

    def noticed(replica: Replica, *failure: JobFailed) -> None:
        """What there is to be seen at the moment of its death: soon it is back."""
        gone(replica, *failure)
        if replica is first and not missing:
            missing.append(host.missing())
            host.submit(Job("moved", "s1", SpeakRequest("Hello!", "marin")), got)
            assert host._where["moved"] is not first

    monkeypatch.setattr(Replica, "gone", noticed)
    os.kill(first.pid, signal.SIGKILL)
    assert await got.outcome("moved") == SpeakDone()
    assert missing == [()]
    await eventually(lambda: host._replica("speak", "s1") is first)


@pytest.mark.skipif(FACTOR == 1, reason="part of `make soak`")
async def test_a_node_that_ends_again_and_again_leaves_the_other_stages_alone(
    counter: Counter, caplog: pytest.LogCaptureFixture
) -> None:
    got, host = Patient(), counter.host
    others = process("counting_node.py")
    known = counter.folder / "talker.yaml"
    known.rename(counter.folder / "away")

    def ends() -> int:
        return sum(message == "the node transcribe has ended" for message in caplog.messages)

    os.kill(process("--stage transcribe"), signal.SIGKILL)
    await eventually(lambda: ends() > 6)  # longer than a node may be gone that is not started again
    assert host.missing() == ("transcribe",)
    assert any(message.endswith(f"error: there is no file '{known}'") for message in caplog.messages)
    assert len(caplog.messages) < 5 * ends()
    host.submit(say("meanwhile", count("meanwhile", 3)), got)
    assert await got.outcome("meanwhile") == GenerateDone("stop")
    (counter.folder / "away").rename(known)
    await eventually(lambda: host.missing() == ())
    assert process("counting_node.py") == others
