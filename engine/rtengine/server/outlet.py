"""The way out of one session: server events to WebSocket frames, and the end of the connection."""

from __future__ import annotations

import asyncio
from typing import Any

from websockets.asyncio.server import ServerConnection, broadcast

from rtengine.observe.log import SessionLog
from rtengine.protocol.codec import encode
from rtengine.server.backlog import Backlog

TRY_AGAIN_LATER = 1013
"""Close code for a client that does not read (IANA WebSocket close code registry)."""

CLOSE_SECONDS = 5.0
"""How long the closing handshake, and with it everything still unsent, may take."""

REASON_BYTES = 123
"""A control frame carries 125 bytes, two of them the close code (RFC 6455, 5.5)."""


class Outlet:
    """Writes without waiting, and gives up on a client whose unsent output exceeds what ``backlog`` allows."""

    def __init__(self, connection: ServerConnection, backlog: Backlog, log: SessionLog) -> None:
        self._connection = connection
        self._backlog = backlog
        self.log = log
        self._closing: asyncio.Task[None] | None = None
        self.dropped = False
        """The client did not read, and was given up."""

    def send(self, event: dict[str, Any]) -> None:
        """Write one server event. Nothing is written once closing has begun."""
        if self._closing is not None:
            return
        frame, before = encode(event), self._unsent()
        # The one documented synchronous write; it skips a connection that is not open any more.
        broadcast((self._connection,), frame, text=True)
        self._backlog.added(before, len(frame))
        unsent = self._unsent()
        if self._backlog.exceeded_by(unsent):
            self.dropped = True
            self.log.warning("client does not read: dropped", unsent_bytes=unsent, limit_bytes=self._backlog.limit)
            self.close(TRY_AGAIN_LATER, "the client does not read")

    def _unsent(self) -> int:
        return self._connection.transport.get_write_buffer_size()

    def close(self, code: int, reason: str) -> None:
        """Begin to close, behind everything sent before. The first call decides code and reason."""
        if self._closing is None:
            reason = reason.encode()[:REASON_BYTES].decode(errors="ignore")
            self._closing = asyncio.get_running_loop().create_task(self._close(code, reason))

    async def closed(self) -> None:
        """Wait until the connection is closed, closing it normally if nobody has."""
        self.close(1000, "")
        assert self._closing is not None
        await self._closing

    async def _close(self, code: int, reason: str) -> None:
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._connection.close(code, reason)
        except TimeoutError:
            self._connection.transport.abort()
