"""Tools that are HTTP endpoints. Their addresses come from the profile; redirects are not followed."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import string
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from rtengine.models.jobs import ToolDone
from rtengine.models.ports import Cancel
from rtengine.tools.python import BadArguments, in_words
from rtengine.tools.settings import HttpRun

_IN_QUERY = ("GET", "DELETE")
_ERROR_CHARACTERS = 500
"""Of the body of an error: enough for the model to mend its call."""


def call_endpoint(
    settings: HttpRun, arguments: dict[str, Any], max_bytes: int, timeout_seconds: float, cancel: Cancel
) -> Callable[[], ToolDone]:
    """The call, ready to be made; blocking. Raises BadArguments when the URL cannot be filled.

    The call raises OSError or http.client.HTTPException when the endpoint cannot be reached.
    """
    url, rest = filled(settings.url, arguments)
    split = urlsplit(url)
    headers = {"accept": "application/json, text/*;q=0.9, */*;q=0.1", "user-agent": "rtengine"}
    headers |= {name.lower(): value.get_secret_value() for name, value in settings.headers.items()}
    body, query = None, split.query
    if settings.method in _IN_QUERY:
        given = urlencode({name: in_words(value) for name, value in rest.items()})
        query = "&".join(part for part in (query, given) if part)
    else:
        body = json.dumps(rest).encode()
        headers.setdefault("content-type", "application/json")
    target = (split.path or "/") + (f"?{query}" if query else "")
    kind = http.client.HTTPSConnection if split.scheme == "https" else http.client.HTTPConnection

    def call() -> ToolDone:
        with contextlib.closing(kind(split.hostname or "", split.port, timeout=timeout_seconds)) as connection:
            cancel.on_set(lambda: _break(connection))
            connection.request(settings.method, target, body, headers)
            response = connection.getresponse()
            content = response.read(max_bytes + 1)
            charset = response.headers.get_content_charset("utf-8")
            return _result(response.status, content, charset, max_bytes)

    return call


def filled(url: str, arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The URL with its places filled, and the arguments that have none there. Raises BadArguments."""
    wanted = places(url)
    values: dict[str, str] = {}
    for name in wanted:
        value = in_words(arguments.get(name, ""))
        if value in ("", ".", ".."):  # a path of such segments is another path
            raise BadArguments(f"The argument '{name}' is missing, or cannot be part of an address.")
        values[name] = quote(value, safe="")
    rest = {name: value for name, value in arguments.items() if name not in wanted}
    return url.format_map(values) if wanted else url, rest


def places(url: str) -> set[str]:
    """The arguments that the URL has a place for. Raises ValueError when its braces do not match."""
    return {name for _, name, _, _ in string.Formatter().parse(url) if name}


def _result(status: int, content: bytes, charset: str, max_bytes: int) -> ToolDone:
    try:
        text = content.decode(charset, "replace")
    except LookupError:  # a charset that Python does not know
        text = content.decode("utf-8", "replace")
    if not 200 <= status < 300:
        said = f": {text[:_ERROR_CHARACTERS].strip()}" if text.strip() else "."
        return ToolDone(error=f"The endpoint answered with status {status}{said}", kind="http_error", code=status)
    if len(content) > max_bytes:
        return ToolDone(error=f"The result is longer than {max_bytes} bytes.")
    return ToolDone(text)


def _break(connection: http.client.HTTPConnection) -> None:
    """Wake a blocking read; closing alone would not."""
    if connection.sock is not None:
        with contextlib.suppress(OSError):  # the other side was faster
            connection.sock.shutdown(socket.SHUT_RDWR)
