"""One connection in the beta dialect."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from pydantic_core import from_json, to_json

from rtengine.protocol.beta.client import JSON, ga_item, ga_response, ga_session, ga_transcription_session
from rtengine.protocol.beta.errors import beta_error, beta_refusal
from rtengine.protocol.beta.fields import CLIENT_TYPES
from rtengine.protocol.beta.server import beta_event
from rtengine.protocol.client import (
    EVENT_ID_LENGTH,
    ClientEvent,
    InputAudioBufferAppend,
    ResponseCreate,
    parse_client_event,
)
from rtengine.protocol.errors import APIError, unsupported_value
from rtengine.protocol.ids import Ids
from rtengine.protocol.response import ResponseCreateParams
from rtengine.protocol.sampling import SampledResponseCreateParams

_APPEND = "input_audio_buffer.append"
_REFUSALS = 64
_HEAD = 256
"""Characters in which the type of an append is looked for, before all of it is read twice."""


class Beta:
    """Reads and writes the beta's events. A session that converses tells its conversation right after itself."""

    def __init__(self, conversation_id: str, ids: Ids | None = None) -> None:
        self._conversation_id = conversation_id
        self._ids = ids or Ids()
        self._refused: deque[str] = deque(maxlen=_REFUSALS)
        """Messages of what was refused here, with the names of the beta. The session answers with them."""

    def parse(self, frame: bytes | str) -> ClientEvent:
        """The event in a text frame, as the GA has it. Raises APIError with the names of the beta."""
        event = _append(frame)
        if event is not None:
            return event
        value = _object(frame)
        kind = value.get("type") if value is not None else None
        try:
            if value is None or not isinstance(kind, str):
                return parse_client_event(frame)  # which says what is wrong with it
            return _translated(value, kind, frame)
        except APIError as error:
            error.event_id = _event_id(value or {})
            self._refused.append(error.message)
            raise

    def told(self, event: dict[str, Any]) -> Sequence[dict[str, Any]]:
        """The beta's events for a server event: none, one, or two."""
        if event["type"] == "error":
            return (self._error(event),)
        told = beta_event(event)
        if told is None:
            return ()
        return (told, self._conversation()) if told["type"] == "session.created" else (told,)

    def _error(self, event: JSON) -> JSON:
        message = event["error"]["message"]
        if message in self._refused:
            self._refused.remove(message)
            return event
        return event | {"error": beta_error(event["error"])}

    def _conversation(self) -> JSON:
        conversation = {"id": self._conversation_id, "object": "realtime.conversation"}
        return {"type": "conversation.created", "event_id": self._ids.new("event"), "conversation": conversation}


def _translated(value: JSON, kind: str, frame: bytes | str) -> ClientEvent:
    if kind not in CLIENT_TYPES:
        raise unsupported_value(kind, CLIENT_TYPES, "type")
    if kind == "response.create":
        return _response_create(value)
    if kind == "conversation.item.create" and "item" in value:
        return _parse(value | {"item": ga_item(value["item"], "item")})
    session = value.get("session")
    if kind == "session.update" and isinstance(session, dict):
        return _parse(value | {"session": ga_session(session)})
    if kind == "transcription_session.update":
        patch = {"session": ga_transcription_session(session)} if isinstance(session, dict) else {}
        return _parse(value | patch | {"type": "session.update"})
    return parse_client_event(frame)


def _response_create(value: JSON) -> ClientEvent:
    """The GA event; its response has the temperature that the GA's has not."""
    asked = value.get("response")
    if not isinstance(asked, dict):
        return _parse(value)
    response = ga_response(asked)
    temperature = response.pop("temperature", None)
    event = _parse(value | {"response": response}, asked)
    if temperature is not None and isinstance(event, ResponseCreate):
        given = event.response or ResponseCreateParams()
        event.response = SampledResponseCreateParams.model_construct(**dict(given), temperature=temperature)
    return event


def _parse(value: JSON, asked: JSON | None = None) -> ClientEvent:
    """Parse the GA event. What is wrong with it was translated too."""
    try:
        return parse_client_event(to_json(value))
    except APIError as error:
        raise beta_refusal(error, asked) from None


def _append(frame: bytes | str) -> ClientEvent | None:
    """The event, if it is audio: the same in both dialects, and nearly all that comes."""
    if not isinstance(frame, str) or _APPEND not in frame[:_HEAD]:
        return None
    try:
        event = parse_client_event(frame)
    except APIError:
        return None
    return event if isinstance(event, InputAudioBufferAppend) else None


def _object(frame: bytes | str) -> JSON | None:
    """The frame as a JSON object, if it is one."""
    octets = frame.encode("utf-8", "surrogatepass") if isinstance(frame, str) else frame
    try:
        value = from_json(octets, allow_inf_nan=False)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _event_id(value: JSON) -> str | None:
    given = value.get("event_id")
    return given if isinstance(given, str) and len(given) <= EVENT_ID_LENGTH else None
