"""One port for both: a WebSocket connection that lets plain HTTP answer until the client asks to upgrade."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from websockets.asyncio.server import Server, ServerConnection
from websockets.frames import DATA_OPCODES, Frame
from websockets.protocol import OPEN, Event
from websockets.server import ServerProtocol

from rtengine.server.backlog import Backlog
from rtengine.server.http import HttpConnection
from rtengine.server.inlet import Inlet
from rtengine.server.messages import HttpRequest
from rtengine.server.site import Site


class Door(ServerConnection):
    """``websockets`` alone cannot answer a request with a body, nor a second request on a connection.

    So h11 reads the first bytes. An upgrade that is let in comes here, with its bytes, as if nothing had been before.
    """

    upgrade: HttpRequest
    """The request that became this WebSocket."""
    inlet: Inlet

    def __init__(self, site: Site, protocol: ServerProtocol, server: Server, **settings: Any) -> None:
        super().__init__(protocol, server, **settings)
        self._site = site
        self.backlog = Backlog(site.limits.write_buffer_bytes)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        http = HttpConnection(self._site, self._enter)
        cast(asyncio.Transport, transport).set_protocol(http)
        http.connection_made(transport)

    def _enter(self, transport: asyncio.Transport, request: HttpRequest, data: bytes) -> None:
        self.upgrade = request
        if request.path not in self._site.feeds:
            self._site.sockets.add(self)
        self.inlet = Inlet(transport)
        transport.set_protocol(self)
        super().connection_made(transport)
        self.data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._site.sockets.discard(self)
        self.inlet.close()

    def process_event(self, event: Event) -> None:
        # In place of the library's queue and the task that waits on it.
        if self.request is not None and isinstance(event, Frame) and event.opcode in DATA_OPCODES:
            self.inlet.put(event)
        else:
            super().process_event(event)

    def data_received(self, data: bytes) -> None:
        # A flood of pings fills the write buffer with pongs, past everything that watches what a session sends.
        if self.backlog.exceeded_by(self.transport.get_write_buffer_size()) and self.state is OPEN:
            self.logger.warning("client does not read its pongs: dropped")
            self.transport.abort()
            return
        self.inlet.read()
        super().data_received(data)
