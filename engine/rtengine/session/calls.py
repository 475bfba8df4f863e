"""Calls of tools as the chat model reads them."""

from __future__ import annotations

from collections.abc import Iterable

from rtengine.models.jobs import ChatMessage
from rtengine.session.conversation import Record
from rtengine.session.toolset import plain_name

NO_RESULT = "[no result yet]"
"""Stands for the output of a call that has none: chat endpoints want one for every call."""
APPROVED = "[the user has agreed to this call]"


def mcp_messages(record: Record) -> list[ChatMessage]:
    """A call of an MCP server's tool, with its result; an approval request is a call, and its answer the result."""
    item = record.item
    if item.type == "mcp_call":
        result = f"Error: {item.error.message}" if item.error else item.output
        return [_call(item.id or "", record), _result(item.id or "", NO_RESULT if result is None else result)]
    if item.type == "mcp_approval_request":
        return [_call(item.id or "", record)]
    if item.type == "mcp_approval_response":
        if item.approve:
            return [_result(item.approval_request_id, APPROVED)]
        reason = f": {item.reason}" if item.reason else "."
        return [_result(item.approval_request_id, f"The user does not allow this call{reason}")]
    return []


def whole_calls(turns: Iterable[ChatMessage]) -> list[ChatMessage]:
    """Calls of one answer in one message, each followed by its output. Outputs whose call was left out are dropped."""
    turns = list(turns)
    outputs = {turn["tool_call_id"]: turn for turn in turns if turn["role"] == "tool"}
    joined: list[ChatMessage] = []
    for turn in turns:
        calls = turn.get("tool_calls")
        if calls and joined and joined[-1]["role"] == "assistant":
            joined[-1] = {**joined[-1], "tool_calls": [*joined[-1].get("tool_calls", []), *calls]}
        else:
            joined.append(turn)
    return [message for turn in joined for message in _answered(turn, outputs)]


def _answered(turn: ChatMessage, outputs: dict[str, ChatMessage]) -> list[ChatMessage]:
    if turn["role"] == "tool":
        return []
    ids = [call["id"] for call in turn.get("tool_calls", ())]
    return [turn, *(outputs.get(call_id) or _result(call_id, NO_RESULT) for call_id in ids)]


def _call(call_id: str, record: Record) -> ChatMessage:
    name = record.function or plain_name(getattr(record.item, "name", ""))
    call = {"id": call_id, "type": "function", "function": {"name": name, "arguments": record.text}}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def _result(call_id: str, text: str) -> ChatMessage:
    return {"role": "tool", "tool_call_id": call_id, "content": text}
