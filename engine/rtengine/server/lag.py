"""How late the event loop is: what a session waits for because of others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PERIOD_SECONDS = 1.0


@contextmanager
def measured_lag(tell: Callable[[float], None], period: float = PERIOD_SECONDS) -> Iterator[None]:
    """Meanwhile, ``tell`` gets how many seconds later than asked for the loop has come back, once a period."""
    probe = _Probe(tell, period)
    probe.wait()
    try:
        yield
    finally:
        probe.handle.cancel()


class _Probe:
    handle: asyncio.TimerHandle

    def __init__(self, tell: Callable[[float], None], period: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._tell = tell
        self._period = period
        self._due = 0.0

    def wait(self) -> None:
        self._due = self._loop.time() + self._period
        self.handle = self._loop.call_at(self._due, self._look)

    def _look(self) -> None:
        self._tell(max(self._loop.time() - self._due, 0.0))
        self.wait()
