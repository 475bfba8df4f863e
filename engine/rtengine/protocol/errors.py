"""The API's own errors: what a client is told when something it asked for cannot be done."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from rtengine.errors import RtengineError
from rtengine.protocol.codes import CODES, ErrorCode
from rtengine.protocol.wire import WireModel

__all__ = ["CODES", "APIError", "ErrorBody", "ErrorCode", "api_error", "listed", "unsupported_value"]


class ErrorBody(WireModel):
    """``error`` of the event ``error``. All five keys are always there."""

    type: str = "invalid_request_error"
    code: str | None = None
    message: str
    param: str | None = None
    event_id: str | None = None
    """The client event that caused it; null when the client named none or the server began it."""


class APIError(RtengineError):
    """An error for a client. It ends the connection only when it has a ``close_code``."""

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        type: str = "invalid_request_error",
        param: str | None = None,
        event_id: str | None = None,
        status: int = 400,
        close_code: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.type = type
        self.param = param
        self.event_id = event_id
        self.status = status
        """HTTP status, where the error answers an HTTP request."""
        self.close_code = close_code

    @property
    def close_reason(self) -> str:
        """Reason of the closing frame: ``<type>.<code>``."""
        return f"{self.type}.{self.code}" if self.code else self.type

    def body(self) -> ErrorBody:
        """The ``error`` object of the server event."""
        return ErrorBody(type=self.type, code=self.code, message=self.message, param=self.param, event_id=self.event_id)


def api_error(name: str, *, param: str | None = None, event_id: str | None = None, **values: Any) -> APIError:
    """The error ``name`` of ``CODES``, its message filled with ``values``; without ``param``, the usual one.

    Raises KeyError when there is no such error or a value of its message is missing.
    """
    entry = CODES[name]
    return APIError(
        entry.message.format(**values, param=param or entry.param),
        code=entry.code,
        type=entry.type,
        param=param or entry.param,
        event_id=event_id,
        status=entry.status,
        close_code=entry.close_code,
    )


def listed(values: Iterable[object]) -> str:
    """``'a'``; ``'a' and 'b'``; ``'a', 'b', and 'c'``. Numbers and flags stand without quotes, as in JSON."""
    words = [f"'{value}'" if isinstance(value, str) else json.dumps(value) for value in values]
    if len(words) <= 2:
        return " and ".join(words)
    return f"{', '.join(words[:-1])}, and {words[-1]}"


def unsupported_value(value: object, supported: Iterable[object], param: str) -> APIError:
    """``Invalid value: 'x'. Supported values are: 'a' and 'b'.``"""
    return api_error("invalid_value", param=param, value=listed([shortened(value)]), supported=listed(supported))


def shortened(value: object, limit: int = 200) -> object:
    """``value``, or its beginning when it is a long string: an answer need not repeat megabytes."""
    return f"{value[:limit]}…" if isinstance(value, str) and len(value) > limit else value
