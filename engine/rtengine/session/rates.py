"""The rates a session is held to. Whoever runs it counts them, by a clock of its own; sessions of a key share them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from rtengine.protocol.server import RateLimit

RateName = Literal["requests", "tokens"]


class RateLimits(Protocol):
    """Both methods answer at once, and raise nothing."""

    def left(self) -> Sequence[RateLimit]:
        """What is left of each limit there is. A limit is spent when nothing remains; tokens may be overdrawn."""
        ...

    def spend(self, name: RateName, amount: int) -> None:
        """Count a response (``requests``, 1), or the tokens of one that is over."""
        ...


class Unlimited:
    def left(self) -> Sequence[RateLimit]:
        return ()

    def spend(self, name: RateName, amount: int) -> None:
        pass
