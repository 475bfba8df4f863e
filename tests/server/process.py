"""A server in a process of its own, as ``rtengine run`` starts it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def server(*options: str, profile: str = "scripted", last: str = "stop") -> AsyncIterator[dict[str, str]]:
    """The addresses it prints, by name, up to the line ``last``."""
    command = ["-m", "rtengine_cli", "run", "--profile", profile, "--port", "0", *options]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        assert process.stdout is not None
        told: dict[str, str] = {}
        while last not in told:
            line = (await asyncio.wait_for(process.stdout.readline(), 90)).decode()
            assert line, "the server has ended"
            name, _, address = line.strip().partition("  ")
            told[name.strip()] = address.strip()
        yield told
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
