"""A small client for any server that speaks the Realtime API."""

from __future__ import annotations

import asyncio
import json
from asyncio import sleep
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

import pybase64
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from rtengine.errors import RtengineError
from rtengine_cli.exchange import Exchange
from rtengine_cli.recording import BYTES_PER_SECOND

Clock = Callable[[], float]
CHUNK_SECONDS = 0.1
CHUNK = int(CHUNK_SECONDS * BYTES_PER_SECOND)
CLOSE_SECONDS = 2.0
MAX_SIZE = 32 << 20


def realtime_url(url: str, model: str = "") -> str:
    """``http://host:port``, ``…/v1`` or a full WebSocket address → the address of the Realtime endpoint.

    ``model`` is asked for unless the address says what is wanted. Raises RtengineError for what is no address.
    """
    try:
        parts = urlsplit(url if "://" in url else f"ws://{url}")
        _ = parts.port  # it is looked at when it is asked for
    except ValueError as error:
        raise RtengineError(f"{url!r} is no address: {error}") from None
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    path = parts.path.rstrip("/")
    if not path.endswith("/realtime"):
        path = f"{path}/realtime" if path.endswith("/v1") else f"{path}/v1/realtime"
    query = parts.query
    if model and not {"model", "intent"} & parse_qs(query).keys():
        query = "&".join(filter(None, [query, urlencode({"model": model})]))
    return urlunsplit((scheme, parts.netloc, path, query, ""))


class Client:
    """One session. Everything the server sends goes through ``exchange``."""

    def __init__(self, connection: ClientConnection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._changed = asyncio.Condition()
        self._closed = ""
        self.exchange = Exchange()
        self.listeners: list[Callable[[dict[str, Any]], None]] = []

    @property
    def closed(self) -> str:
        """Why the connection ended; empty while it is open."""
        return self._closed

    async def send(self, event_type: str, **fields: Any) -> None:
        try:
            await self._connection.send(json.dumps({"type": event_type, **fields}))
        except ConnectionClosed as error:
            raise RtengineError(_closed(error)) from None

    async def append(self, audio: bytes) -> None:
        """Send PCM16 to the input buffer."""
        await self.send("input_audio_buffer.append", audio=pybase64.b64encode(audio).decode("ascii"))

    async def stream(self, audio: bytes, *, fast: bool = False) -> None:
        """Send PCM16 in chunks: as it would be spoken, or as fast as the server takes it."""
        start = self._clock()
        for index, offset in enumerate(range(0, len(audio), CHUNK)):
            if not fast:
                # A microphone delivers a chunk when its last sample has been spoken.
                await sleep(max(0.0, start + (index + 1) * CHUNK_SECONDS - self._clock()))
            await self.append(audio[offset : offset + CHUNK])

    async def until(self, reached: Callable[[Exchange], bool], seconds: float, what: str) -> None:
        """Wait for ``reached``. Raises RtengineError naming ``what`` when it does not come to pass."""
        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(lambda: bool(reached(self.exchange) or self._closed))
        except TimeoutError:
            raise RtengineError(f"no {what} within {seconds:g} s") from None
        if not reached(self.exchange):
            raise RtengineError(f"{self._closed} before {what} came")

    async def listen(self) -> None:
        """Read until the connection closes."""
        try:
            async for frame in self._connection:
                event = json.loads(frame)
                self.exchange.receive(event, self._clock())
                for listener in self.listeners:
                    listener(event)
                await self._notify()
            self._closed = "the server closed the connection"
        except ConnectionClosed as error:
            self._closed = _closed(error)
        finally:
            self._closed = self._closed or "the connection ended"
            await self._notify()

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()


@asynccontextmanager
async def session(url: str, key: str | None = None, clock: Clock | None = None) -> AsyncIterator[Client]:
    """Connect, and read events in the background until the block ends."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        connection = await connect(
            url, additional_headers=headers, subprotocols=None, max_size=MAX_SIZE, close_timeout=CLOSE_SECONDS
        )
    except InvalidStatus as error:
        body = error.response.body.decode("utf-8", "replace").strip() if error.response.body else ""
        raise RtengineError(f"{url} answered HTTP {error.response.status_code} {body}".rstrip()) from None
    except (InvalidURI, InvalidHandshake) as error:
        raise RtengineError(f"{url} is no Realtime server: {error}") from None
    except (OSError, TimeoutError) as error:
        raise RtengineError(f"{url} cannot be reached: {error}", "start a server with `rtengine run`") from None
    client = Client(connection, clock or asyncio.get_running_loop().time)
    listening = asyncio.create_task(client.listen())
    try:
        yield client
    finally:
        await connection.close()
        await listening


def _closed(error: ConnectionClosed) -> str:
    frame = error.rcvd
    if frame is None:
        return "the connection broke"
    return f"the server closed the connection ({frame.code} {frame.reason})".replace(" )", ")")
