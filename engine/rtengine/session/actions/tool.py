"""Actions on the tools of MCP servers, and on the calls that the server runs."""

from __future__ import annotations

from typing import Any

from rtengine.chart.instance import Instance
from rtengine.models.jobs import ToolDone, ToolListDone
from rtengine.protocol.items import (
    FunctionCall,
    FunctionCallOutput,
    Item,
    McpCall,
    McpHttpError,
    McpListedTool,
    McpListTools,
    McpProtocolError,
    McpToolExecutionError,
)
from rtengine.protocol.tools import McpTool
from rtengine.session.conversation import Record
from rtengine.session.data import SessionData
from rtengine.session.outbox import Outbox
from rtengine.session.toolset import Listing, allowed


class ToolActions:
    def __init__(self, data: SessionData, outbox: Outbox) -> None:
        self._data = data
        self._outbox = outbox

    def note_listing(self, instance: Instance, server: McpTool) -> None:
        """A server is being asked for its tools."""
        self._data.tools.listings[server.server_label] = Listing(server)

    def keep_given_tools(self, instance: Instance, items: list[Any] | None) -> None:
        """Keep what the client tells of the tools of MCP servers, in items ``mcp_list_tools``."""
        for item in items or ():
            if isinstance(item, McpListTools):
                self._data.tools.know(item.server_label, item.tools)

    def use_given_tools(self, instance: Instance, server: McpTool) -> None:
        """Take what the client has told as the tools of a server: it is not asked."""
        given = self._data.tools.given.pop(server.server_label)
        self._data.tools.listings[server.server_label] = Listing(server, done=True, tools=given)

    def open_tool_list(self, instance: Instance, server: McpTool) -> Item:
        """Begin to list the tools of a server: an item of the conversation, which has none yet."""
        item = McpListTools(id=self._outbox.ids.new("item"), server_label=server.server_label, tools=[])
        self._data.tools.listings[server.server_label].item_id = item.id or ""
        self._data.conversation.add(Record(item))
        return item

    def keep_tool_list(self, instance: Instance, item_id: str, listed: ToolListDone) -> None:
        """What the model may call from now on, unless the server is listed anew already."""
        listing = next((each for each in self._data.tools.listings.values() if each.item_id == item_id), None)
        if listing is None:
            return
        listing.tools = [McpListedTool.model_validate(tool) for tool in listed.tools]
        listing.done = True
        record = self._data.conversation.records.get(item_id)
        if record is not None and isinstance(record.item, McpListTools):
            record.item.tools = [tool for tool in listing.tools if allowed(listing.server, tool)]

    def give_up_tool_list(self, instance: Instance, item_id: str) -> None:
        """The server's tools stay unknown."""
        for listing in self._data.tools.listings.values():
            if listing.item_id == item_id:
                listing.done = listing.failed = True

    def forget_failed_lists(self, instance: Instance) -> None:
        """Servers that did not tell their tools count as not asked."""
        self._data.tools.forget_failed()

    def ask_approval(self, instance: Instance, item_id: str) -> None:
        """The client has to answer this approval request."""
        self._data.tools.approvals.add(item_id)

    def settle_approval(self, instance: Instance, item_id: str) -> None:
        """The client need not answer this approval request any more."""
        self._data.tools.approvals.discard(item_id)

    def add_call_output(self, instance: Instance, item_id: str, output: str) -> Item:
        """Put the output of a function call into the conversation."""
        call = self._data.conversation.records[item_id].item
        assert isinstance(call, FunctionCall)
        item = FunctionCallOutput(
            id=self._outbox.ids.new("item"), status="completed", call_id=call.call_id or "", output=output
        )
        self._data.conversation.add(Record(item))
        return item

    def keep_call_result(self, instance: Instance, item_id: str, result: ToolDone) -> None:
        """Write what an MCP server answered into the call."""
        record = self._data.conversation.records.get(item_id)
        if record is None or not isinstance(record.item, McpCall):
            return
        if result.error is None:
            record.item.output = result.output
        elif result.kind == "tool_execution_error" or result.code is None:
            record.item.error = McpToolExecutionError(message=result.error)
        elif result.kind == "http_error":
            record.item.error = McpHttpError(code=result.code, message=result.error)
        else:
            record.item.error = McpProtocolError(code=result.code, message=result.error)
