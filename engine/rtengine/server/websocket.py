"""One WebSocket from its handshake to its end: open a session for it, wait, close."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import cast

from websockets.asyncio.server import ServerConnection
from websockets.typing import Subprotocol

from rtengine.observe.log import SessionLog
from rtengine.observe.observed import Observed
from rtengine.protocol.beta.dialect import Beta
from rtengine.protocol.dialect import GA, Dialect
from rtengine.protocol.errors import APIError
from rtengine.server import refusal
from rtengine.server.connect import SUBPROTOCOL, connect_request
from rtengine.server.door import Door
from rtengine.server.outlet import Outlet
from rtengine.server.sessions import ConnectRequest, Session
from rtengine.server.shell import INTERNAL_ERROR, Shell
from rtengine.server.site import Site


def select_subprotocol(connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """``realtime`` when offered. The token that carries a key is never sent back."""
    return Subprotocol(SUBPROTOCOL) if SUBPROTOCOL in offered else None


async def serve_websocket(site: Site, connection: ServerConnection) -> None:
    """Run one session over an open connection. Returns when the connection is closed; raises nothing."""
    door = cast(Door, connection)
    feed = site.feeds.get(door.upgrade.path)
    if feed is not None:
        await feed.serve(door)
        return
    unnamed = SessionLog("", None)
    outlet = Outlet(door, door.backlog, unnamed)
    opened = _open(site, door, outlet, unnamed)
    if opened is None:
        door.inlet.close()
        await outlet.closed()
        return
    session, request = opened
    log = SessionLog(session.id)
    outlet.log = log
    began = time.monotonic()
    epoch = time.time() - asyncio.get_running_loop().time()
    observed = Observed(log, site.metrics, site.traces, epoch)
    shell = Shell(session, outlet, site.host, log, observed, _dialect(request, session))
    site.metrics.opened()
    log.info("session opened", remote=request.remote, key=request.visitor.key)
    try:
        shell.start()
        site.entered(shell)
        door.inlet.open(shell)
        await door.wait_closed()
    finally:
        shell.disconnect()
        site.left(shell)
        site.leave(request.visitor)
    await outlet.closed()
    seconds = round(time.monotonic() - began, 1)
    used = observed.account.summary(site.prices)
    log.info("session closed", code=door.close_code, key=request.visitor.key, seconds=seconds, **used)


def _open(site: Site, door: Door, outlet: Outlet, log: SessionLog) -> tuple[Session, ConnectRequest] | None:
    """Make the session, or tell the client why there is none and begin to close."""
    try:
        request = site.admit(connect_request(door.upgrade))
        try:
            return site.sessions(request), request
        except BaseException:
            site.leave(request.visitor)
            raise
    except APIError as error:
        log.info("session refused", remote=door.upgrade.remote, code=error.code)
        site.metrics.refused(error.code)
        outlet.send(refusal.error_event(error))
        outlet.close(refusal.close_code(error), error.close_reason)
    except Exception as error:
        log.error("session could not be made", exc_info=error, remote=door.upgrade.remote)
        site.metrics.refused(None)
        outlet.send(refusal.error_event(refusal.internal_error()))
        outlet.close(INTERNAL_ERROR, "internal error")
    return None


def _dialect(request: ConnectRequest, session: Session) -> Dialect:
    return Beta(session.conversation_id) if request.dialect == "beta" else GA()
