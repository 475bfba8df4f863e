"""Rates counted in virtual time: each window begins with the first that is spent, and is empty a minute later."""

from __future__ import annotations

from collections.abc import Callable

from rtengine.profile.settings import KeyLimits
from rtengine.protocol.server import RateLimit
from rtengine.session.rates import RateName

SECONDS = 60.0


class CountedRates:
    def __init__(self, limits: KeyLimits, clock: Callable[[], float]) -> None:
        known: dict[RateName, int | None] = {
            "requests": limits.requests_per_minute,
            "tokens": limits.tokens_per_minute,
        }
        self._limits = {name: limit for name, limit in known.items() if limit is not None}
        self._clock = clock
        self._spent: dict[RateName, tuple[float, int]] = {}

    def left(self) -> list[RateLimit]:
        return [self._one(name, limit) for name, limit in self._limits.items()]

    def spend(self, name: RateName, amount: int) -> None:
        end, spent = self._window(name)
        self._spent[name] = end, spent + amount

    def _one(self, name: RateName, limit: int) -> RateLimit:
        end, spent = self._window(name)
        reset = end - self._clock() if spent else 0.0
        return RateLimit(name=name, limit=limit, remaining=max(0, limit - spent), reset_seconds=reset)

    def _window(self, name: RateName) -> tuple[float, int]:
        end, spent = self._spent.get(name, (0.0, 0))
        return (end, spent) if self._clock() < end else (self._clock() + SECONDS, 0)
