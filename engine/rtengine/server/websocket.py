"""One WebSocket from its handshake to its end: open a session for it, wait, close."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from websockets.asyncio.server import ServerConnection
from websockets.typing import Subprotocol

from rtengine.observe.log import SessionLog
from rtengine.protocol.errors import APIError, api_error
from rtengine.server import refusal
from rtengine.server.connect import SUBPROTOCOL, connect_request
from rtengine.server.door import Door
from rtengine.server.outlet import Outlet
from rtengine.server.sessions import Session
from rtengine.server.shell import INTERNAL_ERROR, Shell
from rtengine.server.site import Site


def select_subprotocol(connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """``realtime`` when offered. The token that carries a key is never sent back."""
    return Subprotocol(SUBPROTOCOL) if SUBPROTOCOL in offered else None


async def serve_websocket(site: Site, connection: ServerConnection) -> None:
    """Run one session over an open connection. Returns when the connection is closed; raises nothing."""
    door = cast(Door, connection)
    unnamed = SessionLog("", None)
    outlet = Outlet(door, site.limits.write_buffer_bytes, unnamed)
    session = _open(site, door, outlet, unnamed)
    if session is None:
        door.inlet.close()
    else:
        log = SessionLog(session.id)
        outlet.log = log
        shell = Shell(session, outlet, site.host, log)
        log.info("session opened", remote=door.upgrade.remote)
        shell.start()
        site.entered(shell)
        door.inlet.open(shell)
        try:
            await door.wait_closed()
        finally:
            shell.disconnect()
            site.left(shell)
    await outlet.closed()
    if session is not None:
        log.info("session closed", code=door.close_code)


def _open(site: Site, door: Door, outlet: Outlet, log: SessionLog) -> Session | None:
    """Make the session, or tell the client why there is none and begin to close."""
    try:
        request = connect_request(door.upgrade)
        if request.dialect == "beta":
            raise api_error("beta_api_shape_disabled")
        return site.sessions(request)
    except APIError as error:
        log.info("session refused", remote=door.upgrade.remote, code=error.code)
        outlet.send(refusal.error_event(error))
        outlet.close(refusal.close_code(error), error.close_reason)
    except Exception as error:
        log.error("session could not be made", exc_info=error, remote=door.upgrade.remote)
        outlet.send(refusal.error_event(refusal.internal_error()))
        outlet.close(INTERNAL_ERROR, "internal error")
    return None
