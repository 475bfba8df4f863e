"""The tools of MCP servers, through the official client (extra `mcp`).

A server is connected when it is first needed. A connection that fails is dropped, and the next call makes a new one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from rtengine.errors import reason
from rtengine.models.jobs import ToolDone
from rtengine.tools.address import HostRule
from rtengine.tools.python import in_words
from rtengine.tools.settings import McpRun
from rtengine.tools.stderr import logged_stderr

if TYPE_CHECKING:
    from mcp import Client
    from mcp_types import CallToolResult, Tool

log = logging.getLogger(__name__)

FailureKind = Literal["protocol_error", "http_error"]

IDLE_SECONDS = 120.0
"""A connection that a client's session asked for is closed when nobody has used it for so long."""
CONNECT_SECONDS = 30
PAGES = 20
"""Of a list of tools: one that never ends is cut off."""
LABEL_SHOWN = 64
"""Characters of a label in the log: a client may have chosen it."""
CONNECTION_LOST = -32000
"""The code that MCP itself gives to a connection that is gone or never came about."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A server that a client named. It may be connected to at the addresses that ``rule`` allows."""

    url: str
    rule: HostRule
    headers: tuple[tuple[str, str], ...] = ()


class Connection:
    """One MCP server. All methods run on the loop of the tools."""

    def __init__(self, target: McpRun | Remote, label: str) -> None:
        """``label``: what the log calls it."""
        self._target = target
        self._label = label[:LABEL_SHOWN]
        self._client: asyncio.Future[Client] | None = None
        self._holder: asyncio.Task[None] | None = None
        self._leave = asyncio.Event()
        self._users = 0
        self._idle: asyncio.TimerHandle | None = None

    @property
    def open(self) -> bool:
        return self._holder is not None and not self._holder.done()

    async def list_tools(self) -> tuple[dict[str, Any], ...]:
        """The server's tools. Raises ``McpFailure``."""
        tools: list[Tool] = []
        try:
            async with self._use() as client:
                cursor: str | None = None
                for _ in range(PAGES):
                    page = await client.list_tools(cursor=cursor)
                    tools += page.tools
                    cursor = page.next_cursor
                    if cursor is None:
                        break
        except asyncio.CancelledError:
            log.warning("the MCP server '%s' had not told its tools when they were given up", self._label)
            raise
        return tuple(_listed(tool) for tool in tools)

    async def call(self, name: str, arguments: dict[str, Any], max_bytes: int) -> ToolDone:
        """The result of a tool. Raises ``McpFailure``."""
        async with self._use(calling=True) as client:
            result = await client.call_tool(name, arguments)
        text = _text(result)
        if len(text.encode()) > max_bytes:
            return ToolDone(error=f"The result is longer than {max_bytes} bytes.")
        return ToolDone(error=text or "The tool failed.") if result.is_error else ToolDone(text)

    async def close(self) -> None:
        holder = self._holder
        self._leave.set()
        if holder is not None:
            if self._client is not None and not self._client.done():
                holder.cancel()  # it is still connecting, and would not see that it may leave
            await asyncio.wait([holder], timeout=2)

    @contextlib.asynccontextmanager
    async def _use(self, calling: bool = False) -> AsyncIterator[Client]:
        if self._idle is not None:
            self._idle.cancel()
        self._users += 1
        try:
            try:
                client = await self._connected()
            except Exception as error:  # told by whoever tried to connect, once for all who waited
                raise failure_of(error) from error
            try:
                yield client
            except Exception as error:
                failure = failure_of(error)
                # An answer to a call may repeat its arguments.
                told = failure.detail if failure.lost or not calling else f"it answered with the error {failure.code}"
                log.warning("the MCP server '%s' failed: %s", self._label, told)
                if failure.lost:
                    self._leave.set()
                raise failure from error
        finally:
            self._users -= 1
            if not self._users and isinstance(self._target, Remote):
                self._idle = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._leave.set)

    async def _connected(self) -> Client:
        if self._client is None or self._leave.is_set():
            self._leave = asyncio.Event()
            self._client = asyncio.get_running_loop().create_future()
            self._holder = asyncio.create_task(self._hold(self._client, self._leave))
        return await asyncio.shield(self._client)

    async def _hold(self, ready: asyncio.Future[Client], leave: asyncio.Event) -> None:
        """Keeps the connection: the client has to be entered and left in one and the same task."""
        from mcp import Client

        try:
            async with contextlib.AsyncExitStack() as stack:
                transport = await _transport(self._target, stack, self._label)
                async with asyncio.timeout(CONNECT_SECONDS):
                    client = await stack.enter_async_context(Client(transport, cache=None))
                ready.set_result(client)
                await leave.wait()
        except Exception as error:
            detail = failure_of(error).detail
            if not ready.done():
                log.warning("the MCP server '%s' cannot be connected to: %s", self._label, detail)
                ready.set_exception(error)
                ready.exception()  # whoever waits for it sees it; when nobody does any more, nobody has to
            else:
                log.warning("the connection to the MCP server '%s' broke: %s", self._label, detail)
        finally:
            leave.set()


class McpFailure(Exception):
    """Why a server's tools cannot be listed or called, in the API's terms."""

    def __init__(self, message: str, kind: FailureKind, code: int, lost: bool, detail: str = "") -> None:
        super().__init__(message)
        self.detail = detail or message
        """For the log: with what a client need not know."""
        self.kind = kind
        self.code = code
        self.lost = lost
        """The connection is of no more use."""


def failure_of(error: BaseException) -> McpFailure:
    import httpx2
    from mcp import MCPError

    from rtengine.tools.address import AddressRefused

    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, McpFailure):
        return error
    if isinstance(error, MCPError):
        lost = error.code == CONNECTION_LOST
        return McpFailure(error.message, "protocol_error", error.code, lost, f"{error.message} (code {error.code})")
    if isinstance(error, httpx2.HTTPStatusError):
        status = error.response.status_code
        return McpFailure(f"The MCP server answered with status {status}.", "http_error", status, True)
    if isinstance(error, AddressRefused):
        return McpFailure(str(error), "protocol_error", CONNECTION_LOST, True)
    if isinstance(error, httpx2.HTTPError | OSError):
        detail = "it does not answer in time" if isinstance(error, TimeoutError) else reason(error, placed=False)
        return McpFailure("The MCP server cannot be reached.", "protocol_error", CONNECTION_LOST, True, detail)
    return McpFailure("The MCP server failed.", "protocol_error", CONNECTION_LOST, True, reason(error))


async def _transport(target: McpRun | Remote, stack: contextlib.AsyncExitStack, label: str) -> Any:
    import httpx2
    from mcp.client.stdio import StdioServerParameters, stdio_client
    from mcp.client.streamable_http import streamable_http_client

    from rtengine.tools.pinned import PinnedTransport

    if isinstance(target, Remote):
        http = httpx2.AsyncClient(
            headers=dict(target.headers), timeout=30, trust_env=False, transport=PinnedTransport(target.rule)
        )
        await stack.enter_async_context(http)
        return streamable_http_client(target.url, http_client=http)
    if target.command is not None:
        env = {name: value.get_secret_value() for name, value in target.env.items()}
        program, *arguments = target.command
        errors = await stack.enter_async_context(logged_stderr(label))
        return stdio_client(StdioServerParameters(command=program, args=arguments, env=env), errlog=errors)
    headers = {name: value.get_secret_value() for name, value in target.headers.items()}
    http = await stack.enter_async_context(httpx2.AsyncClient(headers=headers, timeout=httpx2.Timeout(30, read=600)))
    return streamable_http_client(target.server_url or "", http_client=http)


def _listed(tool: Tool) -> dict[str, Any]:
    known: dict[str, Any] = {"name": tool.name, "input_schema": tool.input_schema}
    if tool.description:
        known["description"] = tool.description
    if tool.annotations is not None:
        known["annotations"] = tool.annotations.model_dump(mode="json", by_alias=True, exclude_none=True)
    return known


def _text(result: CallToolResult) -> str:
    """What a chat model can read of a result."""
    parts = [_part(block) for block in result.content]
    if not parts and result.structured_content is not None:
        return in_words(result.structured_content)
    return "\n".join(parts)


def _part(block: Any) -> str:
    match block.type:
        case "text":
            return str(block.text)
        case "resource" if hasattr(block.resource, "text"):
            return str(block.resource.text)
        case "resource_link":
            return str(block.uri)
        case _:
            return f"[{getattr(block, 'mime_type', None) or block.type}]"
