"""What a program that the server has started writes on its standard error, as lines of the log."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator
from typing import TextIO

log = logging.getLogger(__name__)

LINE_BYTES = 2000
"""A longer line is told in pieces."""
LAST_WORDS_SECONDS = 1.0
"""A child of the program may outlive it, and still hold the other end."""


@contextlib.asynccontextmanager
async def logged_stderr(label: str) -> AsyncIterator[TextIO]:
    """A file for a program to write to; each line is logged with the ``label`` of its MCP server."""
    out, into = os.pipe()
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(out, "rb", 0)
    )
    reading = asyncio.create_task(_log_lines(reader, label))
    try:
        with os.fdopen(into, "w") as sink:
            yield sink
    finally:
        await asyncio.wait([reading], timeout=LAST_WORDS_SECONDS)
        reading.cancel()
        transport.close()


async def _log_lines(reader: asyncio.StreamReader, label: str) -> None:
    begun = b""
    while chunk := await reader.read(LINE_BYTES):
        *whole, begun = (begun + chunk).split(b"\n")
        if len(begun) > LINE_BYTES:
            whole, begun = [*whole, begun], b""
        for line in whole:
            _say(label, line)
    _say(label, begun)


def _say(label: str, line: bytes) -> None:
    if text := line.decode("utf-8", "replace").strip():
        log.info("the MCP server '%s' says: %s", label, text)
