"""Items that a client creates: the same models, and what the API asks of a client beyond them."""

from __future__ import annotations

import re
from typing import Annotated, Any

import pybase64
from pydantic import AfterValidator, BeforeValidator, Discriminator, Tag
from pydantic_core import PydanticCustomError

from rtengine.protocol.errors import APIError, api_error, unsupported_value
from rtengine.protocol.items import (
    FunctionCall,
    FunctionCallOutput,
    Item,
    ItemReference,
    UserMessage,
)
from rtengine.protocol.parts import InputAudio, InputImage

ID_PATTERN = "^[a-zA-Z0-9_-]+$"
ID_LENGTH = 32
_ID = re.compile(r"[a-zA-Z0-9_-]+")
_IMAGE_PREFIXES = ("data:image/png;base64,", "data:image/jpeg;base64,", "data:image/jpg;base64,")


def _refused(error: APIError) -> PydanticCustomError:
    """The error as one of pydantic's, with a ``param`` that is relative to the item."""
    context: dict[str, Any] = {"api_error": error}
    return PydanticCustomError("api_error", "{api_error}", context)


def _check_id(value: str | None, param: str) -> None:
    if value is None:
        return
    if len(value) > ID_LENGTH:
        raise _refused(api_error("string_above_max_length", param=param, limit=ID_LENGTH, length=len(value)))
    if not _ID.fullmatch(value):
        raise _refused(api_error("invalid_pattern", param=param, pattern=ID_PATTERN))


def _check_user(item: UserMessage) -> None:
    for at, part in enumerate(item.content):
        if isinstance(part, InputAudio) and part.audio is None:
            raise _refused(api_error("missing_required_parameter", param=f"content[{at}].audio"))
        if isinstance(part, InputImage) and not _is_image(part.image_url):
            raise _refused(api_error("invalid_image", param=f"content[{at}].image_url"))


def _is_image(url: str) -> bool:
    """Whether it is a data URL of a PNG or JPEG. What is in the image, its reader finds out."""
    prefix = next((prefix for prefix in _IMAGE_PREFIXES if url.startswith(prefix)), None)
    if prefix is None:
        return False
    try:
        return pybase64.b64decode(url[len(prefix) :], validate=True) != b""
    except ValueError:
        return False


def _assistant_text(item: Any) -> Any:
    """Refuse what an assistant message of a client may not have, before the models take its audio for right.

    "Cannot currently create assistant audio messages" [the API on ``conversation.item.create``].
    """
    if isinstance(item, dict) and item.get("type") == "message" and item.get("role") == "assistant":
        content = item.get("content")
        for at, part in enumerate(content if isinstance(content, list) else ()):
            kind = part.get("type") if isinstance(part, dict) else None
            if isinstance(kind, str) and kind != "output_text":
                raise _refused(unsupported_value(kind, ["output_text"], f"content[{at}].type"))
    return item


def _creatable(item: Item) -> Item:
    _check_id(item.id, "id")
    if isinstance(item, FunctionCall | FunctionCallOutput):
        _check_id(item.call_id, "call_id")
    elif isinstance(item, UserMessage):
        _check_user(item)
    return item


NewItem = Annotated[Item, BeforeValidator(_assistant_text), AfterValidator(_creatable)]
"""The item of ``conversation.item.create``: complete, and with ids that the API allows."""


def _reference_or_item(value: Any) -> str:
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return "$item_reference" if kind == "item_reference" else "$item"


InputItem = Annotated[
    Annotated[NewItem, Tag("$item")] | Annotated[ItemReference, Tag("$item_reference")],
    Discriminator(_reference_or_item),
]
"""An item of ``response.create``'s ``input``."""
