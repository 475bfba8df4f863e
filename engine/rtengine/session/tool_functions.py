"""The functions about tools that expressions in machine files may call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rtengine.models.jobs import ToolDone
from rtengine.protocol.items import (
    AssistantMessage,
    FunctionCall,
    FunctionCallOutput,
    Item,
    McpApprovalRequest,
    McpCall,
    McpListTools,
    UserMessage,
)
from rtengine.protocol.response import ResponseCreateParams
from rtengine.protocol.session import RealtimeSession
from rtengine.protocol.tools import McpTool, Tool, ToolChoice
from rtengine.session.conversation import call_ids
from rtengine.session.data import SessionData
from rtengine.session.toolset import ToolProblem


class ToolFunctions:
    """Functions that look at the session."""

    _data: SessionData

    def call_kind(self, response_id: str, function: str) -> str:
        """What a call of the chat model becomes: `function_call`, `mcp_call` or `mcp_approval_request`."""
        offer = self._data.answers[response_id].offers.get(function)
        return offer.kind if offer else "function_call"

    def runs_here(self, item_id: str) -> bool:
        """Whether the server runs a function call of the default conversation itself."""
        return item_id in self._data.conversation and self._data.conversation.records[item_id].own

    def runs_call(self, call_id: str) -> bool:
        """The same for the call of that id."""
        own = [record.item for record in self._data.conversation.items() if record.own]
        return call_id in call_ids(own)

    def tool_seconds(self, item_id: str) -> float:
        """The time limit of a call."""
        item = self._data.conversation.records[item_id].item
        own = None
        if isinstance(item, FunctionCall):
            own = self._data.tools.seconds(item.name)
        elif isinstance(item, McpCall):
            own = self._data.tools.seconds(item.name, item.server_label)
        return self._data.limits.tool_seconds if own is None else own

    def list_seconds(self, server_label: str) -> float:
        """The time limit for the list of a server's tools."""
        own = self._data.tools.seconds("", server_label)
        return self._data.limits.tool_seconds if own is None else own

    def unlisted_server(self, response_id: str | None) -> McpTool | None:
        """An MCP server of the session, or of a response's own tools, that has not been asked for its tools."""
        return self._data.tools.unlisted(self._tools(response_id))

    def tools_given(self, server: McpTool | None) -> bool:
        """Whether the client has told itself which tools an MCP server has that nobody has asked."""
        return server is not None and server.server_label in self._data.tools.given

    def own_server(self, items: list[Any] | None) -> str | None:
        """The first MCP server of the profile that one of the items tells the tools of."""
        lists = [item for item in items or () if isinstance(item, McpListTools)]
        own = self._data.tools.catalog.servers
        return next((item.server_label for item in lists if item.server_label in own), None)

    def tools_listed(self, response_id: str) -> bool:
        """Whether the servers that the response itself names have said which tools they have."""
        return not self._data.tools.listing(self._tools(response_id))

    def tool_problem(self, tools: list[Tool] | None, where: str) -> ToolProblem | None:
        """Why a client cannot have these tools; null when it can."""
        return self._data.tools.problem(tools or (), where)

    def unknown_tool(self, choice: ToolChoice | None, tools: list[Tool] | None) -> str | None:
        """The function, the MCP server or its tool that is to be called and is not among the tools; null if it is.

        Null for a choice, or for tools, stands for the session's.
        """
        session = self._data.session
        if not isinstance(session, RealtimeSession):
            return None
        wanted = session.tool_choice if choice is None else choice
        return self._data.tools.unknown(wanted, session.tools if tools is None else tools)

    def with_own_tools(self, tools: list[Tool] | None) -> list[Tool]:
        """The profile's tools, which every session has, then the client's others."""
        return self._data.tools.with_own(tools or ())

    def asks_approval(self, item_id: str) -> bool:
        """Whether the client has still to answer this approval request."""
        return item_id in self._data.tools.approvals

    def standing(self, item_ids: list[str]) -> list[str]:
        """Those of the items that the client has not deleted."""
        return [item_id for item_id in item_ids if item_id in self._data.conversation]

    def recent(self, item_ids: list[str]) -> list[str]:
        """Those of the items that are in the conversation, and came after what the user said last."""
        since: list[str] = []
        for record in reversed(self._data.conversation.items()):
            if isinstance(record.item, UserMessage):
                break
            since.append(record.item.id or "")
        return [item_id for item_id in item_ids if item_id in since]

    def client_calls(self) -> list[str]:
        """Items of the calls made since the user last spoke that the client runs, and has given no output yet."""
        answered: set[str] = set()
        left: list[str] = []
        for record in reversed(self._data.conversation.items()):
            item = record.item
            if isinstance(item, UserMessage):
                break
            if isinstance(item, FunctionCallOutput):
                answered.add(item.call_id)
            elif isinstance(item, FunctionCall) and item.status == "completed" and item.call_id not in answered:
                left += [] if self.runs_here(item.id or "") else [item.id or ""]
        return left

    def newest_given(self) -> Item | None:
        """The newest item of the conversation that neither an answer nor a tool has brought."""
        brought = (AssistantMessage, FunctionCall, FunctionCallOutput, McpCall, McpApprovalRequest, McpListTools)
        items = [record.item for record in self._data.conversation.items()]
        return next((item for item in reversed(items) if not isinstance(item, brought)), None)

    def _tools(self, response_id: str | None) -> list[Tool]:
        session = self._data.session
        if response_id is None:
            return session.tools if isinstance(session, RealtimeSession) else []
        params = self._data.answers[response_id].params
        return (params.tools if params else None) or []

    def given_arguments(self, item_id: str) -> str:
        """The arguments of a call that has been written."""
        return self._data.conversation.records[item_id].text


# --- pure


def without_tools() -> ResponseCreateParams:
    """What an answer is asked for that has to do without tools."""
    return ResponseCreateParams(tool_choice="none")


def as_output(result: ToolDone) -> str:
    """What the chat model reads of a call: the output, or what went wrong."""
    return result.output if result.error is None else f"Error: {result.error}"


def timed_out(seconds: float) -> ToolDone:
    """The result of a call that took too long."""
    return ToolDone(error=f"The tool took longer than {seconds:g} s.")


def broken_off(message: str) -> ToolDone:
    """The result of a call that came to nothing, with the reason."""
    return ToolDone(error=message)


def without(values: list[str], value: str) -> list[str]:
    """The list without every entry that is the value."""
    return [entry for entry in values if entry != value]


PURE_OF_TOOLS: Mapping[str, Callable[..., Any]] = {
    "without_tools": without_tools,
    "as_output": as_output,
    "timed_out": timed_out,
    "broken_off": broken_off,
    "without": without,
}
