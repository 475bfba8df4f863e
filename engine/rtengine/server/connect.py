"""Reading the opening handshake: model, intent, key and dialect."""

from __future__ import annotations

from typing import Literal

from rtengine.protocol.errors import unsupported_value
from rtengine.server.messages import HttpRequest
from rtengine.server.sessions import ConnectRequest

PATHS = ("/v1/realtime", "/realtime")
SUBPROTOCOL = "realtime"

_KEY = "openai-insecure-api-key."
_BETA = "openai-beta.realtime-v1"


def connect_request(request: HttpRequest) -> ConnectRequest:
    """Read the upgrade request of a client. Raises ``APIError`` for an intent that does not exist."""
    offered = request.tokens("sec-websocket-protocol")
    query = request.query
    beta = _BETA in offered or "realtime=v1" in request.tokens("openai-beta")
    return ConnectRequest(
        model=query.get("model"),
        intent=_intent(query.get("intent", "realtime")),
        api_key=api_key(request),
        dialect="beta" if beta else "ga",
        remote=request.remote,
    )


def api_key(request: HttpRequest) -> str | None:
    """The key: ``Authorization: Bearer``, else ``api-key``, else the subprotocol that browsers have to use."""
    scheme, _, credentials = (request.header("authorization") or "").partition(" ")
    if scheme.lower() == "bearer" and credentials.strip():
        return credentials.strip()
    return request.header("api-key") or _after(_KEY, request.tokens("sec-websocket-protocol"))


def _after(prefix: str, tokens: list[str]) -> str | None:
    return next((token.removeprefix(prefix) for token in tokens if token.startswith(prefix)), None)


def _intent(value: str) -> Literal["realtime", "transcription"]:
    if value == "realtime":
        return "realtime"
    if value == "transcription":
        return "transcription"
    raise unsupported_value(value, ("realtime", "transcription"), "intent")
