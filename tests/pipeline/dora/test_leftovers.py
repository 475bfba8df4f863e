"""However and whenever a server ends: no process, port, shared memory or file of it is left."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.pipeline.dora.dataflows import below, command, eventually
from tests.soak.test_sessions import FACTOR

from rtengine.models.weights import cache_dir
from rtengine.pipeline.dora.ports import free_port

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(240)]

MARK = "RTENGINE_TEST_MARK"


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

    def nodes(self) -> int:
        return sum("rtengine.pipeline.dora.node" in command(pid) for pid in below(self.process.pid))

    def ready(self) -> bool:
        return b"is ready" in self.log.read_bytes()


@asynccontextmanager
async def started(folder: Path, profile: str = "scripted", cache: Path | None = None) -> AsyncIterator[Run]:
    mark = f"{MARK}={secrets.token_hex(8)}"
    places = {name: folder / "run" / name for name in ("home", "tmp", "cwd")}
    for place in places.values():
        place.mkdir(parents=True)
    log = folder / "log"
    arguments = ["run", "--profile", profile, "--pipeline", "dora", "--no-pull", "--port", str(free_port("127.0.0.1"))]
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


def listening() -> set[str]:
    """Addresses on this machine where somebody listens, by /proc."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="utf-8").splitlines()[1:]]
    return {row[1] for row in rows if row[3] == "0A"}


MOMENTS: dict[str, Callable[[Run], bool]] = {
    "before its nodes": lambda run: any("dora.keeper" in command(pid) for pid in below(run.process.pid)),
    "while they load": lambda run: run.nodes() > 0,
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
    shared, ports = shared_memory(), listening()
    async with started(tmp_path) as run:
        await eventually(lambda: MOMENTS[when](run))
        opened = listening() - ports
        run.process.send_signal(how)
        await eventually(lambda: run.process.poll() is not None)
        await eventually(lambda: not run.processes())
        assert run.process.returncode == (-how if how is signal.SIGKILL else 0), run.log.read_text()
        assert run.files() == []
        assert shared_memory() <= shared
        assert not opened & listening()


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
        assert shared_memory() <= shared
