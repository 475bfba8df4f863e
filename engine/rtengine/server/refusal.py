"""The API's errors as the server says them where no session is there to answer."""

from __future__ import annotations

from typing import Any

from rtengine.protocol.errors import APIError, api_error
from rtengine.protocol.ids import Ids

_BAD_REQUEST = 4000
"""Close code after a refusal whose error has none of its own."""

_ids = Ids()


def error_event(error: APIError) -> dict[str, Any]:
    """The ``error`` server event."""
    return {"type": "error", "event_id": _ids.new("event"), "error": error_body(error)}


def error_body(error: APIError) -> dict[str, Any]:
    """The error object with its five keys: type, code, message, param, event_id."""
    return error.body().wire()


def http_body(error: APIError) -> dict[str, Any]:
    """The same for an answer to an HTTP request, which no event has caused: without `event_id`."""
    return {key: value for key, value in error_body(error).items() if key != "event_id"}


def close_code(error: APIError) -> int:
    """The code a connection is closed with after this error has been told."""
    return error.close_code or _BAD_REQUEST


def internal_error() -> APIError:
    """The fault is the server's. No detail: it may be security-sensitive."""
    return api_error("server_error")
