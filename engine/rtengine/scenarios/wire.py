"""A client of a scenario over the wire: a true WebSocket, and everything that came through it."""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import Callable, Mapping
from typing import Any, cast
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.frames import DATA_OPCODES, Frame
from websockets.protocol import Event
from websockets.typing import Subprotocol

from rtengine.errors import RtengineError
from rtengine.scenarios.pattern import Mismatch
from rtengine.scenarios.verbs import Handshake

Told = dict[str, Any]

PATH = "/v1/realtime"
HINT = "start a server with `rtengine run`"


class Unreachable(RtengineError):
    """There is no server at the address."""


class _Ear(ClientConnection):
    """Hands messages over where they are parsed: whatever came before a pong has then been heard before it."""

    def __init__(self, hear: Callable[[bytes], None], protocol: ClientProtocol, **settings: Any) -> None:
        super().__init__(protocol, **settings)
        self._hear = hear
        self._message = bytearray()

    def process_event(self, event: Event) -> None:
        if self.response is None or not isinstance(event, Frame) or event.opcode not in DATA_OPCODES:
            super().process_event(event)
            return
        self._message += event.data
        if event.fin:
            message, self._message = bytes(self._message), bytearray()
            self._hear(message)


class WireClient:
    """Connects, sends, and keeps what it is sent. ``patience``: seconds it waits for what is to come."""

    def __init__(self, url: str, patience: float) -> None:
        self._url = url
        self._patience = patience
        self._connection: ClientConnection | None = None
        self._end: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._paused = False
        self.unread: list[Told] = []
        """What has come and nobody has looked at yet."""
        self.session_id: str | None = None
        self.refusal: dict[str, Any] | None = None
        """``status`` and body of the HTTP answer that opened no connection."""
        self.closed: tuple[int, str] | None = None
        """Code and reason the connection has ended with."""

    async def connect(self, handshake: Handshake, key: str | None) -> None:
        """Raises Unreachable."""
        headers = {**({"Authorization": f"Bearer {key}"} if key else {}), **handshake.headers}
        try:
            self._connection = await connect(
                address(self._url, handshake.query),
                additional_headers=headers,
                subprotocols=[Subprotocol(each) for each in handshake.subprotocols] or None,
                compression=None,
                proxy=None,
                max_size=None,
                create_connection=cast(type[ClientConnection], functools.partial(_Ear, self._hear)),
                open_timeout=self._patience,
            )
        except InvalidStatus as error:
            self.refusal = {"status": error.response.status_code, **_body(error.response.body)}
        except (InvalidURI, InvalidHandshake) as error:
            raise Unreachable(f"{self._url} is no Realtime server: {error}") from error
        except ValueError as error:
            raise Unreachable(f"{self._url!r} is no address: {error}") from error
        except OSError as error:  # time-outs and TLS among them
            raise Unreachable(f"{self._url} cannot be reached: {error}", HINT) from error
        else:
            self._end = asyncio.create_task(self._wait(self._connection))

    @property
    def open(self) -> bool:
        """It hears of what the server does."""
        return self._connection is not None and self.closed is None and not self._paused

    async def send(self, frame: str) -> None:
        try:
            await self._connected.send(frame)
        except ConnectionClosed as error:
            raise Mismatch(f"the connection is closed: {error}") from error

    async def barrier(self) -> None:
        """Wait until everything has come that the server said before it has read what was sent up to now."""
        if self.open:
            try:
                pong = await self._connected.ping()
                async with asyncio.timeout(self._patience):
                    await pong
            except (ConnectionClosed, TimeoutError):
                return  # what is missing is told by whoever looks for it

    async def until(self, true: Callable[[], bool]) -> bool:
        """Wait for something to come, or for the end of the connection; whether it is true then."""
        try:
            async with asyncio.timeout(self._patience):
                while not true() and self.closed is None:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            pass
        return true()

    def pause(self) -> None:
        self._paused = True
        self._connected.transport.pause_reading()

    def resume(self) -> None:
        self._paused = False
        self._connected.transport.resume_reading()

    async def leave(self) -> None:
        await self._connected.close()

    def abort(self) -> None:
        self._connected.transport.abort()

    async def end(self) -> None:
        """Whatever the scenario has left open."""
        if self._connection is not None and self._end is not None:
            self._connection.transport.abort()
            await self._end

    @property
    def _connected(self) -> ClientConnection:
        if self._connection is None:
            raise Mismatch(f"the client was refused with {self.refusal}")
        return self._connection

    def _hear(self, message: bytes) -> None:
        told: Told = json.loads(message)
        self.unread.append(told)
        if told["type"] == "session.created" and self.session_id is None:
            self.session_id = told["session"]["id"]
        self._changed.set()

    async def _wait(self, connection: ClientConnection) -> None:
        await connection.wait_closed()
        self.closed = connection.close_code or 1006, connection.close_reason or ""
        self._changed.set()


def address(url: str, query: Mapping[str, str]) -> str:
    """``host:port``, ``ws://host/v1`` or a full address as the one to connect to."""
    parts = urlsplit(url if "//" in url else f"ws://{url}")
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    path = parts.path.rstrip("/")
    path = path if path.endswith("/realtime") else f"{path.removesuffix('/v1')}{PATH}"
    merged = {"model": "default", **dict(parse_qsl(parts.query)), **query}
    return urlunsplit((scheme, parts.netloc, path, urlencode(merged), ""))


def _body(body: bytes | bytearray | None) -> dict[str, Any]:
    try:
        found = json.loads(body or b"null")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
