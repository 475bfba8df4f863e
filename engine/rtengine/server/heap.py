"""Giving memory back to the system.

A session's audio comes in thousands of small pieces. When it ends they are free, but glibc keeps the pages to itself,
and a server that sees many sessions seems to leak. Asked to, it returns them.
"""

from __future__ import annotations

import asyncio
import ctypes
import sys
from collections.abc import Callable

TRIM_SECONDS = 5.0
"""A trim walks the whole heap: sessions that end close together share one."""


def _find_trim() -> Callable[[int], int] | None:
    if not sys.platform.startswith("linux"):
        return None
    trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim


class Heap:
    """Trims the heap of the process a while after sessions have ended. Does nothing where the C library cannot."""

    def __init__(self) -> None:
        self._trim = _find_trim()
        self._due = False

    def session_ended(self) -> None:
        """Called on the event loop."""
        if self._trim is not None and not self._due:
            self._due = True
            asyncio.get_running_loop().call_later(TRIM_SECONDS, self._run)

    def _run(self) -> None:
        self._due = False
        if self._trim is not None:
            self._trim(0)
