"""A wire between a client and a server that keeps what goes through it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from tests.conformance.tape import Tape
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

HOST = "127.0.0.1"
PASSED_ON = ("authorization", "openai-beta", "api-key", "openai-organization", "openai-project", "user-agent")
BETA = "openai-beta.realtime-v1"


class Relay:
    """Listens on a free port of this machine and hands every connection on to ``upstream`` (``ws://host:port``)."""

    def __init__(self, upstream: str) -> None:
        self._upstream = upstream
        self._server: Server | None = None
        self.tapes: list[Tape] = []

    @property
    def address(self) -> str:
        assert self._server is not None
        return f"{HOST}:{next(iter(self._server.sockets)).getsockname()[1]}"

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._carry, HOST, 0, select_subprotocol=_select, compression=None, max_size=None, ping_interval=None
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def _carry(self, client: ServerConnection) -> None:
        request = client.request
        assert request is not None
        headers = {name.lower(): value for name, value in request.headers.raw_items()}
        offered = [token.strip() for token in headers.get("sec-websocket-protocol", "").split(",") if token.strip()]
        beta = BETA in offered or "realtime=v1" in headers.get("openai-beta", "")
        tape = Tape(request.path, headers, "beta" if beta else "ga")
        self.tapes.append(tape)
        kept = {name: headers[name] for name in PASSED_ON if name in headers}
        protocols = [Subprotocol(token) for token in offered] or None
        async with connect(
            f"{self._upstream}{request.path}", additional_headers=kept, subprotocols=protocols,
            user_agent_header=None, compression=None, max_size=None, ping_interval=None, proxy=None,
        ) as server:  # fmt: skip
            assert server.subprotocol == client.subprotocol
            pumps = (_pump(client, server, tape.sent), _pump(server, client, tape.told))
            tasks = [asyncio.ensure_future(pump) for pump in pumps]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for source, target in ((client, server), (server, client)):
                if source.close_code is not None:
                    await target.close(_sendable(source.close_code), source.close_reason or "")
            await asyncio.gather(*tasks)


async def _pump(
    source: ServerConnection | ClientConnection, target: ServerConnection | ClientConnection, kept: list[dict[str, Any]]
) -> None:
    try:
        async for frame in source:
            kept.append(json.loads(frame))
            await target.send(frame)
    except ConnectionClosed:
        return


def _sendable(code: int) -> int:
    return 1000 if code in (1005, 1006, 1015) else code


def _select(connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """As the API does: ``realtime`` where it is offered."""
    return Subprotocol("realtime") if "realtime" in offered else None
