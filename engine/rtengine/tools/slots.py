"""How many calls of one tool run at once."""

from __future__ import annotations

import threading

from rtengine.models.ports import Cancel


class Slots:
    """Like a semaphore, but a job that is cancelled stops waiting."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._changed = threading.Condition()

    def take(self, cancel: Cancel) -> bool:
        """Wait for a free one; false when the job was cancelled meanwhile."""
        cancel.on_set(self._wake)
        with self._changed:
            self._changed.wait_for(lambda: self._free > 0 or bool(cancel))
            if cancel:
                return False
            self._free -= 1
            return True

    def give_back(self) -> None:
        with self._changed:
            self._free += 1
            self._changed.notify()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()
