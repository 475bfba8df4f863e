"""The MCP servers of a process: those of the profile, and those that its clients name."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from rtengine.models.jobs import JobFailed, McpAddress, ToolDone, ToolListDone, ToolRequest
from rtengine.models.ports import Cancel
from rtengine.tools.address import HostRule, rule_for
from rtengine.tools.loop import Cancelled, ToolLoop
from rtengine.tools.mcp import Connection, McpFailure, Remote
from rtengine.tools.python import BadArguments, parsed
from rtengine.tools.settings import CONCURRENT, MAX_RESULT_BYTES, McpRun, ToolSettings
from rtengine.tools.slots import Slots


class Servers:
    """``own`` are those of the profile, by label; ``rules`` say which others a client may name."""

    def __init__(self, own: Mapping[str, ToolSettings], rules: Sequence[HostRule], loop: ToolLoop) -> None:
        self._own = own
        self._rules = rules
        self._loop = loop
        self._slots: dict[str | Remote, Slots] = {name: Slots(tool.concurrent) for name, tool in own.items()}
        self._connections: dict[str | Remote, Connection] = {}

    def run(self, request: ToolRequest, server: McpAddress, cancel: Cancel) -> ToolDone | ToolListDone | JobFailed:
        """List the tools of a server, or call one. Raises ``Cancelled``."""
        key = self._key(server)
        if key is None:
            return JobFailed(f"The MCP server '{server.label}' is not allowed.", "mcp_not_allowed")
        try:
            if request.name is None:
                return ToolListDone(self._loop.run(lambda: self._list(key, server.label), cancel))
            return self._call(key, server.label, request.name, parsed(request.arguments), cancel)
        except BadArguments as error:
            return ToolDone(error=str(error))
        except McpFailure as failure:
            if request.name is None:
                return JobFailed(str(failure), str(failure.code))
            return ToolDone(error=str(failure), kind=failure.kind, code=failure.code)

    async def close(self) -> None:
        # together: each may take its time, and whoever closes waits for all of them
        await asyncio.gather(*(connection.close() for connection in self._connections.values()))

    def _key(self, server: McpAddress) -> str | Remote | None:
        """The label of one of the profile's, or what a client named; None when that is not allowed."""
        if server.url is None:
            return server.label if server.label in self._own else None
        rule = rule_for(server.url, self._rules)
        if rule is None:
            return None
        headers = server.headers
        if server.authorization:
            headers = (*headers, ("authorization", f"Bearer {server.authorization}"))
        return Remote(server.url, rule, headers)

    def _call(self, key: str | Remote, label: str, name: str, arguments: dict[str, Any], cancel: Cancel) -> ToolDone:
        limit = self._own[key].max_result_bytes if isinstance(key, str) else MAX_RESULT_BYTES
        slots = self._slots.setdefault(key, Slots(CONCURRENT))
        if not slots.take(cancel):
            raise Cancelled
        try:
            return self._loop.run(lambda: self._connection(key, label).call(name, arguments, limit), cancel)
        finally:
            slots.give_back()

    async def _list(self, key: str | Remote, label: str) -> tuple[dict[str, Any], ...]:
        return await self._connection(key, label).list_tools()

    def _connection(self, key: str | Remote, label: str) -> Connection:
        """Called on the loop. Connections that clients asked for and nobody uses any more are forgotten here."""
        for gone in [known for known, connection in self._connections.items() if not connection.open]:
            if isinstance(gone, Remote) and gone != key:
                del self._connections[gone]
                self._slots.pop(gone, None)
        if key not in self._connections:
            target: McpRun | Remote | None = self._own[key].run.mcp if isinstance(key, str) else key
            assert target is not None  # the profile's own servers are those with `mcp`
            self._connections[key] = Connection(target, label)
        return self._connections[key]
