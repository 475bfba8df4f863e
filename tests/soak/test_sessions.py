"""Many sessions at once and one after the other: no cross-talk, nothing lost, memory flat.

CI runs a short form; `make soak` sets RTENGINE_SOAK to a larger factor.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.audio.recorded import load
from tests.pipeline.dora.dataflows import below
from tests.session.test_random_sequences import check_promises
from websockets.asyncio.client import ClientConnection, connect

from rtengine.audio.resample import resample
from rtengine.server.heap import TRIM_SECONDS
from rtengine_cli.child import Child

pytestmark = pytest.mark.soak

FACTOR = int(os.environ.get("RTENGINE_SOAK", "1"))
AT_ONCE = 20 if FACTOR == 1 else 50
TURNS = 2 * FACTOR
CHURN = 100 * FACTOR
WARM_UP = 40
POLL_SECONDS = 0.1
ROUNDS = 6
GROWTH_KIB = 2048
"""Growth of the server's memory over all sessions after the first ones, arenas and caches included."""


@pytest.fixture(scope="module", params=["local", "dora"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    profile = tmp_path_factory.mktemp("profile") / "soak.yaml"
    text = f"profile: soak\nversion: 1\nextends: scripted\npipeline: {{host: {request.param}}}\n"
    profile.write_text(text, encoding="utf-8")
    with Child(str(profile), on_line=lambda line: None) as child:
        yield child


def speech() -> list[str]:
    samples, rate = load("go_somewhere_24k.wav")
    silence = np.zeros(12000, "<i2")
    pcm = np.concatenate([silence, resample(samples, rate, 24000), silence, silence]).astype("<i2").tobytes()
    frames = [base64.b64encode(pcm[at : at + 4800]).decode() for at in range(0, len(pcm), 4800)]
    return [json.dumps({"type": "input_audio_buffer.append", "audio": frame}) for frame in frames]


async def until_done(connection: ClientConnection, events: list[dict[str, Any]]) -> None:
    async for message in connection:
        events.append(json.loads(message))
        if events[-1]["type"] == "rate_limits.updated":
            return


async def talk(url: str, name: str, turns: int, frames: list[str]) -> list[dict[str, Any]]:
    """Spoken and typed turns by turns; the scripted chat repeats what it is told."""
    events: list[dict[str, Any]] = []
    async with connect(url, compression=None, max_size=None) as connection:
        for number in range(turns):
            for frame in frames:
                await connection.send(frame)
            await until_done(connection, events)
            content = [{"type": "input_text", "text": f"I am {name}, turn {number}"}]
            item = {"type": "message", "role": "user", "content": content}
            await connection.send(json.dumps({"type": "conversation.item.create", "item": item}))
            await connection.send(json.dumps({"type": "response.create"}))
            await until_done(connection, events)
    return events


def test_sessions_at_once_hear_only_themselves(server: Child) -> None:
    async def everyone() -> list[list[dict[str, Any]]]:
        frames = speech()
        names = [f"caller {number:03}" for number in range(AT_ONCE)]
        async with asyncio.timeout(100 * FACTOR):
            return await asyncio.gather(*(talk(server.url, name, TURNS, frames) for name in names))

    for number, events in enumerate(asyncio.run(everyone())):
        check_promises(events)
        failures = [details for event in events if (details := event.get("response", {}).get("status_details"))]
        assert failures == [], [line for line in server.log if line["level"] != "info"]
        kinds = Counter(event["type"] for event in events)
        assert kinds["response.done"] == 2 * TURNS
        assert kinds["conversation.item.input_audio_transcription.completed"] == TURNS
        assert kinds["error"] == 0
        said = [event["transcript"] for event in events if event["type"] == "response.output_audio_transcript.done"]
        named = [text for text in said if "caller" in text]
        assert len(named) == TURNS
        assert all(f"caller {number:03}" in text for text in named), "somebody else's words"


def resident_kib(server: int) -> int:
    """Of the server and of every process below it."""
    return sum(map(own_kib, [server, *below(server)]))


def own_kib(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text()
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")), 0)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_memory_is_flat_over_many_sessions(server: Child) -> None:
    async def sessions(count: int) -> None:
        frames = speech()
        for number in range(count):
            async with asyncio.timeout(100):
                await talk(server.url, f"visitor {number}", 1, frames)

    async def settled() -> int:
        """Memory once the server has given back what ended sessions held."""
        lowest = resident_kib(server.pid)
        for _ in range(round(2 * TRIM_SECONDS / POLL_SECONDS)):
            await asyncio.sleep(POLL_SECONDS)
            lowest = min(lowest, resident_kib(server.pid))
        return lowest

    asyncio.run(sessions(WARM_UP))
    before = asyncio.run(settled())
    asyncio.run(sessions(CHURN))
    rounds = 0
    while (growth := asyncio.run(settled()) - before) > GROWTH_KIB:
        rounds += 1  # a server that has hardly had its turn gives back later
        assert rounds < ROUNDS, f"{growth} KiB after {CHURN} sessions"
