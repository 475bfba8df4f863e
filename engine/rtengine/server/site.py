"""What all connections of a server share: its settings, who is connected, and whether it takes more."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rtengine.observe.account import Account
from rtengine.observe.metrics import Metrics
from rtengine.observe.tracing import Traces
from rtengine.pipeline.host import PipelineHost
from rtengine.profile.access import Prices
from rtengine.profile.settings import Limits, ServerSettings
from rtengine.protocol.errors import APIError, shortened
from rtengine.server import admission
from rtengine.server.connect import PATHS, api_key
from rtengine.server.heap import Heap
from rtengine.server.keys import Keyring
from rtengine.server.messages import HttpRequest, HttpResponse, refused
from rtengine.server.refusal import http_body
from rtengine.server.routes import (
    METRICS,
    Route,
    Routes,
    health_routes,
    metrics_routes,
    model_routes,
    websocket_routes,
)
from rtengine.server.sessions import ConnectRequest, SessionFactory
from rtengine.server.shell import Shell
from rtengine.server.visitor import Visitor
from rtengine.session.effects import Draining

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection

    from rtengine.server.door import Door
    from rtengine.server.http import HttpConnection

log = logging.getLogger("rtengine.server")

GUARDED = ("/v1/", METRICS)
"""What begins so needs a key, where the profile has any. Health does not."""


class Feed(Protocol):
    """A WebSocket that is no session."""

    def refuse_feed(self, request: HttpRequest) -> HttpResponse | None:
        """Why somebody is not let in; None lets him in."""
        ...

    async def serve(self, door: Door) -> None:
        """Serve one open connection until it is closed."""
        ...


class Site:
    """One server's shared state. It answers HTTP requests and decides on upgrades."""

    def __init__(
        self,
        settings: ServerSettings,
        limits: Limits,
        host: PipelineHost,
        sessions: SessionFactory,
        models: Iterable[str] = (),
        routes: Iterable[Route] = (),
        keyring: Keyring | None = None,
        prices: Prices | None = None,
    ) -> None:
        self.settings = settings
        self.limits = limits
        self.host = host
        self.sessions = sessions
        self.prices = prices or Prices()
        self.account = Account()
        """What the sessions that are over have used."""
        self.ended = 0
        """How many are over."""
        self._keyring = keyring
        self.feeds: dict[str, Feed] = {}
        """WebSockets that are no sessions, by path."""
        self.connections: set[HttpConnection] = set()
        self.sockets: set[ServerConnection] = set()
        self.shells: set[Shell] = set()
        self.loaded = False
        """The pipeline has been started; what it is missing later does not keep clients out."""
        self.draining = False
        self.request_seconds = limits.request_seconds
        self.request_bytes = limits.request_bytes
        self.metrics = Metrics()
        self.metrics.watch(lambda: len(self.shells), host.missing)
        self.traces = Traces(Path(settings.traces) if settings.traces else None)
        self._heap = Heap()
        self._idle = asyncio.Event()
        self._idle.set()
        own = [*health_routes(self.readiness), *model_routes(models, int(time.time())), *websocket_routes(PATHS)]
        own += metrics_routes(self.metrics.page)
        self._routes = Routes([*own, *routes])

    def readiness(self) -> dict[str, object]:
        """``status`` is ready, loading, draining or unavailable; ``missing`` names the stages that take no jobs."""
        missing = list(self.host.missing())
        if self.draining:
            state = "draining"
        elif not self.loaded:
            state = "loading"
        else:
            state = "unavailable" if missing else "ready"
        return {"status": state, "missing": missing, "sessions": len(self.shells)}

    async def answer(self, request: HttpRequest) -> HttpResponse:
        """Answer a plain HTTP request. Never raises."""
        refusal = self._refuse(request)
        if refusal is not None:
            return _noted(request, refusal)
        try:
            if self._keyring is not None and request.path.startswith(GUARDED):
                self._keyring.owner(api_key(request))
            return await self._routes.answer(request)
        except APIError as error:
            return HttpResponse.json({"error": http_body(error)}, error.status)
        except Exception:
            log.exception("route failed", extra={"fields": {"method": request.method, "path": request.path}})
            return refused(HTTPStatus.INTERNAL_SERVER_ERROR, "The server had an error while processing your request.")

    def refuse_upgrade(self, request: HttpRequest) -> HttpResponse | None:
        """Why a WebSocket is not let in, as an HTTP answer. Keys and models are refused in-band, as the API does."""
        refusal = self._refuse_upgrade(request)
        return None if refusal is None else _noted(request, refusal)

    def _refuse_upgrade(self, request: HttpRequest) -> HttpResponse | None:
        if request.path in self.feeds:
            return self._refuse(request) or self.feeds[request.path].refuse_feed(request)
        refusal = self._refuse(request) or admission.refuse_upgrade(request)
        if refusal is not None:
            return refusal
        busy = self._busy()
        if busy is None:
            return None
        message, code = busy
        self.metrics.refused(code)
        return refused(HTTPStatus.SERVICE_UNAVAILABLE, message, code, (("retry-after", "1"),))

    def admit(self, request: ConnectRequest) -> ConnectRequest:
        """The request with whom its key belongs to, who is to ``leave`` again. Raises APIError."""
        return request if self._keyring is None else replace(request, visitor=self._keyring.admit(request.api_key))

    def leave(self, visitor: Visitor) -> None:
        if self._keyring is not None:
            self._keyring.leave(visitor)

    def entered(self, shell: Shell) -> None:
        """A session has begun. One that slipped in as the drain began hears of it too."""
        self.shells.add(shell)
        self._idle.clear()
        if self.draining:
            shell.feed(Draining())

    def left(self, shell: Shell) -> None:
        self.shells.discard(shell)
        self.account.add(shell.observed.account)
        self.ended += 1
        self._heap.session_ended()
        if not self.shells:
            self._idle.set()

    def drain(self) -> None:
        """Take no more sessions, and tell those there are to finish."""
        self.draining = True
        for shell in list(self.shells):
            shell.feed(Draining())

    async def idle(self) -> None:
        """Wait until no session is left."""
        await self._idle.wait()

    def _busy(self) -> tuple[str, str] | None:
        """Why no session can begin now, and the code of it."""
        if self.draining:
            return "The server is shutting down.", "shutting_down"
        if not self.loaded:
            return "The server is still loading its models.", "loading"
        if len(self.sockets) >= self.limits.sessions:
            return "The server has as many sessions as it takes.", "too_many_sessions"
        return None

    def _refuse(self, request: HttpRequest) -> HttpResponse | None:
        return admission.refuse_host(request, self.settings) or admission.refuse_origin(request, self.settings)


def _noted(request: HttpRequest, refusal: HttpResponse) -> HttpResponse:
    """A refusal that the log knows of, with what a proxy may have made of the request."""
    given = {"path": request.path, "host": request.header("host"), "origin": request.header("origin")}
    told = {name: shortened(value) for name, value in given.items() if value is not None}
    fields = {"status": refusal.status, "code": refusal.code, "remote": request.remote, **told}
    log.info("request refused", extra={"fields": fields})
    return refusal
