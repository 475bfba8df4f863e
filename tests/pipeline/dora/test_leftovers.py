"""However and whenever a server ends: no process, port, shared memory or file of it is left."""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.pipeline.dora.dataflows import PATIENCE, below, command, eventually
from tests.soak.test_sessions import FACTOR
from websockets.asyncio.client import ClientConnection, connect

from rtengine.models.weights import cache_dir
from rtengine.pipeline.dora.ports import sockets

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(600)]

MARK = "RTENGINE_TEST_MARK"
LOOPBACK = "0100007F:"
"""127.0.0.1, as /proc writes it."""


@dataclass
class Run:
    """``rtengine run`` in folders of its own."""

    process: subprocess.Popen[bytes]
    mark: str
    folder: Path
    log: Path

    def processes(self) -> list[int]:
        """Whatever was started by it, wherever its parent has gone."""
        return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and self._ours(entry)]

    def _ours(self, entry: Path) -> bool:
        try:
            return self.mark.encode() in (entry / "environ").read_bytes()
        except OSError:
            return False

    def files(self) -> list[str]:
        return [str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.parent != self.folder]

    def nodes(self) -> list[int]:
        return [pid for pid in below(self.process.pid) if "rtengine.pipeline.dora.node" in command(pid)]

    def ready(self) -> bool:
        return bool(self.url)

    @property
    def url(self) -> str:
        """Where clients connect, once it has said so."""
        told = re.search(r"WebSocket +(ws://\S+)\n", self.log.read_text(encoding="utf-8"))
        return told[1] if told else ""


@asynccontextmanager
async def started(folder: Path, profile: str = "scripted", cache: Path | None = None) -> AsyncIterator[Run]:
    mark = f"{MARK}={secrets.token_hex(8)}"
    places = {name: folder / "run" / name for name in ("home", "tmp", "cwd")}
    for place in places.values():
        place.mkdir(parents=True)
    log = folder / "log"
    arguments = ["run", "--profile", profile, "--pipeline", "dora", "--no-pull", "--port", "0"]
    with log.open("wb") as output:
        server = subprocess.Popen(  # noqa: ASYNC220
            [sys.executable, "-m", "rtengine_cli", *arguments],
            env={
                **os.environ,
                "HOME": str(places["home"]),
                "TMPDIR": str(places["tmp"]),
                "RTENGINE_CACHE": str(cache or cache_dir()),
                "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path)),
                MARK: mark.partition("=")[2],
            },
            cwd=places["cwd"],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Run(server, mark, folder / "run", log)
    finally:
        server.kill()
        await asyncio.to_thread(server.wait)


def shared_memory() -> set[str]:
    return set(os.listdir("/dev/shm"))


def listening(run: Run) -> dict[str, str]:
    """Where it listens: the inodes of its sockets, and their addresses."""
    ours = set().union(*map(sockets, run.processes()))
    return {inode: address for inode, address in listeners().items() if inode in ours}


def listeners() -> dict[str, str]:
    """Every socket of this machine that listens, by /proc."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="utf-8").splitlines()[1:]]
    return {row[9]: row[1] for row in rows if row[3] == "0A"}


MOMENTS: dict[str, Callable[[Run], bool]] = {
    "before its nodes": lambda run: any("dora.keeper" in command(pid) for pid in below(run.process.pid)),
    "while they load": lambda run: bool(run.nodes()),
    "ready": lambda run: run.ready(),
}
CASES = [
    pytest.param(how, when, marks=() if short else pytest.mark.skipif(FACTOR == 1, reason="part of `make soak`"))
    for how, when, short in [
        (signal.SIGTERM, "ready", True),
        (signal.SIGINT, "while they load", True),
        (signal.SIGKILL, "ready", True),
        (signal.SIGTERM, "before its nodes", False),
        (signal.SIGTERM, "while they load", False),
        (signal.SIGINT, "before its nodes", False),
        (signal.SIGINT, "ready", False),
        (signal.SIGKILL, "before its nodes", False),
        (signal.SIGKILL, "while they load", False),
    ]
]


@pytest.mark.parametrize(("how", "when"), CASES)
async def test_a_server_that_ends_leaves_nothing_behind(tmp_path: Path, how: signal.Signals, when: str) -> None:
    shared = shared_memory()
    async with started(tmp_path) as run:
        await eventually(lambda: MOMENTS[when](run))
        opened = listening(run)
        assert all(address.startswith(LOOPBACK) for address in opened.values())
        run.process.send_signal(how)
        await eventually(lambda: run.process.poll() is not None)
        await eventually(lambda: not run.processes())
        assert run.process.returncode == (-how if how is signal.SIGKILL else 0), run.log.read_text()
        assert run.files() == []
        await eventually(lambda: shared_memory() <= shared)  # other programs use it too, for a moment
        assert not opened.keys() & listeners().keys()


async def test_a_server_whose_model_cannot_be_loaded_leaves_nothing_behind(tmp_path: Path) -> None:
    profile = tmp_path / "deaf.yaml"
    profile.write_text(
        "profile: deaf\nversion: 1\nextends: scripted\nmodels: {transcriber: {adapter: faster-whisper, model: base}}\n",
        encoding="utf-8",
    )
    shared = shared_memory()
    async with started(tmp_path, str(profile), tmp_path / "empty") as run:
        await eventually(lambda: run.process.poll() is not None)
        assert run.process.returncode == 1, run.log.read_text()
        await eventually(lambda: not run.processes())
        assert run.files() == []
        await eventually(lambda: shared_memory() <= shared)  # other programs use it too, for a moment


@pytest.mark.parametrize(
    "how",
    [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.skipif(FACTOR == 1, reason="part of `make soak`"))],
)
async def test_two_servers_do_not_hear_each_other_and_one_is_not_touched_by_the_end_of_the_other(
    tmp_path: Path, how: signal.Signals
) -> None:
    async with started(tmp_path / "ends") as ends, started(tmp_path / "stays") as stays:
        for run in (ends, stays):
            await eventually(run.ready)
        before = sorted(stays.processes())
        async with talk(ends) as one, talk(stays) as other:
            turns = (answer(client, f"{name} {'word ' * 50}") for client, name in ((one, "one"), (other, "other")))
            assert [said.split()[2] for said in await asyncio.gather(*turns)] == ["one", "other"]
            await ask(other, "word " * 60)
            await until(other, "response.output_audio.delta")
            ends.process.send_signal(how)
            assert (await until(other, "response.done"))["response"]["status"] == "completed"
            await eventually(lambda: not ends.processes())
            assert (await answer(other, "again")).endswith("again")
        assert sorted(stays.processes()) == before
        assert b"ERROR" not in stays.log.read_bytes()


def talk(run: Run) -> connect:
    return connect(f"{run.url}?model=scripted", compression=None)


async def answer(client: ClientConnection, text: str) -> str:
    """What is said to a text."""
    await ask(client, text)
    done = await until(client, "response.done")
    return str(done["response"]["output"][0]["content"][0]["transcript"])


async def ask(client: ClientConnection, text: str) -> None:
    content = [{"type": "input_text", "text": text}]
    given = {"input": [{"type": "message", "role": "user", "content": content}]}
    await client.send(json.dumps({"type": "response.create", "response": given}))


async def until(client: ClientConnection, type: str) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE):
        while True:
            event: dict[str, Any] = json.loads(await client.recv())
            if event["type"] == type:
                return event
