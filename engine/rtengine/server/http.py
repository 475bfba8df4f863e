"""HTTP/1.1 on one connection, through h11: every connection begins here, and the WebSocket ones leave it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from typing import Protocol, cast

import h11

from rtengine.server.messages import HttpRequest, HttpResponse, refused

HEAD_BYTES = 16 << 10
LINGER_SECONDS = 2.0
"""How long a client may still send, or be slow to read, after its last answer."""


class Answerer(Protocol):
    """What an HTTP connection needs from the server."""

    request_seconds: float
    """A request must be complete this long after the connection, or the answer before it."""
    request_bytes: int
    """Largest body."""
    connections: set[HttpConnection]
    draining: bool
    """The next answer of a connection is its last."""

    async def answer(self, request: HttpRequest) -> HttpResponse: ...

    def refuse_upgrade(self, request: HttpRequest) -> HttpResponse | None:
        """Why a WebSocket upgrade is not let in; None lets it in."""
        ...


class HttpConnection(asyncio.Protocol):
    """Parses requests, has each answered in turn, and hands a WebSocket upgrade to ``upgrade`` with the bytes of it."""

    def __init__(self, site: Answerer, upgrade: Callable[[asyncio.Transport, HttpRequest, bytes], None]) -> None:
        self._site = site
        self._upgrade = upgrade
        self._parser = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES)
        self._raw = bytearray()
        self._request: HttpRequest | None = None
        self._body = bytearray()
        self._task: asyncio.Task[None] | None = None
        self._lingering = False
        self._transport: asyncio.Transport
        self._deadline: asyncio.TimerHandle

    # --- what asyncio calls ----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._site.connections.add(self)
        self._arm()

    def data_received(self, data: bytes) -> None:
        if self._lingering:
            return
        if self._request is None:
            self._raw += data
        self._parser.receive_data(data)
        if self._task is None:
            self._advance()

    def eof_received(self) -> bool:
        if self._lingering:
            self._transport.close()
        else:
            self._parser.receive_data(b"")
            self._advance()
        return True  # the answer under way may still be read

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()
        if self._task is not None:
            self._task.cancel()

    # --- what the server calls -------------------------------------------------------------------------------------

    def shut(self) -> None:
        """Close now, or once the answer under way is written."""
        if self._task is None:
            self._transport.close()
        self._arm(LINGER_SECONDS)

    # --- requests in -----------------------------------------------------------------------------------------------

    def _advance(self) -> None:
        """Take from the parser what it has, until a request is complete or more bytes are needed."""
        while self._task is None and not self._lingering and self._transport.get_protocol() is self:
            try:
                event = self._parser.next_event()
            except h11.RemoteProtocolError as error:
                self._reject(error.error_status_hint or HTTPStatus.BAD_REQUEST, "The request is no valid HTTP/1.1.")
                return
            if isinstance(event, h11.Request):
                self._begin(event)
            elif isinstance(event, h11.Data):
                self._body += event.data
                self._check_size(len(self._body))
            elif isinstance(event, h11.EndOfMessage):
                self._complete()
            elif isinstance(event, h11.ConnectionClosed):
                self._transport.close()
                return
            else:  # NEED_DATA or PAUSED
                if self._parser.they_are_waiting_for_100_continue:
                    self._write(h11.InformationalResponse(status_code=100, headers=[]))
                return

    def _begin(self, event: h11.Request) -> None:
        peer = self._transport.get_extra_info("peername")
        request = self._request = HttpRequest(
            method=event.method.decode("ascii"),
            target=event.target.decode("ascii"),
            headers=tuple((name.decode("ascii"), value.decode("latin-1")) for name, value in event.headers),
            remote=str(peer[0]) if isinstance(peer, tuple) else "",
        )
        self._body.clear()
        # h11 limits heads that come in pieces; this one may have come whole.
        if len(event.target) + sum(len(name) + len(value) for name, value in event.headers) > HEAD_BYTES:
            self._reject(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"The head exceeds {HEAD_BYTES} bytes.")
        elif _is_upgrade(request):
            self._enter(request)
        else:
            self._raw.clear()
            self._check_size(int(request.header("content-length") or 0))

    def _enter(self, request: HttpRequest) -> None:
        refusal = self._site.refuse_upgrade(request)
        if refusal is not None:
            self._answer(refusal, last=True)
            return
        self._leave()
        self._upgrade(self._transport, request, bytes(self._raw))

    def _check_size(self, size: int) -> None:
        if size > self._site.request_bytes:
            self._reject(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body exceeds {self._site.request_bytes} bytes.")

    def _complete(self) -> None:
        assert self._request is not None
        request = HttpRequest(
            self._request.method, self._request.target, self._request.headers, bytes(self._body), self._request.remote
        )
        self._deadline.cancel()
        self._transport.pause_reading()  # a pipelined request waits in the kernel, not in our memory
        self._task = asyncio.get_running_loop().create_task(self._serve(request))

    # --- responses out ---------------------------------------------------------------------------------------------

    async def _serve(self, request: HttpRequest) -> None:
        response = await self._site.answer(request)
        self._task = None
        if self._transport.is_closing():
            return
        self._transport.resume_reading()
        self._answer(response, last=self._site.draining)

    def _reject(self, status: int, message: str) -> None:
        """Answer what cannot be read to its end; the connection is of no use after it."""
        if self._parser.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._answer(refused(status, message), last=True)
        else:
            self._transport.close()

    def _answer(self, response: HttpResponse, last: bool = False) -> None:
        headers = [
            ("date", formatdate(usegmt=True)),
            ("content-type", response.content_type),
            ("content-length", str(len(response.body))),
            *response.headers,
        ]
        if last:
            headers.append(("connection", "close"))
        self._write(h11.Response(status_code=response.status, headers=headers))
        if self._request is None or self._request.method != "HEAD":
            self._write(h11.Data(data=response.body))
        self._write(h11.EndOfMessage())
        if last or self._parser.our_state is not h11.DONE or self._parser.their_state is not h11.DONE:
            self._linger()
            return
        self._parser.start_next_cycle()
        self._request = None
        self._raw = bytearray(self._parser.trailing_data[0])
        self._arm()
        self._advance()

    def _write(self, event: h11.Event) -> None:
        data = self._parser.send(event)
        if data:
            self._transport.write(data)

    def _linger(self) -> None:
        """Close once the answer is read: closing on unread input would reset the connection and lose the answer."""
        self._lingering = True
        self._raw.clear()
        self._arm(LINGER_SECONDS)
        if self._transport.can_write_eof():
            try:
                self._transport.write_eof()
            except OSError:  # the peer has hung up by itself
                self._transport.abort()

    # --- deadlines -------------------------------------------------------------------------------------------------

    def _arm(self, seconds: float | None = None) -> None:
        if hasattr(self, "_deadline"):
            self._deadline.cancel()
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(self._site.request_seconds if seconds is None else seconds, self._expire)

    def _expire(self) -> None:
        began = bool(self._raw) or self._request is not None
        if began and not self._lingering and self._task is None:
            self._reject(HTTPStatus.REQUEST_TIMEOUT, f"No complete request within {self._site.request_seconds:g} s.")
        else:
            self._transport.abort()

    def _leave(self) -> None:
        self._deadline.cancel()
        self._site.connections.discard(self)


def _is_upgrade(request: HttpRequest) -> bool:
    return request.method == "GET" and "websocket" in (token.lower() for token in request.tokens("upgrade"))
