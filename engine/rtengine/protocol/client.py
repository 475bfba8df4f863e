"""Client events."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import from_json

from rtengine.protocol.errors import APIError, api_error, unsupported_value
from rtengine.protocol.newitem import NewItem
from rtengine.protocol.response import ResponseCreateParams
from rtengine.protocol.validation import api_error_of, kind_of
from rtengine.protocol.wire import Index, Omit, WireModel

EVENT_ID_LENGTH = 512
EventId = Annotated[str, Field(max_length=EVENT_ID_LENGTH)]


class ClientEventFields(WireModel):
    type: str
    event_id: Omit[EventId] = None
    """Comes back as ``error.event_id``, and nowhere else."""


class SessionUpdate(ClientEventFields):
    type: Literal["session.update"] = "session.update"
    session: dict[str, Any]
    """The patch as it came: only keys that are there change anything (``session.apply_update``)."""


class InputAudioBufferAppend(ClientEventFields):
    type: Literal["input_audio_buffer.append"] = "input_audio_buffer.append"
    audio: str = Field(repr=False)
    """Base64 text (``codec.decode_audio``)."""


class InputAudioBufferCommit(ClientEventFields):
    type: Literal["input_audio_buffer.commit"] = "input_audio_buffer.commit"


class InputAudioBufferClear(ClientEventFields):
    type: Literal["input_audio_buffer.clear"] = "input_audio_buffer.clear"


class ConversationItemCreate(ClientEventFields):
    type: Literal["conversation.item.create"] = "conversation.item.create"
    previous_item_id: Omit[str] = None
    """None appends, ``root`` puts first, an id puts after that item."""
    item: NewItem


class ConversationItemRetrieve(ClientEventFields):
    type: Literal["conversation.item.retrieve"] = "conversation.item.retrieve"
    item_id: str


class ConversationItemTruncate(ClientEventFields):
    type: Literal["conversation.item.truncate"] = "conversation.item.truncate"
    item_id: str
    content_index: Index
    audio_end_ms: Index


class ConversationItemDelete(ClientEventFields):
    type: Literal["conversation.item.delete"] = "conversation.item.delete"
    item_id: str


class ResponseCreate(ClientEventFields):
    type: Literal["response.create"] = "response.create"
    response: Omit[ResponseCreateParams] = None


class ResponseCancel(ClientEventFields):
    type: Literal["response.cancel"] = "response.cancel"
    response_id: Omit[str] = None
    """None: the Response of the default conversation that runs."""


class OutputAudioBufferClear(ClientEventFields):
    """Of WebRTC and SIP, where the server holds the audio still to be played; refused over WebSocket."""

    type: Literal["output_audio_buffer.clear"] = "output_audio_buffer.clear"


ClientEvent = (
    SessionUpdate
    | InputAudioBufferAppend
    | InputAudioBufferCommit
    | InputAudioBufferClear
    | ConversationItemCreate
    | ConversationItemTruncate
    | ConversationItemDelete
    | ConversationItemRetrieve
    | ResponseCreate
    | ResponseCancel
    | OutputAudioBufferClear
)

CLIENT_EVENTS: dict[str, type[WireModel]] = {
    "session.update": SessionUpdate,
    "input_audio_buffer.append": InputAudioBufferAppend,
    "input_audio_buffer.commit": InputAudioBufferCommit,
    "input_audio_buffer.clear": InputAudioBufferClear,
    "conversation.item.create": ConversationItemCreate,
    "conversation.item.truncate": ConversationItemTruncate,
    "conversation.item.delete": ConversationItemDelete,
    "conversation.item.retrieve": ConversationItemRetrieve,
    "response.create": ResponseCreate,
    "response.cancel": ResponseCancel,
    "output_audio_buffer.clear": OutputAudioBufferClear,
}
"""By wire type, in the order in which the API lists them."""

_ADAPTER: TypeAdapter[ClientEvent] = TypeAdapter(Annotated[ClientEvent, Field(discriminator="type")])
_WITHOUT_WEBSOCKET = frozenset({"output_audio_buffer.clear"})


def parse_client_event(frame: bytes | str) -> ClientEvent:
    """The event in a text frame. Raises APIError, with the client's ``event_id`` where it can be read."""
    try:
        event = _ADAPTER.validate_json(frame)
    except ValueError as failure:
        raise _refusal(frame, failure) from None
    if type(event) is not InputAudioBufferAppend:
        _refuse_nan(frame, event)
    return event


def unsupported_event(type: str, event_id: str | None = None) -> APIError:
    """What an event gets that is not one of this API over WebSocket."""
    supported = [name for name in CLIENT_EVENTS if name not in _WITHOUT_WEBSOCKET]
    error = unsupported_value(type, supported, "type")
    error.event_id = event_id
    return error


def _refuse_nan(frame: bytes | str, event: ClientEvent) -> None:
    """Python's JSON has NaN and infinities, JSON has not: they would come back in an echo that no client can read."""
    data = _octets(frame)
    if b"NaN" not in data and b"Infinity" not in data:
        return
    try:
        from_json(data, allow_inf_nan=False)
    except ValueError:
        raise api_error("invalid_json", event_id=event.event_id) from None


def _refusal(frame: bytes | str, failure: ValueError) -> APIError:
    try:
        value = from_json(_octets(frame), allow_inf_nan=False)
    except ValueError:
        return api_error("invalid_json")
    if not isinstance(value, dict):
        return api_error("invalid_event", got=kind_of(value))
    given = value.get("event_id")
    event_id = given if isinstance(given, str) and len(given) <= EVENT_ID_LENGTH else None
    kind = value.get("type")
    if "type" not in value:
        return api_error("missing_type", event_id=event_id)
    if not isinstance(kind, str):
        return api_error("invalid_type", param="type", expected="a string", got=kind_of(kind), event_id=event_id)
    if kind not in CLIENT_EVENTS:
        return unsupported_event(kind, event_id)
    if not isinstance(failure, ValidationError):
        return api_error("invalid_json", event_id=event_id)
    error = api_error_of(failure, skip=1)  # the first step is the tag of the union: the event's type
    error.event_id = event_id
    return error


def _octets(frame: bytes | str) -> bytes:
    return frame.encode("utf-8", "surrogatepass") if isinstance(frame, str) else frame
