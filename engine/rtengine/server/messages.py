"""HTTP requests and responses as plain data, with errors in the API's shape."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

from rtengine.protocol.errors import APIError
from rtengine.source.suggestion import nearest


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request whose head, and body if it has one, is complete."""

    method: str
    target: str
    """Path and query as sent."""
    headers: tuple[tuple[str, str], ...]
    """Names in lower case, in the order sent."""
    body: bytes = b""
    remote: str = ""
    """Address of the client's end of the connection."""
    arguments: Mapping[str, str] = field(default_factory=dict)
    """What the route's path took from the target: ``/v1/models/{id}`` gives ``id``."""

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        """The last value of each query parameter; blank ones are left out."""
        return {name: values[-1] for name, values in parse_qs(urlsplit(self.target).query).items()}

    def header(self, name: str) -> str | None:
        """The first header of that (lower-case) name."""
        return next((value for key, value in self.headers if key == name), None)

    def tokens(self, name: str) -> list[str]:
        """The elements of a comma-separated header, over all its lines."""
        values = [value for key, value in self.headers if key == name]
        return [token.strip() for value in values for token in value.split(",") if token.strip()]

    def json(self) -> Any:
        """The body as JSON; null for an empty one. Raises ``APIError``."""
        if not self.body.strip():
            return None
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            message = "We could not parse the JSON body of your request. The API expects a JSON payload."
            raise APIError(message, code="invalid_json") from None


@dataclass(frozen=True, slots=True)
class HttpResponse:
    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    code: str | None = None
    """Of an error, as it stands in the body."""

    @classmethod
    def json(cls, value: Any, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> HttpResponse:
        return cls(status, json.dumps(value, allow_nan=False).encode(), headers=headers)


def refused(
    status: int, message: str, code: str | None = None, headers: tuple[tuple[str, str], ...] = ()
) -> HttpResponse:
    """An error answer in the API's shape: ``{"error": {"message", "type", "param", "code"}}``."""
    kind = "server_error" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "invalid_request_error"
    body = {"message": message, "type": kind, "param": None, "code": code}
    return HttpResponse(status, json.dumps({"error": body}).encode(), headers=headers, code=code)


def unknown_url(request: HttpRequest, known: Iterable[str]) -> HttpResponse:
    """404, with the path of ``known`` that was probably meant."""
    near = nearest(request.path, known)
    meant = f" Did you mean {near}?" if near else ""
    return refused(HTTPStatus.NOT_FOUND, f"Unknown request URL: {request.method} {request.path}.{meant}", "unknown_url")
