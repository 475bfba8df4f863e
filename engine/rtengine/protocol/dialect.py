"""How one connection writes its events. The core speaks GA; another dialect is translated where frames come and go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from rtengine.protocol.client import ClientEvent, parse_client_event


class Dialect(Protocol):
    def parse(self, frame: bytes | str) -> ClientEvent:
        """The event in a text frame. Raises APIError, in the words of the dialect."""
        ...

    def told(self, event: dict[str, Any]) -> Sequence[dict[str, Any]]:
        """What the client is sent for a server event: it, its translation, several, or nothing."""
        ...


class GA:
    """The dialect of the core."""

    def parse(self, frame: bytes | str) -> ClientEvent:
        return parse_client_event(frame)

    def told(self, event: dict[str, Any]) -> Sequence[dict[str, Any]]:
        return (event,)
