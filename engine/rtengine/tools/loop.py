"""An event loop on a thread of its own, for tools that are coroutines: a cancel ends them wherever they wait."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

from rtengine.models.ports import Cancel

T = TypeVar("T")

_CLOSE_SECONDS = 5


class Cancelled(Exception):
    """The job was cancelled before its work was done."""


class ToolLoop:
    """Started when it is first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def run(self, work: Callable[[], Coroutine[Any, Any, T]], cancel: Cancel) -> T:
        """The result of a coroutine, or what it raised; ``Cancelled`` when the job was cancelled. Blocks."""
        future: Future[T] = asyncio.run_coroutine_threadsafe(work(), self._running())
        cancel.on_set(lambda: _cancel(future))
        try:
            return future.result()
        except CancelledError:
            raise Cancelled from None

    def close(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Cancel what runs, do one last thing on the loop, and end it."""
        with self._lock:
            loop, thread, self._loop = self._loop, self._thread, None
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(_shut(last), loop).result(_CLOSE_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_CLOSE_SECONDS)
        loop.close()

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="rtengine-tools", daemon=True)
                self._thread.start()
            return self._loop


def _cancel(future: Future[Any]) -> None:
    future.cancel()


async def _shut(last: Callable[[], Coroutine[Any, Any, None]]) -> None:
    await last()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
