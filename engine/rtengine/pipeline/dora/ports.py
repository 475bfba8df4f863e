"""Which ports are free, and which process listens on one."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

_ESTABLISHED, _LISTEN = "01", "0A"
_LOCAL, _REMOTE = 1, 2
_POLL = 0.02


class PortTaken(Exception):
    """Another process listens there."""


def free_port(address: str) -> int:
    """A port that nobody listened on a moment ago."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


def await_listening(pid: int, port: int, seconds: float, look: Callable[[], None]) -> None:
    """Wait until process ``pid`` listens on ``port``; ``look`` is called meanwhile and may raise.

    A port that answers is not enough: dora goes on without a word when it cannot have its port, and the server would
    then attach to a stranger's dataflow. Raises ``PortTaken`` and ``TimeoutError``.
    """
    deadline = time.monotonic() + seconds
    while True:
        inodes = listening(port)
        if inodes & sockets(pid):
            return
        look()
        if time.monotonic() > deadline:
            if inodes:
                raise PortTaken(f"port {port} belongs to another process")
            raise TimeoutError(f"nothing on port {port} after {seconds:g} s")
        time.sleep(_POLL)


def listening(port: int) -> set[str]:
    """Inodes of the sockets of this machine that listen on ``port``."""
    return _inodes(_LISTEN, _LOCAL, port)


def connected(port: int) -> set[str]:
    """Inodes of the sockets of this machine that are connected to ``port``, of whatever machine."""
    return _inodes(_ESTABLISHED, _REMOTE, port)


def _inodes(state: str, end: int, port: int) -> set[str]:
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == state and int(fields[end].rpartition(":")[2], 16) == port:
                    found.add(fields[9])
    return found


def sockets(pid: int) -> set[str]:
    """Inodes of the sockets that a process holds."""
    found = set()
    with contextlib.suppress(OSError):
        for entry in os.scandir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                target = os.readlink(entry.path)
                if target.startswith("socket:["):
                    found.add(target[8:-1])
    return found
