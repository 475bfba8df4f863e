"""Conversations for a small chat model: plain text messages that fit its context."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from rtengine.models.jobs import ChatMessage
from rtengine.models.ports import ModelFailure

PlainMessage = dict[str, str]
"""``role`` and ``content``, both text."""

_MARKER = re.compile(r"<\|(\w+)\|>")
_BYTES_PER_TOKEN = 3.5
_TOKENS_PER_MESSAGE = 6


def plain(messages: Sequence[ChatMessage]) -> list[PlainMessage]:
    """The messages as text alone: function calls are left out, their results stay.

    Raises ``ModelFailure`` for images and other content that a text model cannot read.
    """
    found: list[PlainMessage] = []
    for message in messages:
        text = text_of(message.get("content"))
        role = message["role"]
        if text:
            found.append({"role": "system" if role == "developer" else role, "content": text})
    return found


def text_of(content: Any) -> str:
    """The text of a message's content, without the markers that a chat template puts between messages."""
    if content is None:
        return ""
    if isinstance(content, str):
        return _MARKER.sub(r"\1", content)
    parts = []
    for part in content:
        if "text" not in part:
            raise ModelFailure(
                f"The chat model reads text only, not '{part.get('type')}'.", "invalid_value", "invalid_request_error"
            )
        parts.append(part["text"])
    return _MARKER.sub(r"\1", "\n".join(parts))


def last_user_text(messages: Sequence[PlainMessage]) -> str:
    return next((message["content"] for message in reversed(messages) if message["role"] == "user"), "")


def estimate(messages: Sequence[PlainMessage]) -> int:
    """Tokens of the messages, rather too many than too few for English."""
    return sum(int(len(m["content"].encode()) / _BYTES_PER_TOKEN) + _TOKENS_PER_MESSAGE for m in messages)


def fit(messages: list[PlainMessage], tokens: float) -> list[PlainMessage]:
    """Leave out the oldest messages until the estimate fits. System messages and the last message always stay."""
    kept = list(messages)
    while estimate(kept) > tokens:
        oldest = next((i for i, message in enumerate(kept[:-1]) if message["role"] != "system"), None)
        if oldest is None:
            return kept
        del kept[oldest]
        # A result without the question that led to it would be read as the beginning of the conversation.
        while oldest < len(kept) - 1 and kept[oldest]["role"] == "tool":
            del kept[oldest]
    return kept
