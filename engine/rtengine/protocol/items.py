"""Conversation items.

``Item`` is what a conversation holds and events carry: no audio, no nulls but the transcript of ``input_audio``.
``RetrievedItem`` is the answer to ``conversation.item.retrieve``, with audio. ``newitem`` has what a client may create.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Tag

from rtengine.protocol.parts import (
    AssistantPart,
    InputAudio,
    OutputAudioPart,
    RetrievedAssistantPart,
    RetrievedInputAudio,
    RetrievedOutputAudio,
    RetrievedUserPart,
    SystemPart,
    UserPart,
)
from rtengine.protocol.wire import Boolean, Integer, ListOf, NullTolerantModel, Omit, one_of

ItemStatus = Literal["completed", "incomplete", "in_progress"]
"""The items of a cancelled Response are ``incomplete``: there is no status ``cancelled`` for items."""


class ItemFields(NullTolerantModel):
    """What every item has. ``id`` may be missing only until the conversation gives one."""

    id: Omit[str] = None
    object: Literal["realtime.item"] = "realtime.item"
    type: str


class SystemMessage(ItemFields):
    type: Literal["message"] = "message"
    status: Omit[ItemStatus] = None
    role: Literal["system"] = "system"
    content: ListOf[SystemPart]


class UserMessage(ItemFields):
    type: Literal["message"] = "message"
    status: Omit[ItemStatus] = None
    role: Literal["user"] = "user"
    content: ListOf[UserPart]


class AssistantMessage(ItemFields):
    type: Literal["message"] = "message"
    status: Omit[ItemStatus] = None
    role: Literal["assistant"] = "assistant"
    content: ListOf[AssistantPart]


class FunctionCall(ItemFields):
    type: Literal["function_call"] = "function_call"
    status: Omit[ItemStatus] = None
    name: str
    call_id: Omit[str] = None
    arguments: str
    """JSON text; empty while nothing has been generated, never null."""


class FunctionCallOutput(ItemFields):
    type: Literal["function_call_output"] = "function_call_output"
    status: Omit[ItemStatus] = None
    call_id: str
    output: str


class McpItemFields(NullTolerantModel):
    """The API's MCP items have no ``object``; a client that gives one means well."""

    id: Omit[str] = None
    object: Omit[Literal["realtime.item"]] = None
    type: str


class McpListedTool(NullTolerantModel):
    name: str
    description: Omit[str] = None
    input_schema: dict[str, Any]
    annotations: Omit[dict[str, Any]] = None


class McpListTools(McpItemFields):
    """The tools of an MCP server, once they are known."""

    type: Literal["mcp_list_tools"] = "mcp_list_tools"
    server_label: str
    tools: ListOf[McpListedTool]


class McpProtocolError(NullTolerantModel):
    type: Literal["protocol_error"] = "protocol_error"
    code: Integer
    message: str


class McpToolExecutionError(NullTolerantModel):
    type: Literal["tool_execution_error"] = "tool_execution_error"
    message: str


class McpHttpError(NullTolerantModel):
    type: Literal["http_error"] = "http_error"
    code: Integer
    message: str


McpError = Annotated[
    Annotated[McpProtocolError, Tag("$protocol_error")]
    | Annotated[McpToolExecutionError, Tag("$tool_execution_error")]
    | Annotated[McpHttpError, Tag("$http_error")],
    one_of("type", "protocol_error", "tool_execution_error", "http_error"),
]


class McpCall(McpItemFields):
    type: Literal["mcp_call"] = "mcp_call"
    server_label: str
    name: str
    arguments: str
    approval_request_id: Omit[str] = None
    output: Omit[str] = None
    error: Omit[McpError] = None


class McpApprovalRequest(McpItemFields):
    type: Literal["mcp_approval_request"] = "mcp_approval_request"
    server_label: str
    name: str
    arguments: str


class McpApprovalResponse(McpItemFields):
    type: Literal["mcp_approval_response"] = "mcp_approval_response"
    approval_request_id: str
    approve: Boolean
    reason: Omit[str] = None


class ItemReference(NullTolerantModel):
    """An item that appeared earlier in the session; only in ``response.create``'s ``input``."""

    type: Literal["item_reference"] = "item_reference"
    id: str


ITEM_TYPES = (
    "message",
    "function_call",
    "function_call_output",
    "mcp_list_tools",
    "mcp_call",
    "mcp_approval_request",
    "mcp_approval_response",
)
ROLES = ("system", "user", "assistant")

Message = Annotated[
    Annotated[SystemMessage, Tag("$system")]
    | Annotated[UserMessage, Tag("$user")]
    | Annotated[AssistantMessage, Tag("$assistant")],
    one_of("role", *ROLES),
]
Item = Annotated[
    Annotated[Message, Tag("$message")]
    | Annotated[FunctionCall, Tag("$function_call")]
    | Annotated[FunctionCallOutput, Tag("$function_call_output")]
    | Annotated[McpListTools, Tag("$mcp_list_tools")]
    | Annotated[McpCall, Tag("$mcp_call")]
    | Annotated[McpApprovalRequest, Tag("$mcp_approval_request")]
    | Annotated[McpApprovalResponse, Tag("$mcp_approval_response")],
    one_of("type", *ITEM_TYPES),
]


class RetrievedUserMessage(ItemFields):
    type: Literal["message"] = "message"
    status: Omit[ItemStatus] = None
    role: Literal["user"] = "user"
    content: ListOf[RetrievedUserPart]


class RetrievedAssistantMessage(ItemFields):
    type: Literal["message"] = "message"
    status: Omit[ItemStatus] = None
    role: Literal["assistant"] = "assistant"
    content: ListOf[RetrievedAssistantPart]


RetrievedItem = Annotated[
    Annotated[
        Annotated[
            Annotated[SystemMessage, Tag("$system")]
            | Annotated[RetrievedUserMessage, Tag("$user")]
            | Annotated[RetrievedAssistantMessage, Tag("$assistant")],
            one_of("role", *ROLES),
        ],
        Tag("$message"),
    ]
    | Annotated[FunctionCall, Tag("$function_call")]
    | Annotated[FunctionCallOutput, Tag("$function_call_output")]
    | Annotated[McpListTools, Tag("$mcp_list_tools")]
    | Annotated[McpCall, Tag("$mcp_call")]
    | Annotated[McpApprovalRequest, Tag("$mcp_approval_request")]
    | Annotated[McpApprovalResponse, Tag("$mcp_approval_response")],
    one_of("type", *ITEM_TYPES),
]


def retrieved(item: Item, audio: Mapping[int, str], encoding: str = "pcm16") -> RetrievedItem:
    """``item`` with its audio: base64 by content index, named ``pcm16``, ``g711_ulaw`` or ``g711_alaw``."""
    if isinstance(item, UserMessage):
        heard: list[RetrievedUserPart] = [
            RetrievedInputAudio(audio=audio.get(at), transcript=part.transcript, format=_named(encoding, at, audio))
            if isinstance(part, InputAudio)
            else part
            for at, part in enumerate(item.content)
        ]
        return RetrievedUserMessage(id=item.id, status=item.status, content=heard)
    if isinstance(item, AssistantMessage):
        said: list[RetrievedAssistantPart] = [
            RetrievedOutputAudio(audio=audio.get(at), transcript=part.transcript, format=_named(encoding, at, audio))
            if isinstance(part, OutputAudioPart)
            else part
            for at, part in enumerate(item.content)
        ]
        return RetrievedAssistantMessage(id=item.id, status=item.status, content=said)
    return item


def _named(encoding: str, at: int, audio: Mapping[int, str]) -> str | None:
    return encoding if at in audio else None
