"""Who may talk to the server at all: the checks before any route, and those before an upgrade."""

from __future__ import annotations

from http import HTTPStatus
from ipaddress import ip_address
from urllib.parse import urlsplit

from rtengine.profile.settings import ServerSettings
from rtengine.server.connect import PATHS
from rtengine.server.messages import HttpRequest, HttpResponse, refused, unknown_url

_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def is_loopback(host: str) -> bool:
    """Whether a host name or address (without brackets) can only mean this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_address(host: str) -> bool:
    """Whether it is an IP address (without brackets): no page can make one mean another machine."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def origin_allowed(origin: str, host: str, listed: list[str]) -> bool:
    """Whether a browser page of ``origin`` may use a server that it knows as ``host`` (the Host header).

    Its own pages may, those of this machine may, and those the profile lists. Compared whole, never by a part.
    """
    parsed = _origin(origin)
    if parsed is None:
        return origin in listed
    scheme, name, port = parsed
    return is_loopback(name) or parsed in map(_origin, listed) or (name, port) == _authority(host, scheme)


def same_origin(origin: str, host: str) -> bool:
    """Whether a browser page of ``origin`` came from a server that it knows as ``host``."""
    parsed = _origin(origin)
    return parsed is not None and parsed[1:] == _authority(host, parsed[0])


def named(host: str) -> str:
    """The name in a Host header; empty when it makes no sense."""
    return _authority(host, "http")[0]


def refuse_host(request: HttpRequest, settings: ServerSettings) -> HttpResponse | None:
    """Refuse names that are not the server's: a page can point its own name here (DNS rebinding).

    On loopback they are those of this machine and the listed ones; beyond it the listed ones and any address, if any
    are listed at all.
    """
    name = named(request.header("host") or "")
    beyond = not is_loopback(settings.host)
    if is_loopback(name) or name in settings.hosts or (beyond and (not settings.hosts or is_address(name))):
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
        return unknown_url(request, PATHS)
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
