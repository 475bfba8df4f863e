from __future__ import annotations

from pathlib import Path

import pytest
from tests.pipeline.dora.dataflows import Patient, running

from rtengine.models.jobs import Job, JobFailed, SpeakAudio, SpeakDone, SpeakRequest
from rtengine.pipeline.dora.dataflow import parse, read

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(240)]

ROOT = Path(__file__).parents[3]

HUB = """
nodes:
  - id: server
    path: dynamic
    inputs:
      speak: {source: adapter/results, queue_size: 10000}
      tick: {source: dora/timer/millis/250, queue_size: 1}
    outputs: [speak]
  - id: adapter
    path: python
    args: -u -m rtengine.pipeline.dora.hub --stage speak
    inputs:
      jobs: {source: server/speak, queue_size: 10000}
      reply: {source: voice/audio, queue_size: 1000}
      tick: {source: dora/timer/millis/250, queue_size: 1}
    outputs: [results, request]
  - id: voice
    path: hub_voice.py
    inputs:
      text: {source: adapter/request, queue_size: 1000}
      tick: {source: dora/timer/millis/250, queue_size: 1}
    outputs: [audio]
"""


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


async def test_a_voice_of_the_hub_speaks_for_many_sessions_through_the_adapter() -> None:
    got = Patient()
    async with running(parse(HUB, folder=Path(__file__).parent)) as host:
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
