"""A proxy that serves a server below a path, and cuts the path off: ``http://127.0.0.1:PORT/voice/``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

PREFIX = b"/voice"


@asynccontextmanager
async def below(url: str) -> AsyncIterator[str]:
    """The address of the proxy, with its path. Whoever asks for another path is cut off."""
    port = urlsplit(url).port

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, sink = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.wait(
            (asyncio.ensure_future(_ask(reader, sink)), asyncio.ensure_future(_pass(upstream, writer))),
            return_when=asyncio.FIRST_COMPLETED,
        )
        sink.close()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1") as proxy:
        yield f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}{PREFIX.decode()}"


async def _ask(reader: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError, asyncio.IncompleteReadError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"GET " + PREFIX + b"/"):
                return
            sink.write(head.replace(PREFIX, b"", 1))
            if b"upgrade: websocket" in head.lower():
                await _pass(reader, sink)
                return


async def _pass(reader: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while chunk := await reader.read(1 << 16):
            sink.write(chunk)
            await sink.drain()
