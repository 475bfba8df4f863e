"""Who may talk to the server at all: the checks before any route, and those before an upgrade."""

from __future__ import annotations

from http import HTTPStatus
from ipaddress import ip_address
from urllib.parse import urlsplit

from rtengine.profile.settings import ServerSettings
from rtengine.server.connect import PATHS
from rtengine.server.messages import HttpRequest, HttpResponse, refused

_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def is_loopback(host: str) -> bool:
    """Whether a host name or address (without brackets) can only mean this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def origin_allowed(origin: str, host: str, listed: list[str]) -> bool:
    """Whether a browser page of ``origin`` may use a server that it knows as ``host`` (the Host header).

    Its own pages may, those of this machine may, and those the profile lists. Compared whole, never by a part.
    """
    parsed = _origin(origin)
    if parsed is None:
        return origin in listed
    scheme, name, port = parsed
    return is_loopback(name) or parsed in map(_origin, listed) or (name, port) == _authority(host, scheme)


def refuse_host(request: HttpRequest, settings: ServerSettings) -> HttpResponse | None:
    """On loopback, refuse names that are not this machine's: a page can point its own name here (DNS rebinding)."""
    if not is_loopback(settings.host):
        return None
    name, _ = _authority(request.header("host") or "", "http")
    if is_loopback(name) or name in settings.hosts:
        return None
    return refused(HTTPStatus.MISDIRECTED_REQUEST, "This server does not answer to that host name.", "unknown_host")


def refuse_origin(request: HttpRequest, settings: ServerSettings) -> HttpResponse | None:
    """Refuse pages of other sites. Clients that are no browser send no Origin."""
    origin = request.header("origin")
    if origin is None or origin_allowed(origin, request.header("host") or "", settings.origins):
        return None
    return refused(HTTPStatus.FORBIDDEN, "This origin is not listed in `server.origins`.", "origin_refused")


def refuse_upgrade(request: HttpRequest) -> HttpResponse | None:
    """Refuse a WebSocket where there is none."""
    if request.path not in PATHS:
        return refused(HTTPStatus.NOT_FOUND, f"Unknown request URL: GET {request.path}.", "unknown_url")
    if "call_id" in request.query:
        return refused(HTTPStatus.NOT_FOUND, "No call with this id exists.", "call_id_not_found")
    return None


def _origin(text: str) -> tuple[str, str, int | None] | None:
    """(scheme, host, port) of a serialized origin; None for ``null`` and whatever is no web origin."""
    try:
        parts = urlsplit(text)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.path or parts.query:
        return None
    return parts.scheme, parts.hostname.lower(), port


def _authority(host: str, scheme: str) -> tuple[str, int | None]:
    """(host, port) of a Host header; an empty name when it makes no sense."""
    try:
        parts = urlsplit(f"//{host}")
        return (parts.hostname or "").lower(), parts.port or _DEFAULT_PORTS.get(scheme)
    except ValueError:
        return "", None
