"""What the server needs from the session core: who connects, how a session is made, and how it is driven."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from rtengine.protocol.client import ClientEvent
from rtengine.protocol.errors import APIError
from rtengine.server.visitor import Visitor
from rtengine.session.effects import Disconnected, Draining, Effect, JobResult, TimerFired

SessionInput = ClientEvent | APIError | JobResult | TimerFired | Draining | Disconnected
"""An ``APIError`` stands for a frame that is no valid client event: the session answers it with its ``error`` event."""


DialectName = Literal["ga", "beta"]


@dataclass(frozen=True, slots=True)
class ConnectRequest:
    """What a client said about itself in the opening handshake."""

    model: str | None = None
    intent: Literal["realtime", "transcription"] = "realtime"
    api_key: str | None = field(default=None, repr=False)
    """Key or ephemeral secret, from whichever of the three places it was given in. Never logged."""
    dialect: DialectName = "ga"
    remote: str = ""
    """Address of the client's end of the connection."""
    visitor: Visitor = field(default_factory=Visitor)
    """Whom the key has turned out to be."""


class Session(Protocol):
    """A session without I/O. ``now`` is the event loop's clock, in seconds; it never runs backwards."""

    @property
    def id(self) -> str: ...

    @property
    def conversation_id(self) -> str: ...

    @property
    def closed(self) -> bool: ...

    def start(self, now: float) -> list[Effect]: ...

    def receive(self, event: SessionInput, now: float) -> list[Effect]: ...

    @property
    def behind(self) -> bool:
        """It has taken in more than it does at once: ``go_on`` does the next part of it."""
        ...

    def go_on(self, now: float) -> list[Effect]: ...


SessionFactory = Callable[[ConnectRequest], Session]
"""Raises ``APIError`` to refuse: the client gets it as an ``error`` event, then the connection is closed."""
