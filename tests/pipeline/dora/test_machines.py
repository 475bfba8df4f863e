from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.pipeline.dora.dataflows import below, command, profile

pytestmark = [pytest.mark.end_to_end, pytest.mark.soak, pytest.mark.timeout(300)]

HERE, THERE = "10.231.77.1", "10.231.77.2"
PORT = "6013"
PATIENCE = 90.0


def run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True, text=True)


@pytest.fixture
def machines() -> Iterator[tuple[str, str]]:
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
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())

    def say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def await_line(self, start: str, after: int = 0) -> str:
        return eventually(lambda: next((line for line in self.lines[after:] if line.startswith(start)), ""), self.lines)

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


def eventually(find: Callable[[], str], lines: list[str]) -> str:
    deadline = time.monotonic() + PATIENCE
    while not (found := find()):
        assert time.monotonic() < deadline, lines[-20:]
        time.sleep(0.05)
    return found


def test_a_stage_on_another_machine_answers_and_its_loss_is_noticed_and_mended(
    machines: tuple[str, str], tmp_path: Path
) -> None:
    near, far = machines
    path = str(profile(tmp_path).path)
    remote = Talk(far, "-m", "rtengine.pipeline.dora.machine", "--id", "gpu", "--server", HERE, "--port", PORT)
    server = Talk(near, str(Path(__file__).with_name("on_machine.py")), path, HERE, PORT)
    try:
        server.await_line("ready")
        assert any("--stage generate" in command(pid) for pid in below(remote.process.pid))
        server.say("hello")
        assert server.await_line("last").startswith("last generate.done")
        mark = len(server.lines)
        server.say("slow")
        server.await_line("first generate.text", mark)
        run("ip", "-n", near, "link", "set", "rtvA", "down")
        assert server.await_line("last", mark).startswith("last failed")
        mark = len(server.lines)
        server.say("missing")
        assert "generate" in server.await_line("missing", mark)
        run("ip", "-n", near, "link", "set", "rtvA", "up")

        def answered() -> str:
            mark = len(server.lines)
            server.say("hello")
            return "yes" if server.await_line("last", mark).startswith("last generate.done") else ""

        eventually(answered, server.lines)
    finally:
        server.end()
        remote.end()
