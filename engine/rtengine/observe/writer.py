"""Files of lines, one for each session, written into a folder by a thread of its own: no session waits for the disk."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import threading
from pathlib import Path
from typing import IO

from rtengine.errors import RtengineError

WAITING = 10_000
"""Pieces of text that may wait for the disk."""

log = logging.getLogger("rtengine.writer")


class Writer:
    """Writes until it is closed. Only the owner of the process may read what it writes."""

    def __init__(self, folder: Path, task: str) -> None:
        """``task`` as in "cannot record into …". Raises RtengineError when the folder cannot be had."""
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise RtengineError(f"cannot {task} into {str(folder)!r}: {error.strerror}") from error
        if not os.access(folder, os.W_OK | os.X_OK):
            raise RtengineError(f"cannot {task} into {str(folder)!r}: it cannot be written to")
        self.folder = folder
        self._waiting: queue.Queue[tuple[LineFile, str | None] | None] = queue.Queue(WAITING)
        self._thread = threading.Thread(target=self._write, name=task, daemon=True)
        self._thread.start()

    def file(self, name: str, kind: str) -> LineFile:
        """A new file. ``kind`` is what the log calls it."""
        return LineFile(self, self.folder / name, kind)

    def put(self, file: LineFile, text: str | None) -> bool:
        """Queue lines, or with None the end of the file; false when the disk has fallen behind too far."""
        try:
            self._waiting.put_nowait((file, text))
        except queue.Full:
            return False
        return True

    def close(self) -> None:
        """Write what waits, and stop."""
        self._waiting.put(None)
        self._thread.join()

    def _write(self) -> None:
        files: dict[LineFile, IO[str]] = {}
        while (found := self._waiting.get()) is not None:
            line_file, text = found
            if line_file not in files:
                for given_up in [each for each in files if each.broken]:
                    _leave(files.pop(given_up))
            if line_file.broken:
                continue
            try:
                file = files.get(line_file) or files.setdefault(line_file, create(line_file.path))
                if text is None:
                    files.pop(line_file).close()
                else:
                    file.write(text)
                    file.flush()  # what is written survives the process
            except OSError as error:
                line_file.give_up(error.strerror or str(error))
        for file in files.values():
            _leave(file)


def _leave(file: IO[str]) -> None:
    with contextlib.suppress(OSError):  # what could not be written still cannot be
        file.close()


class LineFile:
    """One file. Where it cannot be written, it is given up, and whoever writes into it goes on."""

    def __init__(self, writer: Writer, path: Path, kind: str) -> None:
        self.path = path
        self.broken = False
        self._writer = writer
        self._kind = kind

    def put(self, text: str) -> None:
        """Write whole lines."""
        if text:
            self._queue(text)

    def close(self) -> None:
        self._queue(None)

    def give_up(self, reason: str) -> None:
        if not self.broken:
            self.broken = True
            log.error(f"{self._kind} broken off", extra={"fields": {"file": str(self.path), "reason": reason}})

    def _queue(self, text: str | None) -> None:
        if not self.broken and not self._writer.put(self, text):
            self.give_up("the disk is too slow")


def create(path: Path) -> IO[str]:
    """A new file that its owner alone may read."""
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8", newline="\n")
