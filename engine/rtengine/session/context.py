"""What the chat model is given: the conversation as chat completion messages."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rtengine.models.jobs import ChatMessage
from rtengine.protocol.session import RealtimeSession
from rtengine.protocol.tools import FunctionChoice, ToolChoice
from rtengine.session.calls import mcp_messages, whole_calls
from rtengine.session.conversation import Record
from rtengine.session.toolset import Offer
from rtengine.session.usage import estimated_tokens, image_tokens

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
    """Estimated tokens of records, their images included."""
    return sum(sum(map(size, as_messages(record))) + image_tokens(record) for record in records)


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
    return tuple(system + whole_calls(message for record in records for message in as_messages(record)))


def as_messages(record: Record) -> list[ChatMessage]:
    """None for an item that says nothing to the model; two for a call that holds its result."""
    if record.item.type.startswith("mcp_"):
        return mcp_messages(record)
    message = as_message(record)
    return [] if message is None else [message]


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
    heard = any(part.type == "input_audio" and part.transcript for part in getattr(record.item, "content", []))
    for part in getattr(record.item, "content", []):
        if part.type == "input_text":
            parts.append({"type": "text", "text": part.text or ""})
        elif part.type == "input_audio":
            words = part.transcript or ("" if heard else UNHEARD)
            heard = True  # the speech of an item is one, in however many parts it came
            if words:
                parts.append({"type": "text", "text": words})
        elif part.type == "input_image":
            parts.append({"type": "image_url", "image_url": {"url": part.image_url, "detail": part.detail or "auto"}})
    if any(part["type"] == "image_url" for part in parts):
        return parts
    return "\n".join(part["text"] for part in parts)


def size(message: ChatMessage) -> int:
    """Estimated tokens of a message's text, its frame included."""
    body = message.get("content") or ""
    text = body if isinstance(body, str) else "\n".join(part.get("text", "") for part in body)
    if message.get("tool_calls"):
        text += json.dumps(message["tool_calls"])
    return estimated_tokens(text) + 4


def chat_tools(offers: Mapping[str, Offer]) -> tuple[dict[str, Any], ...]:
    """Tools in the shape of the chat completions API."""
    return tuple(
        {
            "type": "function",
            "function": {
                "name": offer.function.name,
                "description": offer.function.description or "",
                "parameters": offer.function.parameters or {"type": "object", "properties": {}},
            },
        }
        for offer in offers.values()
    )


def chosen(choice: ToolChoice, offers: Mapping[str, Offer]) -> tuple[str | dict[str, Any], Mapping[str, Offer]]:
    """The tool choice as the chat completions API has it, and the tools that are left by it."""
    if isinstance(choice, str):
        return choice, offers
    if isinstance(choice, FunctionChoice):
        return {"type": "function", "function": {"name": choice.name}}, offers
    wanted = {
        name: offer
        for name, offer in offers.items()
        if offer.label == choice.server_label and choice.name in (None, offer.name)
    }
    # A server that has not told its tools cannot be made to be called.
    return ("required", wanted) if wanted else ("auto", offers)
