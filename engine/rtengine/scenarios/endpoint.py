"""A chat endpoint that says what a scenario has written down, to the letter: a stream of chunks for each request."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

Reply = Sequence[dict[str, Any] | str]
"""Chunks; a text goes as it is, JSON or not."""

HOST = "127.0.0.1"


@asynccontextmanager
async def endpoint(replies: Sequence[Reply]) -> AsyncIterator[str]:
    """Serves while the block runs; its base URL. A request beyond the last reply gets status 500."""
    left = iter(replies)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await _request(reader)
            writer.write(_answer(next(left, None)))
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, HOST, 0)
    try:
        yield f"http://{HOST}:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()
        await server.wait_closed()


async def _request(reader: asyncio.StreamReader) -> None:
    """Read a request to its end, which clients expect."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = next((line.partition(":")[2] for line in head.split("\r\n") if line.startswith("content-length:")), "0")
    await reader.readexactly(int(length))


def _answer(reply: Reply | None) -> bytes:
    if reply is None:
        body = json.dumps({"error": {"message": "The scenario has no reply left."}}).encode()
        return _head("500 Internal Server Error", "application/json") + body
    chunks = (chunk if isinstance(chunk, str) else json.dumps(chunk) for chunk in (*reply, "[DONE]"))
    return _head("200 OK", "text/event-stream") + "".join(f"data: {chunk}\n\n" for chunk in chunks).encode()


def _head(status: str, kind: str) -> bytes:
    return f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n".encode()
