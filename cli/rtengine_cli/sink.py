"""The least that a WebSocket server can do: take every message and drop it. What a session costs is told beside it."""

from __future__ import annotations

import asyncio
import sys

from websockets.asyncio.server import ServerConnection, serve


async def drop(connection: ServerConnection) -> None:
    async for _ in connection:
        pass


async def run(host: str) -> None:
    """Serve on a free port, which is printed once it can be reached."""
    async with serve(drop, host, 0, compression=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1]))
