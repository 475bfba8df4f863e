"""What went over one connection, and what must be true of it whatever was said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.strict import check_beta, check_ga

Event = dict[str, Any]

BETA_NAMES = {
    "response.text.delta": "response.output_text.delta",
    "response.text.done": "response.output_text.done",
    "response.audio.delta": "response.output_audio.delta",
    "response.audio.done": "response.output_audio.done",
    "response.audio_transcript.delta": "response.output_audio_transcript.delta",
    "response.audio_transcript.done": "response.output_audio_transcript.done",
    "conversation.item.created": "conversation.item.added",
}
TEXTS = {
    "response.output_text": "text",
    "response.output_audio_transcript": "transcript",
    "response.function_call_arguments": "arguments",
}
"""Streams of text, and the key of the whole text in their last event."""


@dataclass
class Tape:
    """The frames of one connection, in the order in which a relay saw them."""

    path: str
    headers: dict[str, str]
    dialect: Literal["ga", "beta"]
    sent: list[Event] = field(default_factory=list)
    """By the client."""
    told: list[Event] = field(default_factory=list)
    """By the server."""

    def named(self, kind: str) -> list[Event]:
        """Events of the server, by their GA name."""
        return [event for event in self.told if name(event) == kind]

    def errors(self) -> list[Event]:
        return [event["error"] for event in self.named("error")]


def name(event: Event) -> str:
    kind: str = event["type"]
    return BETA_NAMES.get(kind, kind)


def check(tape: Tape, cut_off: bool = False) -> None:
    """Raises AssertionError, or pydantic's ValidationError, for whatever no server of this API may do.

    ``cut_off``: the client did not wait for the end of what it began.
    """
    for event in tape.told:
        (check_beta if tape.dialect == "beta" else check_ga)(event)
        no_nulls(event)
    first, *rest = tape.told
    assert first["type"].endswith("session.created")
    assert first["type"] not in [event["type"] for event in rest]
    unique(event["event_id"] for event in tape.told)
    check_items(tape, cut_off)
    ended = {event["response"]["id"] for event in tape.named("response.done")}
    for created in tape.named("response.created"):
        if not cut_off or created["response"]["id"] in ended:
            check_response(tape, created["response"]["id"])
    check_transcripts(tape)
    given = {event["event_id"] for event in tape.sent if event.get("event_id")}
    assert {error["event_id"] for error in tape.errors()} <= given | {None}


def unique(values: Iterable[Any]) -> None:
    twice = [value for value, times in Counter(values).items() if times > 1]
    assert not twice, f"more than once: {twice}"


def no_nulls(event: Event) -> None:
    """Clients whose schemas know optional keys but no null: items, parts and usage have none, but one."""
    for item in [event["item"]] if "item" in event else event.get("response", {}).get("output", []):
        nulls = {key for part in (item, *item.get("content", [])) for key, value in part.items() if value is None}
        assert nulls <= {"transcript"}, f"{event['type']}: {nulls} in {item}"
        for part in item.get("content", []):
            assert part["type"] != "input_audio" or "transcript" in part
    assert None not in event.get("part", {}).values()


# --- items ----------------------------------------------------------------------------------------------------------


def check_items(tape: Tape, cut_off: bool) -> None:
    """Every item is announced once, behind an item that is known, before anything else of it, and done once."""
    known: set[str] = set()
    outside = {
        event["item"]["id"]
        for event in tape.named("response.output_item.added")
        if response_of(tape, event["response_id"])["conversation_id"] is None
    }
    for event in tape.told:
        kind = name(event)
        if kind == "conversation.item.added":
            item = event["item"]
            assert event["previous_item_id"] is None or event["previous_item_id"] in known, event
            assert item["id"] not in known, f"announced twice: {item['id']}"
            assert item["type"] != "function_call" or (
                item["name"] and item["call_id"] and item["arguments"] is not None
            )
            known.add(item["id"])
        elif kind.startswith(
            ("response.content_part", "response.output_text", "response.output_audio", "response.func")
        ):
            assert event["item_id"] in known | outside, f"{kind} of an item not announced: {event['item_id']}"
        elif kind == "response.output_item.done":
            assert event["item"]["id"] in known | outside
    if tape.dialect == "ga":
        done = [event["item"]["id"] for event in tape.named("conversation.item.done")]
        unique(done)
        assert set(done) <= known if cut_off else set(done) == known, (
            f"added, not done, or not added: {set(done) ^ known}"
        )
    for event in tape.named("input_audio_buffer.committed"):
        assert event["item_id"] in known


# --- responses ------------------------------------------------------------------------------------------------------


def response_of(tape: Tape, response_id: str) -> Event:
    found: Event = next(e["response"] for e in tape.named("response.created") if e["response"]["id"] == response_id)
    return found


def check_response(tape: Tape, response_id: str) -> None:
    """From its one ``created`` to its one ``done``: everything opened is closed, and the deltas are the whole."""
    own = [event for event in tape.told if response_id == event.get("response_id", event.get("response", {}).get("id"))]
    kinds = [name(event) for event in own if not event["type"].startswith("output_audio_buffer.")]
    assert kinds[0] == "response.created" and kinds.count("response.created") == 1, kinds
    assert kinds[-1] == "response.done" and kinds.count("response.done") == 1, kinds
    begun, response = own[0]["response"], own[-1]["response"]
    assert (begun["status"], begun["output"], begun["usage"]) == ("in_progress", [], None)
    assert response["status"] != "in_progress" and response["usage"] is not None
    assert begun["metadata"] == response["metadata"]
    added = [event for event in own if event["type"] == "response.output_item.added"]
    done = [event["item"] for event in sorted(own, key=output_index) if event["type"] == "response.output_item.done"]
    assert [event["output_index"] for event in added] == list(range(len(added)))
    assert [event["item"]["id"] for event in added] == [item["id"] for item in done]
    assert done == response["output"]
    cut = {event["item_id"] for event in tape.named("conversation.item.truncated")}
    for item in done:
        check_output_item(own, item, response, item["id"] in cut)


def output_index(event: Event) -> int:
    return int(event.get("output_index", -1))


def check_output_item(own: list[Event], item: Event, response: Event, cut: bool) -> None:
    of_item = [event for event in own if event.get("item_id") == item["id"]]
    kinds = [name(event) for event in of_item]
    assert item["status"] == "completed" or response["status"] != "completed"
    parts = [kinds.count(f"response.content_part.{step}") for step in ("added", "done")]
    assert parts == ([0, 0] if item["type"] == "function_call" else [1, 1])
    for stream, key in TEXTS.items():
        said = "".join(event["delta"] for event in of_item if name(event) == f"{stream}.delta")
        ends = [event for event in of_item if name(event) == f"{stream}.done"]
        assert len(ends) <= 1
        if ends:
            assert said == ends[0][key]
            assert said.startswith(whole(item, key)) if cut else said == whole(item, key)
            last = max(at for at, kind in enumerate(kinds) if kind.startswith(stream))
            assert kinds[last] == f"{stream}.done"
        else:
            assert not said
    sounds = [at for at, kind in enumerate(kinds) if kind == "response.output_audio.delta"]
    if sounds:
        assert kinds.count("response.output_audio.done") == 1
        assert sounds[-1] < kinds.index("response.output_audio.done")


def whole(item: Event, key: str) -> str:
    text: str = item["arguments"] if key == "arguments" else item["content"][0][key]
    return text


# --- transcription --------------------------------------------------------------------------------------------------

_TRANSCRIPTION = "conversation.item.input_audio_transcription"


def check_transcripts(tape: Tape) -> None:
    spoken = [event["item_id"] for event in tape.named("input_audio_buffer.speech_started")]
    unique(spoken)
    for event in tape.named("input_audio_buffer.speech_stopped"):
        assert event["item_id"] in spoken
    for end in tape.named(f"{_TRANSCRIPTION}.completed"):
        deltas = [
            event["delta"] for event in tape.named(f"{_TRANSCRIPTION}.delta") if event["item_id"] == end["item_id"]
        ]
        assert "".join(deltas) == end["transcript"]
    unique(event["item_id"] for kind in ("completed", "failed") for event in tape.named(f"{_TRANSCRIPTION}.{kind}"))
