"""What the native half of dora writes to the standard output of this process, as lines of the log.

It says what went wrong in its own words there, each time that the server attaches again, and no setting stops it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import threading
from collections.abc import Iterator

log = logging.getLogger("rtengine.dora.native")

STDOUT = 1
_LAST_WORDS_SECONDS = 1.0
"""A child that outlives the server may still hold the other end."""


@contextlib.contextmanager
def logged_output() -> Iterator[None]:
    """Log, at level debug, what is written to file descriptor 1; Python's own ``sys.stdout`` goes where it went."""
    sys.stdout.flush()
    true, shown = os.dup(STDOUT), sys.stdout
    out, into = os.pipe()
    os.dup2(into, STDOUT)
    os.close(into)
    reader = threading.Thread(target=_log_lines, args=(out,), name="rtengine-dora-output", daemon=True)
    reader.start()
    sys.stdout = open(true, "w", encoding=shown.encoding, errors=shown.errors, buffering=1, closefd=False)  # noqa: SIM115
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stdout = shown
        os.dup2(true, STDOUT)
        os.close(true)
        reader.join(_LAST_WORDS_SECONDS)


def _log_lines(descriptor: int) -> None:
    with open(descriptor, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.strip():
                log.debug("%s", sentence(line))


def sentence(line: str) -> str:
    """The message of one of dora's JSON lines, without the state that it was written in; other lines as they are."""
    try:
        told = json.loads(line)
        return f"{told['target']}: {told['fields']['message']}"
    except (ValueError, KeyError, TypeError):
        return line.rstrip()
