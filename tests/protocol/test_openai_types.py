"""Our models against the types of the official `openai` package, in both directions."""

from __future__ import annotations

from typing import Annotated, Any, get_args, get_origin

import pytest
from openai.types.realtime import RealtimeClientEvent, RealtimeServerEvent
from pydantic import BaseModel, Field, TypeAdapter
from tests.protocol.payloads import CLIENT, SERVER

from rtengine.protocol.client import CLIENT_EVENTS, parse_client_event
from rtengine.protocol.server import SERVER_EVENTS

pytestmark = pytest.mark.unit

STRICT_SERVER: TypeAdapter[Any] = TypeAdapter(Annotated[RealtimeServerEvent, Field(discriminator="type")])
STRICT_CLIENT: TypeAdapter[Any] = TypeAdapter(Annotated[RealtimeClientEvent, Field(discriminator="type")])


def by_type(union: Any) -> dict[str, type[BaseModel]]:
    models = get_args(get_args(union)[0])
    return {get_args(model.model_fields["type"].annotation)[0]: model for model in models}


THEIR_SERVER = by_type(RealtimeServerEvent)
THEIR_CLIENT = by_type(RealtimeClientEvent)


def paths(annotation: Any, prefix: str = "") -> set[str]:
    """Every key an object of this type may have, dotted, through unions and lists; free-form objects end a path."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        found: set[str] = set()
        for name, field in annotation.model_fields.items():
            place = f"{prefix}.{name}" if prefix else name
            found |= {place} | paths(field.annotation, place)
        return found
    if get_origin(annotation) is dict:  # of any shape
        return set()
    return set().union(*(paths(member, prefix) for member in get_args(annotation)))


def without(found: set[str], *roots: str) -> set[str]:
    return {path for path in found if not any(path == root or path.startswith(f"{root}.") for root in roots)}


ONLY_OURS = {
    # The wire has it, the SDK's models ignore it.
    "response.output_text.delta": {"obfuscation"},
    "response.output_audio_transcript.delta": {"obfuscation"},
    "conversation.item.input_audio_transcription.delta": {"obfuscation"},
    "conversation.item.retrieved": {"item.content.format"},
    # The SDK reads these events with the model of the request, which lacks what the server fills in.
    "session.created": {"session.id", "session.object", "session.expires_at"},
    "session.updated": {"session.id", "session.object", "session.expires_at"},
}
"""Keys that only our models have."""
ONLY_THEIRS = {
    # Audio is never in these events, by the SDK's own description.
    "response.content_part.added": {"part.audio"},
    "response.content_part.done": {"part.audio"},
    # A prompt's variables are kept as given: a string or any content part.
    "session.created": {"session.prompt.variables"},
    "session.updated": {"session.prompt.variables"},
    # The patch of a session.update is checked by apply_update against the session, not by the event's model.
    "session.update": {"session"},
    "response.create": {"response.prompt.variables"},
}
"""Keys that only the SDK's models have. A root stands for everything below it."""


@pytest.mark.parametrize("name", sorted(THEIR_SERVER))
def test_every_field_of_a_server_event_is_a_field_of_the_other_side(name: str) -> None:
    ours, theirs = paths(SERVER_EVENTS[name]), paths(THEIR_SERVER[name])
    assert ours - theirs == ONLY_OURS.get(name, set())
    excepted = ONLY_THEIRS.get(name, set())
    assert without(theirs - ours, *excepted) == set()
    assert all(without(theirs, root) != theirs for root in excepted)


@pytest.mark.parametrize("name", sorted(THEIR_CLIENT))
def test_every_field_of_a_client_event_is_a_field_of_the_other_side(name: str) -> None:
    ours, theirs = paths(CLIENT_EVENTS[name]), paths(THEIR_CLIENT[name])
    assert ours - theirs == set()
    assert without(theirs - ours, *ONLY_THEIRS.get(name, set())) == set()


def test_the_names_of_the_events_are_those_of_the_sdk() -> None:
    assert set(SERVER_EVENTS) == set(THEIR_SERVER)
    assert set(CLIENT_EVENTS) == set(THEIR_CLIENT)
    assert (len(SERVER_EVENTS), len(CLIENT_EVENTS)) == (46, 11)


def test_every_event_has_an_example() -> None:
    assert {payload["type"] for payload in SERVER.values()} == set(SERVER_EVENTS)
    assert {payload["type"] for payload in CLIENT.values()} == set(CLIENT_EVENTS)


@pytest.mark.parametrize("name", sorted(SERVER))
def test_what_we_send_passes_the_strict_union_of_the_sdk_unchanged(name: str) -> None:
    payload = SERVER[name]
    sent = SERVER_EVENTS[payload["type"]].model_validate(payload).wire()
    read = STRICT_SERVER.validate_python(sent)
    assert isinstance(read, THEIR_SERVER[payload["type"]])
    assert read.model_dump(mode="json", exclude_unset=True) == sent


@pytest.mark.parametrize("name", sorted(SERVER))
def test_what_the_sdk_writes_is_read_by_our_model_unchanged(name: str) -> None:
    payload = SERVER[name]
    written = STRICT_SERVER.validate_python(payload).model_dump(mode="json", exclude_unset=True)
    assert SERVER_EVENTS[payload["type"]].model_validate(written).wire() == with_object(payload)


def with_object(value: Any) -> Any:
    """Captures lack ``object`` on some items; we send it on all."""
    if isinstance(value, dict):
        added = {"object": "realtime.item"} if value.get("type") in ("message", "function_call") else {}
        return added | {key: with_object(entry) for key, entry in value.items()}
    return [with_object(entry) for entry in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", sorted(set(CLIENT) - {"response.create.reference"}))
def test_a_client_event_of_the_sdk_is_understood_with_all_its_nulls(name: str) -> None:
    payload = CLIENT[name]
    event = STRICT_CLIENT.validate_python(payload)
    spare = parse_client_event(event.model_dump_json(exclude_unset=True))
    full = parse_client_event(event.model_dump_json())
    assert type(spare) is type(full) is CLIENT_EVENTS[payload["type"]]
    if payload["type"] != "session.update":  # its patch keeps nulls: there they mean something
        assert spare == full


@pytest.mark.parametrize("name", sorted(CLIENT))
def test_a_client_event_keeps_every_value(name: str) -> None:
    event = parse_client_event(repr_json(CLIENT[name]))
    sent = event.model_dump(mode="json", exclude_unset=True)
    audio = [part for part in CLIENT[name].get("item", {}).get("content", []) if "audio" in part]
    if audio:  # read, but never written again
        assert event.item.content[0].audio == audio[0]["audio"]  # type: ignore[union-attr]
        sent["item"]["content"][0]["audio"] = audio[0]["audio"]
    assert sent == CLIENT[name]


def repr_json(payload: dict[str, Any]) -> bytes:
    return TypeAdapter(dict[str, Any]).dump_json(payload)


def test_unions_are_followed_when_paths_are_collected() -> None:
    assert {"item.content.transcript", "item.call_id", "item.error.code"} <= paths(
        SERVER_EVENTS["conversation.item.done"]
    )
