from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.pipeline.dora.dataflows import (
    PATIENCE,
    Patient,
    alive,
    below,
    command,
    eventually,
    kept,
    process,
    profile,
    running,
    say,
)
from tests.soak.test_sessions import FACTOR

from rtengine.errors import ModelError
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
from rtengine.pipeline.dora.dataflow import parse, write
from rtengine.pipeline.dora.host import DoraHost

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(600)]


async def test_a_turn_goes_through_the_dataflow_and_nothing_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    got = Patient()
    others = below(os.getpid())  # of other tests
    async with running(profile(tmp_path)) as host:
        assert host.missing() == ()
        processes = [pid for pid in below(os.getpid()) if pid not in others]
        assert sum("rtengine.pipeline.dora.node" in command(pid) for pid in processes) == 3
        host.submit(Job("j1", "s1", TranscribeRequest(bytes(2 * 24000 * 300), 24000)), got)  # in many fragments
        assert await got.outcome("j1") == TranscribeDone("300.0 seconds of audio", 300.0)
        host.submit(say("j2", "hello"), got)
        done = await got.outcome("j2")
        assert isinstance(done, GenerateDone)
        assert "".join(result.text for result in got.of("j2") if isinstance(result, GenerateText)) == "Hello!"
        host.submit(Job("j3", "s1", SpeakRequest("Hello!", "marin")), got)
        assert await got.outcome("j3") == SpeakDone()
        audio = [result for result in got.of("j3") if isinstance(result, SpeakAudio)]
        assert sum(result.duration_ms for result in audio) == pytest.approx(300)
        assert sum(len(result.audio) for result in audio) == 2 * 24000 * 300 // 1000
        shared = [pid for pid in [os.getpid(), *processes] if "/dev/shm/" in maps(pid)]
        assert shared == []
        assert any(name.startswith("rtengine-dora-") for name in os.listdir(tmp_path))
    assert not any(map(alive, processes))
    assert os.listdir(tmp_path) == ["talker.yaml"]


def maps(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/maps").read_text(encoding="utf-8")
    except OSError:
        return ""


NODE = "--stage generate"


@pytest.mark.parametrize(
    "faults",
    [
        [(NODE, signal.SIGKILL, 2.0), (NODE, signal.SIGSTOP, 2.0), ("dora daemon", signal.SIGKILL, 2.0)],
        pytest.param(
            [
                ("dora coordinator", signal.SIGKILL, 2.0),
                ("dora.keeper", signal.SIGKILL, 2.0),
                ("dora daemon", signal.SIGSTOP, 2.0),
            ],
            marks=pytest.mark.skipif(FACTOR == 1, reason="part of `make soak`"),
        ),
    ],
    ids=["likely", "rare"],
)
async def test_jobs_fail_and_the_next_turn_works_whatever_breaks(
    tmp_path: Path, faults: list[tuple[str, signal.Signals, float]]
) -> None:
    got, missing = Patient(), dict[str, tuple[str, ...]]()
    async with running(profile(tmp_path)) as host, beating() as beats:

        def failed(job_id: str) -> None:
            """What there is to be seen now: soon all is well again."""
            if job_id.startswith("broken"):
                missing[job_id] = host.missing()
                host.submit(say(job_id.replace("broken", "early"), "hello"), got)

        got.on_failure = failed
        for number, (words, how, within) in enumerate(faults):
            host.submit(say(f"broken {number}", "slow"), got)
            await got.until(lambda number=number: bool(got.of(f"broken {number}")))  # type: ignore[misc]
            began = len(beats)
            os.kill(process(words), how)
            assert isinstance(await got.outcome(f"broken {number}"), JobFailed)
            took = (len(beats) - began) * BEAT_SECONDS
            print(f"{words} {how.name}: told after {took:.2f} s")
            assert took < within + slack(), (words, how)
            assert "generate" in missing[f"broken {number}"]
            assert isinstance(await got.outcome(f"early {number}"), JobFailed)
            await eventually(lambda: host.missing() == ())
            host.submit(say(f"later {number}", "hello"), got)
            assert isinstance(await got.outcome(f"later {number}"), GenerateDone)


BEAT_SECONDS = 0.05


@asynccontextmanager
async def beating() -> AsyncIterator[list[None]]:
    """Grows while the loop runs: a clock that stands still while the machine does, and goes slowly where it is slow."""
    beats: list[None] = []

    async def beat() -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            beats.append(None)

    heart = asyncio.create_task(beat())
    yield beats
    heart.cancel()


def slack() -> float:
    """What a loaded machine adds."""
    return 3.0 * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


async def test_a_node_that_cannot_start_fails_the_start_and_says_why(tmp_path: Path) -> None:
    text = write(profile(tmp_path)).replace("talker.yaml", "nowhere.yaml", 1)
    host = DoraHost(parse(text))
    with pytest.raises(ModelError) as raised:
        await asyncio.wait_for(host.start(lambda step: None), PATIENCE)
    assert "did not start" in raised.value.message
    assert "nowhere" in raised.value.hint
    assert kept() == []


async def test_a_model_that_cannot_be_loaded_is_told_in_its_own_words(tmp_path: Path) -> None:
    path = tmp_path / "deaf.yaml"
    path.write_text(
        "profile: deaf\nversion: 1\nextends: scripted\nmodels: {transcriber: {adapter: faster-whisper, model: base}}\n",
        encoding="utf-8",
    )
    text = write(profile(tmp_path)).replace(str(tmp_path / "talker.yaml"), str(path), 1)
    text = text.replace(f'RTENGINE_PROFILE: "{path}"', f'RTENGINE_PROFILE: "{path}", RTENGINE_CACHE: "{tmp_path}"')
    host = DoraHost(parse(text))
    with pytest.raises(ModelError) as raised:
        await asyncio.wait_for(host.start(lambda step: None), PATIENCE)
    assert "did not start" not in raised.value.message
    assert raised.value.hint
