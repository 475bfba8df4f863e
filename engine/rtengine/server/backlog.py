"""How much unsent output a connection may have before its client is taken for one that does not read."""

from __future__ import annotations


class Backlog:
    """``limit`` bytes, and the one event that goes beyond them: ten minutes of audio are a single frame.

    What follows such an event has the limit to itself until the frame is on its way.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._allowed = limit

    def added(self, before: int, size: int) -> None:
        """An event of ``size`` bytes was written while ``before`` bytes were unsent."""
        if before <= self.limit:
            self._allowed = self.limit + size

    def exceeded_by(self, unsent: int) -> bool:
        return unsent > self._allowed
