from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from tests.pipeline.dora.dataflows import Patient, eventually, running, say
from tests.soak.test_sessions import FACTOR

from rtengine.models.jobs import (
    GenerateDone,
    GenerateText,
    Job,
    JobFailed,
    SpeakAudio,
    SpeakDone,
    SpeakRequest,
    TranscribeDone,
    TranscribeRequest,
)
from rtengine.pipeline.dora.dataflow import Dataflow, parse, read
from rtengine.pipeline.dora.host import DoraHost

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="module")]

ROOT = Path(__file__).parents[3]

TICK = "tick: {source: dora/timer/millis/250, queue_size: 1}"
NODES = Path(__file__).with_name("hub_nodes.py")
PARTS = {"transcribe": ("ear", "text"), "generate": ("chat", "text"), "speak": ("voice", "audio")}


def hub(*stages: str, answer_seconds: float = 60.0) -> Dataflow:
    """A dataflow whose stages are adapters before nodes of the hub."""
    inputs = [f"      {stage}: {{source: {stage}/results, queue_size: 10000}}" for stage in stages]
    lines = ["nodes:", "  - id: server", "    path: dynamic", "    inputs:", *inputs, f"      {TICK}"]
    lines.append(f"    outputs: [{', '.join(stages)}]")
    for stage in stages:
        kind, output = PARTS[stage]
        lines += [
            f"  - id: {stage}",
            "    path: python",
            f"    args: -u -m rtengine.pipeline.dora.hub --stage {stage} --answer-seconds {answer_seconds}",
            "    inputs:",
            f"      jobs: {{source: server/{stage}, queue_size: 10000}}",
            f"      reply: {{source: {kind}/{output}, queue_size: 1000}}",
            f"      {TICK}",
            "    outputs: [results, request]",
            f"  - id: {kind}",
            "    path: python",
            f"    args: -u {NODES} {kind}",
            "    inputs:",
            f"      question: {{source: {stage}/request, queue_size: 1000}}",
            f"      {TICK}",
            f"    outputs: [{output}]",
        ]
    return parse("\n".join(lines))


async def test_the_example_of_a_voice_of_ones_own_runs() -> None:
    got = Patient()
    async with running(read(ROOT / "examples/dora/whistle.yml")) as host:
        host.submit(Job("j1", "s1", SpeakRequest("one two three", "marin")), got)
        assert await got.outcome("j1") == SpeakDone()
        audio = [result for result in got.of("j1") if isinstance(result, SpeakAudio)]
        assert [result.text for result in audio] == ["one two three", "", ""]
        assert [len(result.audio) for result in audio] == [7680] * 3
        host.submit(Job("j2", "s1", SpeakRequest("one", "marin", encoding="pcmu", rate=8000)), got)
        assert await got.outcome("j2") == JobFailed("A whistle has no G.711.")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hubs() -> AsyncIterator[DoraHost]:
    async with running(hub(*PARTS)) as host:
        yield host


async def test_nodes_of_the_hub_serve_many_sessions_through_adapters(hubs: DoraHost) -> None:
    got, host = Patient(), hubs
    clauses = {f"j{number}": "x" * number for number in range(1, 9)}
    for number, (job_id, clause) in enumerate(clauses.items()):
        host.submit(Job(job_id, f"s{number % 3}", SpeakRequest(clause, "marin")), got)
    host.submit(Job("cancelled", "s1", SpeakRequest("x" * 20, "marin")), got)
    host.cancel("cancelled")
    for job_id, clause in clauses.items():
        assert await got.outcome(job_id) == SpeakDone()
        spoken = sum(result.duration_ms for result in got.of(job_id) if isinstance(result, SpeakAudio))
        assert spoken == pytest.approx(100 * len(clause), abs=1)
    assert got.of("cancelled") == []

    loud = (np.full(24000, 16384, "<i2")).tobytes()
    host.submit(Job("heard", "s1", TranscribeRequest(loud, 24000, language="en")), got)
    heard = await got.outcome("heard")
    assert isinstance(heard, TranscribeDone)
    assert (heard.seconds, heard.language) == (1.0, "en")
    type_, samples, rate, loudest = heard.transcript.split(" ")
    assert (type_, rate) == ("float", "16000")
    assert int(samples) == pytest.approx(16000, abs=2)
    assert float(loudest) == pytest.approx(0.5, abs=0.1)

    host.submit(say("answered", "hello"), got)
    assert await got.outcome("answered") == GenerateDone("stop")
    assert words(got, "answered").endswith(": hello")


async def test_the_answer_to_a_cancelled_job_is_not_given_to_the_next_and_a_dead_hub_node_comes_back(
    hubs: DoraHost,
) -> None:
    got, host = Patient(), hubs
    for number in range(1, 4):
        host.submit(say(f"begun {number}", f"slow {number}"), got)
        host.submit(say(f"next {number}", f"quick {number}"), got)
        host.submit(say(f"waiting {number}", f"other {number}"), got)
        host.cancel(f"waiting {number}")
        if number < 3:
            host.cancel(f"begun {number}")  # which may or may not have been asked
        await got.outcome(f"next {number}")
        assert words(got, f"next {number}").endswith(f": quick {number}")
    assert words(got, "begun 3").endswith(": slow 3")
    assert not any(job_id.startswith("waiting") for job_id, _ in got.results)

    host.submit(say("last", "he dies"), got)
    assert isinstance(await got.outcome("last"), JobFailed)
    await eventually(lambda: host.missing() == ())
    host.submit(say("later", "hello"), got)
    await got.outcome("later")
    assert words(got, "later") == "1: hello"


@pytest.mark.skipif(FACTOR == 1, reason="part of `make soak`")
async def test_a_hub_node_that_leaves_a_question_unanswered_is_started_again() -> None:
    got = Patient()
    async with running(hub("generate", answer_seconds=1.0)) as host:
        host.submit(say("unheard", "mute"), got)
        assert await got.outcome("unheard") == JobFailed("The model's node does not answer.")
        await eventually(lambda: host.missing() == ("generate",))
        await eventually(lambda: host.missing() == ())
        host.submit(say("later", "hello"), got)
        await got.outcome("later")
        assert words(got, "later") == "1: hello"


def words(got: Patient, job_id: str) -> str:
    return "".join(result.text for result in got.of(job_id) if isinstance(result, GenerateText))
