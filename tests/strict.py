"""Server events against the types of the official `openai` package: nothing missing, and nothing beside them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from openai.types.beta.realtime import RealtimeServerEvent as BetaServerEvent
from openai.types.realtime import RealtimeServerEvent
from pydantic import BaseModel, Field, TypeAdapter

GA: TypeAdapter[Any] = TypeAdapter(Annotated[RealtimeServerEvent, Field(discriminator="type")])
BETA: TypeAdapter[Any] = TypeAdapter(Annotated[BetaServerEvent, Field(discriminator="type")])

# Keys that the wire has and the package's models do not.
_SESSION = {"session.id", "session.object", "session.expires_at"}
GA_BESIDES = {
    "session.created": _SESSION,
    "session.updated": _SESSION,
    "conversation.item.retrieved": {"item.content.format"},
}
_BETA_SESSION = {"session.object", "session.expires_at", "session.prompt", "session.include", "session.client_secret"}
_BETA_TRANSCRIPTION = _BETA_SESSION | {
    "session.id",
    "session.input_audio_noise_reduction",
    # What a client may write, the package does not read.
    "session.turn_detection.create_response",
    "session.turn_detection.interrupt_response",
    "session.turn_detection.eagerness",
}
BETA_BESIDES = {
    "session.created": _BETA_SESSION,
    "session.updated": _BETA_SESSION,
    "transcription_session.updated": _BETA_TRANSCRIPTION,
}
_SECRET = {"value": "ek_1", "expires_at": 1}


def check_ga(event: dict[str, Any]) -> None:
    """Raises AssertionError or ValidationError for an event that is not just as the package types it."""
    besides = set(extras(GA.validate_python(event))) - GA_BESIDES.get(event["type"], set())
    assert not besides, f"{event['type']}: {sorted(besides)}"


def check_beta(event: dict[str, Any]) -> None:
    """The same for the beta. Its types want a secret in every transcription session, which only REST gives."""
    if event["type"].startswith("transcription_session."):
        assert event["session"]["client_secret"] is None
        typed = {"type": "transcription_session.updated", "session": event["session"] | {"client_secret": _SECRET}}
        event = event | typed
    besides = set(extras(BETA.validate_python(event))) - BETA_BESIDES.get(event["type"], set())
    assert not besides, f"{event['type']}: {sorted(besides)}"


def extras(value: Any, place: str = "") -> Iterator[str]:
    """Places of keys that no field of the models has, indices left out."""
    if isinstance(value, BaseModel):
        for name in value.model_extra or ():
            yield f"{place}.{name}".lstrip(".")
        for name in type(value).model_fields:
            yield from extras(getattr(value, name), f"{place}.{name}".lstrip("."))
    elif isinstance(value, list):
        for entry in value:
            yield from extras(entry, place)
