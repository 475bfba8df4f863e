"""What the chat model is given: the conversation as chat completion messages."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rtengine.models.jobs import ChatMessage
from rtengine.protocol.session import RealtimeSession
from rtengine.protocol.tools import FunctionTool
from rtengine.session.conversation import Record
from rtengine.session.usage import estimated_tokens

UNHEARD = "[inaudible]"
"""Stands for speech that could not be transcribed, so that the model knows that something was said."""


@dataclass(frozen=True, slots=True)
class Room:
    """How many tokens the conversation may take after the instructions, and how many stay once it has taken more."""

    tokens: int
    retained: int


def room(session: RealtimeSession, instructions: str, limit: int) -> Room:
    """By the session's ``truncation`` and the profile's ``limits.context_tokens``."""
    tokens = limit - (size({"content": instructions}) if instructions else 0)
    truncation = session.truncation
    if isinstance(truncation, str):
        return Room(tokens, tokens)
    if truncation.token_limits is not None and truncation.token_limits.post_instructions is not None:
        tokens = min(tokens, truncation.token_limits.post_instructions)
    return Room(tokens, int(tokens * truncation.retention_ratio))


def tokens(records: Iterable[Record]) -> int:
    return sum(size(message) for record in records if (message := as_message(record)) is not None)


def newest(records: Sequence[Record], limit: int) -> list[Record]:
    """The newest records within ``limit`` tokens; the very last one in any case."""
    kept: list[Record] = []
    left = limit
    for record in reversed(records):
        left -= tokens([record])
        if left < 0 and kept:
            break
        kept.append(record)
    kept.reverse()
    return kept


def messages(instructions: str, records: Iterable[Record]) -> tuple[ChatMessage, ...]:
    """Instructions and items as the chat model reads them."""
    system: list[ChatMessage] = [{"role": "system", "content": instructions}] if instructions else []
    turns = [message for record in records if (message := as_message(record)) is not None]
    return tuple(system + whole_calls(turns))


def as_message(record: Record) -> ChatMessage | None:
    item = record.item
    if item.type == "message":
        if item.role == "assistant":
            return {"role": "assistant", "content": record.text} if record.text else None
        return {"role": item.role, "content": content(record)}
    if item.type == "function_call":
        call = {"id": item.call_id, "type": "function", "function": {"name": item.name, "arguments": record.text}}
        return {"role": "assistant", "content": None, "tool_calls": [call]}
    if item.type == "function_call_output":
        return {"role": "tool", "tool_call_id": item.call_id, "content": item.output}
    return None


def content(record: Record) -> str | list[dict[str, Any]]:
    """Text of a user or system message; a list of parts when it holds images."""
    parts: list[dict[str, Any]] = []
    for part in getattr(record.item, "content", []):
        if part.type == "input_text":
            parts.append({"type": "text", "text": part.text or ""})
        elif part.type == "input_audio":
            parts.append({"type": "text", "text": part.transcript or record.words or UNHEARD})
        elif part.type == "input_image":
            parts.append({"type": "image_url", "image_url": {"url": part.image_url, "detail": part.detail or "auto"}})
    if any(part["type"] == "image_url" for part in parts):
        return parts
    return "\n".join(part["text"] for part in parts)


def whole_calls(turns: list[ChatMessage]) -> list[ChatMessage]:
    """Join the calls of one answer into one message, and drop outputs whose call was left out."""
    joined: list[ChatMessage] = []
    known: set[str] = set()
    for message in turns:
        calls = message.get("tool_calls")
        if calls:
            known.update(call["id"] for call in calls)
            if joined and joined[-1]["role"] == "assistant":
                joined[-1] = {**joined[-1], "tool_calls": [*joined[-1].get("tool_calls", []), *calls]}
                continue
        elif message["role"] == "tool" and message["tool_call_id"] not in known:
            continue
        joined.append(message)
    return joined


def size(message: ChatMessage) -> int:
    """Estimated tokens of a message, its frame included."""
    body = message.get("content")
    text = body if isinstance(body, str) else ""
    if message.get("tool_calls"):
        text += json.dumps(message["tool_calls"])
    return estimated_tokens(text) + 4


def chat_tools(tools: Iterable[Any]) -> tuple[dict[str, Any], ...]:
    """Function tools in the shape of the chat completions API."""
    return tuple(
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description or "",
                "parameters": tool.parameters or {"type": "object", "properties": {}},
            },
        }
        for tool in tools
        if isinstance(tool, FunctionTool)
    )


def chat_tool_choice(choice: Any) -> str | dict[str, Any]:
    if isinstance(choice, str):
        return choice
    return {"type": "function", "function": {"name": choice.name}}
