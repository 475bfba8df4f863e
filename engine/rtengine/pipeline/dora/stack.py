"""The server's handle on its keeper: one run of the dataflow, from start to end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import re
import shutil
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from rtengine.errors import ModelError
from rtengine.pipeline.dora.attachment import ENVIRONMENT
from rtengine.pipeline.dora.keeper import LOOPBACK, Order

log = logging.getLogger("rtengine.dora")

STOP_SECONDS = 15.0
_TAIL = 12
_DAY = 24 * 60 * 60
_WITH_OUTPUT = " with stderr output:"
"""So ends the line about a node that has ended; the lines that follow are those that it has written before."""
_RESTARTING = "restarting node after failure"
_RESTARTS_AT_START = 3
_LINE = re.compile(r"^(?P<time>\d\d:\d\d:\d\d)\s+(?P<level>\S+)\s+(?P<node>\[?[\w.-]+\]?):\s(?P<text>.*)$")
_TELLER = re.compile(r"^(?:daemon|spawner|coordinator)(?:::\w+)*\s+")
"""The part of dora that tells of a node."""
_FAILED = re.compile(r"^Node `(?P<node>[^`]+)` failed: (?P<why>.*)$")
_FAILED_END = "Location:"
_ENDED_FROM_OUTSIDE = ("SIGKILL", "SIGTERM")
_CAUSE_SECONDS = 2
"""What a node has written no longer than that before its end may be why."""
_LEVELS = {"ERROR": logging.ERROR, "WARN": logging.WARNING}
# What dora says while all is well: of every dynamic node, and of one that is too busy with its model to count ticks.
_NOISE = ("failed to receive finished signal", "Discarding event for input `tick`")
_BY_NODE = {"ERROR": logging.ERROR, "CRITICAL": logging.ERROR, "WARNING": logging.WARNING}


@dataclass(frozen=True)
class Up:
    """Where the server attaches."""

    daemon_port: int
    zenoh: str
    overlay: str

    @property
    def environment(self) -> dict[str, str]:
        return {"DORA_ZENOH_CONNECT": self.zenoh, "DORA_ZENOH_CONFIG_OVERLAY": self.overlay}


class Stack:
    """Coordinator, daemon and nodes, below one keeper."""

    def __init__(self, process: asyncio.subprocess.Process, on_wait: Callable[[str], None]) -> None:
        self._process = process
        self._on_wait = on_wait
        self._restarts: dict[str, int] = {}
        self._tails: dict[str, deque[str]] = {}
        self._written: dict[str, int] = {}
        """When each node has written its last line, in seconds of the day."""
        self._failure: list[str] = []
        """What dora says of the first node that could not be started."""
        self._gathering = False
        loop = asyncio.get_running_loop()
        self._up: asyncio.Future[Up] = loop.create_future()
        self._trouble: asyncio.Future[str] = loop.create_future()
        self._reading = asyncio.ensure_future(self._read())

    @classmethod
    async def start(
        cls, dataflow: str, listen: str, listen_port: int, on_wait: Callable[[str], None] = lambda text: None
    ) -> Stack:
        """Start the keeper; ``on_wait`` hears what it waits for. Raises ``ModelError`` when there is no dora."""
        order = Order(dataflow, dora_command(), listen, listen_port, node_environment())
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "rtengine.pipeline.dora.keeper",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, **order.environment},
            start_new_session=True,  # Ctrl+C is the server's to handle
            limit=1 << 22,
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps(asdict(order)).encode() + b"\n")
        return cls(process, on_wait)

    async def up(self) -> Up:
        """Wait until the server can attach. Raises ``ModelError`` when the stack ends before."""
        await asyncio.wait((self._up, self._trouble), return_when=asyncio.FIRST_COMPLETED)
        if self._trouble.done():
            raise ModelError(f"The dataflow did not start: {self._trouble.result()}.", self.last_words())
        return self._up.result()

    async def trouble(self) -> str:
        """Wait until something has ended that should not; what."""
        return await asyncio.shield(self._trouble)

    async def stop(self) -> None:
        """End every process and wait until they are gone."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(asyncio.shield(self._reading), STOP_SECONDS)
        except TimeoutError:
            log.error("the dataflow's keeper does not end")
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._reading

    def kill(self, pid: int) -> None:
        """Kill a node's process, if it is below the keeper; dora starts it again."""
        if self._process.stdin is not None and not self._process.stdin.is_closing():
            self._process.stdin.write(json.dumps({"kill": pid}).encode() + b"\n")

    def tail(self, node: str) -> str:
        """The last lines that a node has written."""
        return "\n".join(self._tails.get(node, ()))

    def last_words(self) -> str:
        """Those of dora about a node that it could not start, else those of the node that was started most often."""
        node = max(self._tails, key=lambda name: self._restarts.get(name, 0), default="")
        return " ".join(self._failure) or self.tail(node)

    async def _read(self) -> None:
        assert self._process.stdout is not None
        try:
            while raw := await self._process.stdout.readline():
                self._message(json.loads(raw))
        finally:
            self._fail(f"its keeper ended with status {await self._process.wait()}")
            if self._up.done():  # a keeper that was killed has left its directory
                await asyncio.to_thread(shutil.rmtree, Path(self._up.result().overlay).parent, ignore_errors=True)

    def _message(self, message: dict[str, object]) -> None:
        match message:
            case {"up": {"daemon_port": int(port), "zenoh": str(zenoh), "overlay": str(overlay)}}:
                if not self._up.done():
                    self._up.set_result(Up(port, zenoh, overlay))
            case {"failed": str(why)}:
                self._fail(why)
            case {"waiting": str(what)}:
                self._on_wait(what)
            case {"line": str(line)}:
                self._line(line)

    def _fail(self, why: str) -> None:
        if not self._trouble.done():
            self._trouble.set_result(why)

    def _line(self, line: str) -> None:
        match = _LINE.match(line)
        if match is None:
            log.debug("%s", line)
            self._gather(line)
            return
        node, text, level = match["node"], match["text"], logging.DEBUG
        if match["level"] == "stdout":
            self._tails.setdefault(node, deque(maxlen=_TAIL)).append(text)
            self._written[node] = _seconds(match["time"])
            word, _, rest = text.partition(" ")
            if word in _BY_NODE:
                level, text = _BY_NODE[word], rest
        elif not any(noise in text for noise in _NOISE):
            level = _LEVELS.get(match["level"], logging.DEBUG)
            text = self._of_node(node, text, _seconds(match["time"]))
            if _RESTARTING in text:
                self._restarting(node)
        log.log(level, "%s: %s", node, text)

    def _of_node(self, node: str, text: str, now: int) -> str:
        """What dora tells of a node: with its last line where that can be why it has ended."""
        text = _TELLER.sub("", text)
        if text.startswith("exited"):
            text = f"node {text}"
        if not text.endswith(_WITH_OUTPUT):
            return text
        text, tail = text.removesuffix(_WITH_OUTPUT), self._tails.get(node)
        recent = (now - self._written.get(node, now)) % _DAY <= _CAUSE_SECONDS
        told = tail and recent and not any(name in text for name in _ENDED_FROM_OUTSIDE)
        return f"{text}: {tail[-1]}" if tail and told else text

    def _gather(self, line: str) -> None:
        """Keep what dora says, when all is over, of the first node that failed."""
        failed = _FAILED.match(line)
        if failed or line.startswith(_FAILED_END):
            self._gathering = False
        if failed and not self._failure and not self._up.done():
            self._gathering = True
            self._failure.append(f"the node '{failed['node']}': {failed['why']}")
        elif self._gathering:
            self._failure.append(line.strip())

    def _restarting(self, node: str) -> None:
        """The other nodes wait for this one, and dora starts it again for ever."""
        self._restarts[node] = self._restarts.get(node, 0) + 1
        if not self._up.done() and self._restarts[node] >= _RESTARTS_AT_START:
            self._fail(f"the node '{node}' ends as soon as it is started")


def _seconds(time: str) -> int:
    hours, minutes, seconds = map(int, time.split(":"))
    return 3600 * hours + 60 * minutes + seconds


def dora_command() -> str:
    """The ``dora`` of this environment, or else the one on the path. Raises ``ModelError``."""
    found = shutil.which("dora", path=str(Path(sys.executable).parent)) or shutil.which("dora")
    if found is None:
        raise ModelError(
            "The command `dora` is not installed.", "pip install dora-rs-cli, or run with --pipeline local"
        )
    return found


def node_environment() -> dict[str, str]:
    """What the nodes need to be started in the environment that the server runs in."""
    environment = {
        **ENVIRONMENT,
        # `path: python` is this interpreter: dora looks there first, and a stale variable would lead it elsewhere.
        "VIRTUAL_ENV": sys.prefix,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "NO_COLOR": "1",
        "DORA_COORDINATOR_INTERFACE": LOOPBACK,
    }
    if path := os.environ.get("PYTHONPATH"):
        # Nodes run in another directory.
        environment["PYTHONPATH"] = os.pathsep.join(os.path.abspath(entry) for entry in path.split(os.pathsep) if entry)
    return environment
