"""The process between a server and its dataflow: ``python -m rtengine.pipeline.dora.keeper``.

It starts a coordinator, a daemon and the dataflow, and it ends when the first of them does, or when its standard input
is closed, which happens however the server ends. When it has ended, so has every process below it, wherever the death
of a parent had left it; its directory is gone. It reads one JSON object from its standard input (``Order``), and writes
one JSON object a line (``up``, ``line``, ``waiting``, ``failed``).

It imports nothing that could take long or start a thread.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from rtengine.pipeline.dora.ports import PortTaken, await_listening, free_port

LOOPBACK = "127.0.0.1"
NAME = "rtengine"
START_SECONDS = 30.0
STOP_SECONDS = 5.0
GRACE = "2s"
_POLL = 0.1
_RETRY = 0.25
_SET_PDEATHSIG, _SET_SUBREAPER = 1, 36
_STARTED = "dataflow start triggered"
# Whoever attaches earlier is made to wait by dora, and with it every thread of its process.
_NODES_READY = "all nodes are ready"
# What `dora start` says while a daemon that the dataflow needs has not reported to the coordinator.
_NO_DAEMON = ("no unnamed daemon connections", "no matching daemon", "no daemon", "not connected")

NODE_WAIT_SECONDS = 5.0
"""For so long a node waits for the receiver of a message. It holds up that node alone, which is what it should do."""
SERVER_WAIT_SECONDS = 0.05
"""The server, which all sessions share, hardly waits: it sends no more than a node has room for."""
_OVERLAY = """\
{ scouting: { delay: 20 },  // ms that attaching may hold up the server
  transport: {
    // Shared memory is left behind by a process that is killed.
    shared_memory: { enabled: false },
    // Without this, a message that cannot be sent within a millisecond is lost without a trace.
    link: { tx: { queue: {
      size: { real_time: 16 },
      congestion_control: { drop: { wait_before_drop: MICROS, max_wait_before_drop_fragments: MICROS } } } } } } }
"""


def overlay(wait_seconds: float) -> str:
    """What is different from zenoh's own configuration in a process that waits so long for a receiver."""
    return _OVERLAY.replace("MICROS", str(round(wait_seconds * 1e6)))


@dataclass
class Order:
    """What the server asks for."""

    dataflow: str
    """The dataflow's text."""
    dora: str
    """Path of the ``dora`` command."""
    listen: str = LOOPBACK
    """Address of the coordinator, for the daemons of other machines."""
    listen_port: int = 0
    environment: dict[str, str] = field(default_factory=dict)


class Stopped(Exception):
    """The server is gone, or asked for the end."""


class Failed(Exception):
    """One of the processes ended, or did not start."""


class Keeper:
    def __init__(self, order: Order) -> None:
        self.order = order
        self.directory = Path(tempfile.mkdtemp(prefix="rtengine-dora-"))
        self.environment = {**os.environ, **order.environment}
        self.coordinator_port = order.listen_port or free_port(order.listen)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(sys.stdin.fileno(), selectors.EVENT_READ, None)

    def run(self) -> None:
        """Start everything, and stay until something ends. Raises ``Stopped`` or ``Failed``."""
        (self.directory / "dataflow.yml").write_text(self.order.dataflow, encoding="utf-8")
        nodes, server = self.directory / "nodes.json5", self.directory / "server.json5"
        nodes.write_text(overlay(NODE_WAIT_SECONDS), encoding="utf-8")
        server.write_text(overlay(SERVER_WAIT_SECONDS), encoding="utf-8")
        self.environment["DORA_ZENOH_CONFIG_OVERLAY"] = str(nodes)
        self.environment["TMPDIR"] = str(self.directory)  # dora leaves directories there
        self.environment["UV_CACHE_DIR"] = str(self.directory / "uv")  # dora asks uv for the interpreter
        daemon_port, zenoh_port = free_port(LOOPBACK), free_port(self.order.listen)
        coordinator = ["--interface", self.order.listen, "--port", str(self.coordinator_port), "--store", "memory"]
        self._spawn("coordinator", "coordinator", *coordinator)
        self._listening("coordinator", self.coordinator_port)
        # Without a machine id: nodes that name no machine run on this one.
        self._spawn(
            "daemon",
            "daemon",
            *self._reach(),
            *("--local-listen-port", str(daemon_port), "--zenoh-no-multicast"),
            *("--zenoh-listen", f"{self.order.listen}:{zenoh_port}"),
        )
        self._listening("daemon", daemon_port)
        zenoh = f"tcp/{self.order.listen}:{zenoh_port}"
        self._dataflow({"daemon_port": daemon_port, "zenoh": zenoh, "overlay": str(server)})

    def stop(self) -> None:
        """End the nodes in good order, then everything that is left."""
        for stream in [key.fileobj for key in self._selector.get_map().values() if key.data]:
            self._selector.unregister(stream)
        if self._alive("dataflow") and self._alive("daemon"):
            with contextlib.suppress(subprocess.TimeoutExpired, OSError):
                command = [self.order.dora, "stop", NAME, "--grace-duration", GRACE, *self._reach()]
                subprocess.run(
                    command,
                    env=self.environment,
                    cwd=self.directory,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    timeout=STOP_SECONDS,
                    check=False,
                )
        for name in ("daemon", "coordinator"):
            if self._alive(name):
                self._processes[name].terminate()
        deadline = time.monotonic() + 1.0
        while any(map(self._alive, self._processes)) and time.monotonic() < deadline:
            time.sleep(0.02)
        kill_descendants()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _dataflow(self, up: dict[str, Any]) -> None:
        """Start the dataflow, as often as it takes until its daemons are there, and stay until it ends."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            lines: list[str] = []
            arguments = ["dataflow.yml", "--name", NAME, "--attach", *self._reach()]
            process = self._spawn("dataflow", "start", *arguments, piped=True)
            told, began = False, time.monotonic()
            while process.poll() is None:
                self._step(lines)
                started = any(_STARTED in line for line in lines)
                ready = any(_NODES_READY in line for line in lines)
                if not told and (ready or (started and time.monotonic() - began > START_SECONDS)):
                    tell(up=up)
                    told = True
            self._step(lines)
            del self._processes["dataflow"]
            said = " ".join(line for line in lines if line.strip())
            if any(_STARTED in line for line in lines):
                raise Failed("the dataflow ended")
            if not any(words in said for words in _NO_DAEMON):
                raise Failed(f"the dataflow did not start: {said[-600:]}")
            if "machine" in said or "label" in said:
                tell(waiting=said[-200:])
            elif time.monotonic() > deadline:
                raise Failed("the daemon did not report to the coordinator")
            self._step(lines, _RETRY)

    def _step(self, lines: list[str], seconds: float = _POLL) -> None:
        """Wait for a line of the dataflow, pass it on, and look after the others."""
        for key, _ in self._selector.select(seconds):
            if key.data is None:
                self._listen()
                continue
            chunk = os.read(key.fd, 1 << 16)
            if not chunk:
                self._selector.unregister(key.fileobj)
                continue
            *whole, key.data[0] = (key.data[0] + chunk).split(b"\n")
            for raw in whole:
                line = raw.decode(errors="replace")
                if len(lines) < 200:
                    lines.append(line)
                if line.strip():
                    tell(line=line)
        for name in ("coordinator", "daemon"):
            self._check(name)

    def _listen(self) -> None:
        """What the server says: which node to kill, or, with the end of its words, that all is over."""
        said = os.read(sys.stdin.fileno(), 4096)
        if not said:
            raise Stopped
        for line in said.splitlines():
            pid = json.loads(line)["kill"]
            if below(pid, os.getpid()):
                os.kill(pid, signal.SIGKILL)

    def _listening(self, name: str, port: int) -> None:
        def look() -> None:
            self._check(name)
            if self._selector.select(0):
                self._listen()

        try:
            await_listening(self._processes[name].pid, port, START_SECONDS, look)
        except (TimeoutError, PortTaken) as error:
            raise Failed(f"the {name} does not listen: {error}") from None

    def _check(self, name: str) -> None:
        status = self._processes[name].poll()
        if status is not None:
            how = f"by signal {-status}" if status < 0 else f"with status {status}"
            raise Failed(f"the {name} ended {how}{self._said(name)}")

    def _said(self, name: str) -> str:
        text = (self.directory / f"{name}.log").read_text(encoding="utf-8", errors="replace").strip()
        return f": {text[-400:]}" if text else ""

    def _alive(self, name: str) -> bool:
        return name in self._processes and self._processes[name].poll() is None

    def _reach(self) -> tuple[str, ...]:
        return ("--coordinator-addr", self.order.listen, "--coordinator-port", str(self.coordinator_port))

    def _spawn(self, name: str, verb: str, *arguments: str, piped: bool = False) -> subprocess.Popen[bytes]:
        with (self.directory / f"{name}.log").open("wb") as log:
            command = [self.order.dora, verb, *arguments, *(() if piped else ("--quiet",))]
            process = start_child(command, self.environment, self.directory, subprocess.PIPE if piped else log)
        self._processes[name] = process
        if process.stdout is not None:
            self._selector.register(process.stdout, selectors.EVENT_READ, [b""])
        return process


def start_child(
    command: Sequence[str], environment: Mapping[str, str], directory: Path, output: int | IO[bytes] | None = None
) -> subprocess.Popen[bytes]:
    """A process that does not outlive this one. ``output`` gets what it writes; else that goes where ours goes."""
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=None if output is None else subprocess.STDOUT,
        env=environment,
        cwd=directory,
        preexec_fn=die_with_parent,  # noqa: PLW1509  # whoever calls this has one thread
    )


def die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_SET_PDEATHSIG, signal.SIGKILL)


def adopt_orphans() -> None:
    """What loses its parent below this process becomes its child, and so can be found."""
    ctypes.CDLL(None).prctl(_SET_SUBREAPER, 1)


def kill_descendants() -> None:
    """Kill and reap until there are no children left. Each kill may bring new ones: those of the one that died."""
    while True:
        for pid in children(os.getpid()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def children(parent: int) -> list[int]:
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit() and parent_of(int(entry)) == parent]


def below(pid: int, ancestor: int) -> bool:
    """Whether ``pid`` is a process below ``ancestor``."""
    while pid > 1:
        pid = parent_of(pid)
        if pid == ancestor:
            return True
    return False


def parent_of(pid: int) -> int:
    """0 when there is no such process."""
    try:
        # The name in parentheses may hold anything; the state and the parent follow it.
        return int(
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1]
        )
    except (OSError, ValueError, IndexError):
        return 0


def tell(**message: Any) -> None:
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


def main() -> int:
    adopt_orphans()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _stop)
    keeper: Keeper | None = None
    try:
        keeper = Keeper(Order(**json.loads(sys.stdin.readline())))
        keeper.run()
    except Stopped:
        return 0
    except (Failed, OSError) as error:
        tell(failed=str(error))
        return 1
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        if keeper is not None:
            keeper.stop()
    return 0


def _stop(number: int, frame: object) -> None:
    raise Stopped


if __name__ == "__main__":
    sys.exit(main())
