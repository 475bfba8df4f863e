"""Processes of the dataflow are killed and stopped at random while clients talk: every answer ends once, nobody is
disconnected, and in the end all is well again.

CI runs a short form; `make soak` sets RTENGINE_SOAK to a larger factor.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from tests.pipeline.dora.dataflows import PATIENCE, below, command, eventually
from tests.session.test_random_sequences import check_promises
from tests.soak.test_sessions import FACTOR, speech, until_done
from websockets.asyncio.client import ClientConnection, connect

from rtengine_cli.child import Child

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900 * FACTOR)]

CLIENTS = 10
FAULTS = 4 * FACTOR
WAYS = [
    ("--stage transcribe", signal.SIGKILL),
    ("--stage generate", signal.SIGSTOP),
    ("dora daemon", signal.SIGKILL),
    ("--stage speak", signal.SIGKILL),
    ("--stage generate", signal.SIGKILL),
    ("--stage speak", signal.SIGSTOP),
    ("dora daemon", signal.SIGSTOP),
    ("dora.keeper", signal.SIGKILL),
]
STORY = "tell me a story"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    profile = tmp_path_factory.mktemp("profile") / "faults.yaml"
    profile.write_text("profile: faults\nversion: 1\nextends: scripted\npipeline: {host: dora}\n", encoding="utf-8")
    with Child(str(profile), on_line=lambda line: None) as child:
        yield child


async def ask(connection: ClientConnection, text: str) -> None:
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    await connection.send(json.dumps({"type": "conversation.item.create", "item": item}))
    await connection.send(json.dumps({"type": "response.create"}))


async def turn(connection: ClientConnection, number: int, frames: list[str], events: list[dict[str, Any]]) -> str:
    """A spoken or a typed turn; how its answer ended."""
    if number % 2:
        await ask(connection, STORY)
    else:
        for frame in frames:
            await connection.send(frame)
    async with asyncio.timeout(PATIENCE):
        await until_done(connection, events)
    done = next(event for event in reversed(events) if event["type"] == "response.done")
    return str(done["response"]["status"])


async def talk(url: str, over: asyncio.Event, frames: list[str]) -> tuple[list[dict[str, Any]], Counter[str]]:
    """Turns until ``over``, and then until one is answered."""
    events: list[dict[str, Any]] = []
    ends: Counter[str] = Counter()
    async with connect(url, compression=None, max_size=None) as connection:
        status, deadline = "", time.monotonic() + PATIENCE * (FAULTS + 1)
        while not (over.is_set() and status == "completed"):
            assert time.monotonic() < deadline, ends
            status = await turn(connection, ends.total(), frames, events)
            ends[status] += 1
            await asyncio.sleep(0.05)  # the pace of a caller: a stage that is missing fails turns at once
    return events, ends


async def break_things(server: Child, over: asyncio.Event) -> None:
    chance = random.Random(20)
    try:
        for number in range(FAULTS):
            words, how = WAYS[number % len(WAYS)] if number < len(WAYS) else chance.choice(WAYS)
            await asyncio.sleep(chance.uniform(0.1, 1.5))
            await eventually(lambda words=words: victim(server, words) is not None)  # type: ignore[misc]
            if (pid := victim(server, words)) is not None:
                os.kill(pid, how)
    finally:
        over.set()


def victim(server: Child, words: str) -> int | None:
    return next((pid for pid in below(server.pid) if words in command(pid)), None)


def test_every_answer_ends_once_whatever_is_killed(server: Child) -> None:
    async def everyone() -> list[tuple[list[dict[str, Any]], Counter[str]]]:
        over, frames = asyncio.Event(), speech()
        async with asyncio.TaskGroup() as group:
            group.create_task(break_things(server, over))
            clients = [group.create_task(talk(server.url, over, frames)) for _ in range(CLIENTS)]
        return [client.result() for client in clients]

    total: Counter[str] = Counter()
    for events, ends in asyncio.run(everyone()):
        check_promises(events)
        assert ends["completed"] >= 1
        assert set(ends) <= {"completed", "failed"}
        assert [event for event in events if event["type"] == "error"] == []
        total += ends
    assert total["failed"] >= 1
    print(f"{FAULTS} faults, {dict(total)}")
