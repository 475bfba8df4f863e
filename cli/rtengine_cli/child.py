"""A server in a process of its own, for the time of a ``with`` block."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from rtengine.errors import RtengineError

HOST = "127.0.0.1"
READY_SECONDS = 900.0
"""Long, because the first start may have to fetch weights."""
STOP_SECONDS = 30.0
POLL_SECONDS = 0.1
TAIL = 20


class Child:
    """``rtengine run`` on a free port of this machine. Entering waits until the server is ready."""

    def __init__(self, profile: str, on_line: Callable[[str], None]) -> None:
        self._profile = profile
        self._on_line = on_line
        self._port = 0
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._ready = threading.Event()
        self._tail: deque[str] = deque(maxlen=TAIL)
        self.log: list[dict[str, Any]] = []
        """The server's log lines."""

    @property
    def url(self) -> str:
        return f"ws://{HOST}:{self._port}/v1/realtime?model={quote(Path(self._profile).stem)}"

    @property
    def pid(self) -> int:
        """The server's process id. Raises RtengineError before it is started."""
        if self._process is None:
            raise RtengineError("the server has not been started")
        return self._process.pid

    def last(self, message: str) -> dict[str, Any] | None:
        """The last log line of this message."""
        return next((line for line in reversed(self.log) if line.get("message") == message), None)

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "rtengine_cli", "run", "--profile", self._profile, "--log-format", "json"]
        command += ["--host", HOST, "--port", "0"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        self._reader = threading.Thread(target=self._read, name="log", daemon=True)
        self._reader.start()
        try:
            self._await_ready(self._process)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Ask the server to end, and read its log to the end."""
        process, reader = self._process, self._reader
        if process is None or reader is None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reader.join(STOP_SECONDS)

    def _await_ready(self, process: subprocess.Popen[str]) -> None:
        """It says itself that it is, and on which port: one that was chosen for it could be another's by then."""
        deadline = time.monotonic() + READY_SECONDS
        while not self._ready.wait(POLL_SECONDS):
            if process.poll() is not None:
                if self._reader is not None:
                    self._reader.join(STOP_SECONDS)
                raise RtengineError(f"the server ended with status {process.returncode}: " + "\n".join(self._tail))
            if time.monotonic() > deadline:
                raise RtengineError(f"the server was not ready after {READY_SECONDS:g} s")

    def _read(self) -> None:
        assert self._process is not None and self._process.stderr is not None
        for line in self._process.stderr:
            text = line.rstrip()
            try:
                entry = json.loads(text)
            except ValueError:
                entry = None
            if isinstance(entry, dict):
                self.log.append(entry)
                text = str(entry.get("message", text))
            self._tail.append(text)
            if not self._ready.is_set():
                self._on_line(text)
                if isinstance(entry, dict) and text == "ready":
                    self._port = int(entry["port"])
                    self._ready.set()
        self._process.stderr.close()
