"""Client events in few words, and how they are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rtengine.protocol.client import parse_client_event
from rtengine.protocol.errors import APIError


def refused(event: Any) -> tuple[str | None, str, str | None]:
    frame = event if isinstance(event, bytes | str) else json.dumps(event)
    with pytest.raises(APIError) as caught:
        parse_client_event(frame)
    assert caught.value.type == "invalid_request_error"
    assert caught.value.close_code is None
    return caught.value.code, caught.value.message, caught.value.param


def create(**item: Any) -> dict[str, Any]:
    return {"type": "conversation.item.create", "item": item}


def user(*content: Any) -> dict[str, Any]:
    return create(type="message", role="user", content=list(content))


def respond(**response: Any) -> dict[str, Any]:
    return {"type": "response.create", "response": response}
