"""The HTTP routes: which exist, and the ones every server has."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from http import HTTPStatus

from rtengine.observe.metrics import CONTENT_TYPE
from rtengine.server.messages import HttpRequest, HttpResponse, refused, unknown_url

METRICS = "/metrics"

Handler = Callable[[HttpRequest], Awaitable[HttpResponse]]
"""Answers one request. May raise ``APIError``; any other exception is a fault, logged and answered with 500."""


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    path: str
    """As requested; ``{name}`` stands for one segment."""
    handler: Handler


class Routes:
    """Finds the handler of a request. HEAD is answered wherever GET is."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._table: list[tuple[re.Pattern[str], dict[str, Handler]]] = []
        handlers: dict[str, dict[str, Handler]] = {}
        for route in routes:
            if handlers.setdefault(route.path, {}).setdefault(route.method, route.handler) is not route.handler:
                raise ValueError(f"two routes for {route.method} {route.path}")
        self._paths = [path for path in handlers if "{" not in path]
        for path, methods in handlers.items():
            if "GET" in methods:
                methods.setdefault("HEAD", methods["GET"])
            pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(path))
            self._table.append((re.compile(pattern), methods))

    async def answer(self, request: HttpRequest) -> HttpResponse:
        """The response to a request, also where no route fits."""
        for pattern, methods in self._table:
            found = pattern.fullmatch(request.path)
            if found is None:
                continue
            handler = methods.get(request.method)
            if handler is None:
                return _method_not_allowed(request, methods)
            return await handler(replace(request, arguments=found.groupdict()))
        return unknown_url(request, self._paths)


def health_routes(ready: Callable[[], dict[str, object]]) -> list[Route]:
    """``/healthz`` says that the process runs, ``/readyz`` whether it takes sessions; ``ready`` gives its body."""

    async def healthz(request: HttpRequest) -> HttpResponse:
        return HttpResponse.json({"status": "ok"})

    async def readyz(request: HttpRequest) -> HttpResponse:
        body = ready()
        return HttpResponse.json(body, 200 if body["status"] == "ready" else 503)

    return [Route("GET", "/healthz", healthz), Route("GET", "/readyz", readyz)]


def metrics_routes(page: Callable[[], bytes]) -> list[Route]:
    """``/metrics``, for Prometheus."""

    async def metrics(request: HttpRequest) -> HttpResponse:
        return HttpResponse(HTTPStatus.OK, page(), CONTENT_TYPE)

    return [Route("GET", METRICS, metrics)]


def model_routes(names: Iterable[str], created: int) -> list[Route]:
    """``/v1/models`` in the API's list shape, and each model by its id. ``created`` is in Unix seconds."""
    models = {name: {"id": name, "object": "model", "created": created, "owned_by": "rtengine"} for name in names}

    async def every(request: HttpRequest) -> HttpResponse:
        return HttpResponse.json({"object": "list", "data": list(models.values())})

    async def one(request: HttpRequest) -> HttpResponse:
        model = models.get(request.arguments["id"])
        if model is not None:
            return HttpResponse.json(model)
        message = f"The model '{request.arguments['id'][:64]}' does not exist."
        return refused(HTTPStatus.NOT_FOUND, message, "model_not_found")

    return [Route("GET", "/v1/models", every), Route("GET", "/v1/models/{id}", one)]


def websocket_routes(paths: Iterable[str]) -> list[Route]:
    """What a plain GET of a WebSocket path is told (RFC 9110, 15.5.22)."""

    async def upgrade_required(request: HttpRequest) -> HttpResponse:
        headers = (("upgrade", "websocket"), ("connection", "upgrade"))
        return refused(HTTPStatus.UPGRADE_REQUIRED, "This URL speaks WebSocket.", "upgrade_required", headers)

    return [Route("GET", path, upgrade_required) for path in paths]


def _method_not_allowed(request: HttpRequest, methods: Iterable[str]) -> HttpResponse:
    allowed = ", ".join(sorted(methods))
    message = f"Method {request.method} is not allowed here; allowed: {allowed}."
    return refused(HTTPStatus.METHOD_NOT_ALLOWED, message, "method_not_allowed", (("allow", allowed),))
