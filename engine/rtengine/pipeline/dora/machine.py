"""Lends this machine to a server elsewhere: ``python -m rtengine.pipeline.dora.machine --id gpu --server ADDRESS``.

It runs a dora daemon in the environment that the nodes need, and starts it again when it ends or has lost its server,
with nothing left of what ran below it. The server's profile says
`pipeline: {machines: {speak: gpu}, listen: ADDRESS, listen_port: PORT}`.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from rtengine.errors import RtengineError
from rtengine.pipeline.dora.keeper import (
    LOOPBACK,
    NODE_WAIT_SECONDS,
    Stopped,
    adopt_orphans,
    kill_descendants,
    overlay,
    start_child,
)
from rtengine.pipeline.dora.ports import connected, free_port, sockets
from rtengine.pipeline.dora.stack import dora_command, node_environment

_AGAIN_SECONDS = 1.0
_LOOK_SECONDS = 0.25
PORT = 6013
"""dora's own port for coordinators."""


def lend(machine: str, server: str, port: int) -> None:
    """Serve until a signal comes."""
    adopt_orphans()
    with _directory() as directory:
        zenoh = directory / "zenoh.json5"
        zenoh.write_text(overlay(NODE_WAIT_SECONDS), encoding="utf-8")
        environment = {
            **os.environ,
            **node_environment(),
            "DORA_ZENOH_CONFIG_OVERLAY": str(zenoh),
            "TMPDIR": str(directory),
            "UV_CACHE_DIR": str(directory / "uv"),
        }
        while True:
            command = [dora_command(), "daemon", "--machine-id", machine]
            command += ["--coordinator-addr", server, "--coordinator-port", str(port)]
            command += ["--local-listen-port", str(free_port(LOOPBACK)), "--zenoh-no-multicast"]
            daemon = start_child(command, environment, directory)
            try:
                why = attend(daemon, port)
            finally:
                kill_descendants()
            print(f"the daemon is started again: it {why}", file=sys.stderr, flush=True)
            time.sleep(_AGAIN_SECONDS)


def attend(daemon: subprocess.Popen[bytes], port: int) -> str:
    """Wait until the daemon has ended or lost its connection to ``port`` of the server; what it has done.

    By itself, dora connects again. But to a server that has started its dataflow again meanwhile it finds no way for
    the messages of nodes, and the nodes of the dataflow before would stay for ever.
    """
    known: set[str] = set()
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return f"ended with status {daemon.wait(_LOOK_SECONDS)}"
        now = connected(port) & sockets(daemon.pid)
        if known and not known & now:
            return "has lost its server"
        known = known & now or now


@contextlib.contextmanager
def _directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="rtengine-dora-") as name:
        yield Path(name)


def _stop(number: int, frame: object) -> None:
    raise Stopped


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m rtengine.pipeline.dora.machine", description=__doc__)
    parser.add_argument("--id", required=True, help="name of this machine, as in the profile's `pipeline.machines`")
    parser.add_argument("--server", required=True, help="the server's address, its profile's `pipeline.listen`")
    parser.add_argument(
        "--port", type=int, default=PORT, help="the server's port, its profile's `pipeline.listen_port`"
    )
    given = parser.parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        lend(given.id, given.server, given.port)
    except Stopped:
        return 0
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except RtengineError as error:
        print(f"error: {error.message}", file=sys.stderr)
        sys.exit(1)
