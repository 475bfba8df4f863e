"""Whom a session belongs to."""

from __future__ import annotations

from dataclasses import dataclass, field

from rtengine.protocol.session import Session
from rtengine.session.rates import RateLimits, Unlimited

ANYONE = "anonymous"
"""Name of the key of those who need none."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """A client that has been let in."""

    key: str = ANYONE
    """Name of its key."""
    rates: RateLimits = field(default_factory=Unlimited, repr=False)
    session: Session | None = field(default=None, repr=False)
    """What its client secret says a session starts with; without one, it starts as the profile says."""
