"""Server events about the tools of MCP servers."""

from __future__ import annotations

from typing import Literal

from rtengine.protocol.position import OutputItemFields, ServerEventFields
from rtengine.protocol.wire import Index


class McpListToolsInProgress(ServerEventFields):
    type: Literal["mcp_list_tools.in_progress"] = "mcp_list_tools.in_progress"
    item_id: str


class McpListToolsCompleted(ServerEventFields):
    type: Literal["mcp_list_tools.completed"] = "mcp_list_tools.completed"
    item_id: str


class McpListToolsFailed(ServerEventFields):
    type: Literal["mcp_list_tools.failed"] = "mcp_list_tools.failed"
    item_id: str


class McpCallFields(ServerEventFields):
    item_id: str
    output_index: Index


class ResponseMcpCallInProgress(McpCallFields):
    type: Literal["response.mcp_call.in_progress"] = "response.mcp_call.in_progress"


class ResponseMcpCallCompleted(McpCallFields):
    type: Literal["response.mcp_call.completed"] = "response.mcp_call.completed"


class ResponseMcpCallFailed(McpCallFields):
    type: Literal["response.mcp_call.failed"] = "response.mcp_call.failed"


class ResponseMcpCallArgumentsDelta(OutputItemFields):
    type: Literal["response.mcp_call_arguments.delta"] = "response.mcp_call_arguments.delta"
    delta: str
    obfuscation: str = ""
    """agents-js takes the event only with this key."""


class ResponseMcpCallArgumentsDone(OutputItemFields):
    type: Literal["response.mcp_call_arguments.done"] = "response.mcp_call_arguments.done"
    arguments: str
