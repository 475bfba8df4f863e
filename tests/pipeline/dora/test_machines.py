from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.pipeline.dora.dataflows import alive, below, command, process, profile
from tests.soak.test_sessions import FACTOR

pytestmark = [pytest.mark.end_to_end, pytest.mark.soak, pytest.mark.timeout(600)]

HERE, THERE = "10.231.77.1", "10.231.77.2"
PORT = "6013"
PATIENCE = 90.0


def run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True, text=True)


@pytest.fixture
def spaces() -> Iterator[tuple[str, str]]:
    """Two network namespaces with a cable between them."""
    if os.geteuid() != 0 or not shutil.which("ip"):
        pytest.skip("network namespaces need root and the command `ip`")
    near, far = f"rtA{os.getpid()}", f"rtB{os.getpid()}"
    try:
        try:
            run("ip", "netns", "add", near)
            run("ip", "netns", "add", far)
            run("ip", "link", "add", "rtvA", "netns", near, "type", "veth", "peer", "name", "rtvB", "netns", far)
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no network namespaces here: {error.stderr.strip()}")
        for space, cable, address in ((near, "rtvA", HERE), (far, "rtvB", THERE)):
            run("ip", "-n", space, "addr", "add", f"{address}/24", "dev", cable)
            run("ip", "-n", space, "link", "set", "lo", "up")
            run("ip", "-n", space, "link", "set", cable, "up")
        yield near, far
    finally:
        for space in (near, far):
            subprocess.run(["ip", "netns", "del", space], check=False, capture_output=True)


class Talk:
    """A process whose lines are read."""

    def __init__(self, space: str, *words: str) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", space, sys.executable, "-u", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
        )
        self.lines: list[str] = []
        self.told = threading.Condition()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self.told:
                self.lines.append(line.rstrip())
                self.told.notify_all()

    def ask(self, line: str, start: str) -> str:
        """Say a line; the next one of its lines that starts so."""
        assert self.process.stdin is not None
        mark = len(self.lines)
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.await_line(start, mark)

    def await_line(self, start: str, after: int = 0) -> str:
        with self.told:
            assert self.told.wait_for(lambda: self._found(start, after), PATIENCE), self.lines[-20:]
        return self._found(start, after)

    def _found(self, start: str, after: int) -> str:
        return next((line for line in self.lines[after:] if line.startswith(start)), "")

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        try:
            self.process.wait(30)
        finally:
            self.process.kill()
            self.reader.join(10)
            for stream in (self.process.stdin, self.process.stdout):
                if stream is not None:
                    with contextlib.suppress(BrokenPipeError):
                        stream.close()


class Machines:
    """A server, and the machine that its chat model runs on."""

    def __init__(self, near: str, far: str, path: Path) -> None:
        self.near, self.far = near, far
        self.remotes = [self._lend()]
        self.server = Talk(near, str(Path(__file__).with_name("on_machine.py")), str(path), HERE, PORT)

    def _lend(self) -> Talk:
        return Talk(self.far, "-m", "rtengine.pipeline.dora.machine", "--id", "gpu", "--server", HERE, "--port", PORT)

    def workers(self) -> list[int]:
        """The nodes at work on the machine."""
        return [pid for remote in self.remotes for pid in below(remote.process.pid) if "--stage" in command(pid)]

    def only(self) -> int:
        """The one node at work, once what was before it has ended."""
        deadline = time.monotonic() + PATIENCE
        while len(found := self.workers()) != 1:
            assert time.monotonic() < deadline, found
            time.sleep(0.1)
        return found[0]

    def cut(self) -> None:
        run("ip", "-n", self.near, "link", "set", "rtvA", "down")

    def mend(self) -> None:
        run("ip", "-n", self.near, "link", "set", "rtvA", "up")

    def kill_daemon(self) -> None:
        os.kill(process("dora daemon", self.remotes[-1].process.pid), signal.SIGKILL)

    def kill_machine(self) -> None:
        self.remotes[-1].process.kill()

    def lend_again(self) -> None:
        self.remotes.append(self._lend())

    def end(self) -> None:
        self.server.end()
        for remote in self.remotes:
            remote.end()


@pytest.fixture
def machines(spaces: tuple[str, str], tmp_path: Path) -> Iterator[Machines]:
    machines = Machines(*spaces, profile(tmp_path).path)
    try:
        machines.server.await_line("ready")
        yield machines
    finally:
        machines.end()


def nothing(machines: Machines) -> None:
    """What mends by itself."""


IN_SOAK = pytest.mark.skipif(FACTOR == 1, reason="part of `make soak`")


@pytest.mark.parametrize(
    ("breaks", "mends", "for_good"),
    [
        pytest.param(Machines.cut, Machines.mend, True, id="partition"),
        pytest.param(Machines.cut, Machines.mend, False, marks=IN_SOAK, id="flap"),
        pytest.param(Machines.kill_daemon, nothing, True, marks=IN_SOAK, id="daemon"),
        pytest.param(Machines.kill_machine, Machines.lend_again, True, marks=IN_SOAK, id="machine"),
    ],
)
def test_the_loss_of_a_machine_is_noticed_and_mended_and_no_node_of_the_lost_dataflow_stays(
    machines: Machines, breaks: Callable[[Machines], None], mends: Callable[[Machines], None], for_good: bool
) -> None:
    server = machines.server
    assert server.ask("hello", "last").startswith("last generate.done")
    before = machines.only()
    mark = len(server.lines)
    server.ask("slow", "first generate.text")
    breaks(machines)
    assert server.await_line("last", mark).startswith("last failed")
    assert "generate" in server.ask("missing", "missing")
    if for_good:
        server.await_line("the dataflow is started again", mark)
    mends(machines)
    server.ask("whole", "whole")
    assert server.ask("hello", "last").startswith("last generate.done")
    after = machines.only()
    assert after != before or not for_good  # after a short cut, dora's links may have mended by themselves
    assert alive(before) == (after == before)
