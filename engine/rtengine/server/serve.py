"""A server from its first breath to its last: listen, load, serve, drain, stop."""

from __future__ import annotations

import asyncio
import functools
import gc
import logging
import signal
from collections.abc import Callable, Coroutine
from typing import Any, cast

from websockets.asyncio.server import Server as WebSocketServer
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as listen

from rtengine.errors import RtengineError
from rtengine.observe.log import OneLine
from rtengine.server.door import Door
from rtengine.server.lag import measured_lag
from rtengine.server.site import Site
from rtengine.server.websocket import select_subprotocol, serve_websocket

GOING_AWAY = 1001
"""Close code of a server that stops (RFC 6455, 7.4.1)."""

PING_SECONDS = 20.0

log = logging.getLogger("rtengine.server")
_library_log = logging.getLogger("rtengine.websockets")
_library_log.setLevel(logging.WARNING)
_library_log.addFilter(OneLine())


class Server:
    """Listens from ``start`` to ``stop``. ``site`` holds what its connections share."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.port = site.settings.port
        """The port in use, once started, also where the settings say 0."""
        self._listener: WebSocketServer

    @property
    def url(self) -> str:
        """Where clients connect, without scheme: ``127.0.0.1:8765``."""
        host = self.site.settings.host
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    async def start(self) -> None:
        """Listen. Health is answered at once, sessions when ``site.loaded`` says so. Raises ``RtengineError``."""
        settings = self.site.settings
        try:
            self._listener = await listen(
                functools.partial(serve_websocket, self.site),
                settings.host,
                settings.port,
                create_connection=cast(type[ServerConnection], functools.partial(Door, self.site)),
                select_subprotocol=select_subprotocol,
                compression=None,  # three to six times the CPU per message for half the bytes
                max_size=self.site.limits.message_bytes,
                ping_interval=PING_SECONDS,
                ping_timeout=PING_SECONDS,
                server_header="rtengine",
                logger=_library_log,
            )
        except OSError as error:
            message = f"Cannot listen on {settings.host}:{settings.port}: {error.strerror or error}"
            raise RtengineError(message, "choose another `server.port`, or 0 for a free one") from error
        self.port = int(next(iter(self._listener.sockets)).getsockname()[1])

    async def drain(self, hurry: asyncio.Event | None = None) -> None:
        """Let running sessions finish, for ``drain_seconds`` at most, or until ``hurry`` is set."""
        self.site.drain()
        waits: list[asyncio.Future[object]] = [asyncio.ensure_future(self.site.idle())]
        if hurry is not None:
            waits.append(asyncio.ensure_future(hurry.wait()))
        await asyncio.wait(waits, timeout=self.site.settings.drain_seconds, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)

    async def stop(self) -> None:
        """Close every connection and stop listening."""
        self.site.draining = True
        for connection in list(self.site.connections):
            connection.shut()
        for shell in list(self.site.shells):
            shell.hang_up(GOING_AWAY, "the server is shutting down")
        self._listener.close(code=GOING_AWAY)
        await self._listener.wait_closed()


async def serve(
    site: Site,
    *,
    on_ready: Callable[[str], None] = lambda url: None,
    progress: Callable[[str], None] = lambda step: None,
) -> None:
    """Serve until SIGTERM or SIGINT, drain, and return; a second signal cuts the drain short.

    The port answers health checks while ``site.host`` loads its models; it is started and closed here. ``on_ready``
    gets ``host:port`` once sessions are taken. Raises ``RtengineError`` when the port or a model cannot be had.
    """
    server = Server(site)
    asked, hurry = asyncio.Event(), asyncio.Event()
    await server.start()
    try:
        _on_signals(lambda: hurry.set() if asked.is_set() else asked.set())
        if await _unless(asked, site.host.start(progress)):
            site.loaded = True
            gc.collect()
            gc.freeze()  # what is loaded by now stays: no collection needs to look at it again
            on_ready(server.url)
            with measured_lag(site.metrics.lagged):
                await asked.wait()
            log.info("draining", extra={"fields": {"sessions": len(site.shells)}})
            await server.drain(hurry)
    finally:
        await server.stop()
        await site.host.close()
        site.traces.close()
        _on_signals(None)
        used = site.account.summary(site.prices)
        log.info("server stopped", extra={"fields": {"sessions": site.ended, **used}})


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run ``serve(...)``, on uvloop where that is installed."""
    try:
        from uvloop import new_event_loop
    except ImportError:
        new_event_loop = None
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(main)


async def _unless(asked: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Wait for ``work``, true; or give it up when ``asked`` is set first, false."""
    task, stop = asyncio.ensure_future(work), asyncio.ensure_future(asked.wait())
    try:
        await asyncio.wait((task, stop), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
            return True
        return False
    finally:
        for future in (task, stop):
            future.cancel()
        await asyncio.gather(task, stop, return_exceptions=True)


def _on_signals(callback: Callable[[], None] | None) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        if callback is None:
            loop.remove_signal_handler(number)
        else:
            loop.add_signal_handler(number, callback)
