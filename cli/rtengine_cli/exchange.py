"""What a client learns from the server's events: who said what, the spoken answer, and what is still to come."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pybase64

Event = dict[str, Any]


@dataclass
class Line:
    """One side's turn, as text."""

    who: str
    """``you`` or ``agent``."""
    text: str


@dataclass
class Exchange:
    """Fed with every server event and the time it came."""

    events: list[tuple[float, Event]] = field(default_factory=list)
    """Everything that came, audio payloads left out."""
    lines: list[Line] = field(default_factory=list)
    answer: bytearray = field(default_factory=bytearray)
    """Spoken output, PCM16."""
    statuses: list[str] = field(default_factory=list)
    """How each response ended."""
    errors: list[Event] = field(default_factory=list)
    session: Event = field(default_factory=dict)
    updates: int = 0
    """Times the session was updated."""
    starts: int = 0
    """Utterances whose beginning the server has found."""
    stops: int = 0
    """Utterances whose end the server has found."""
    live: int = 0
    """Responses under way."""
    owed: int = 0
    """Committed utterances that are not yet transcribed or answered."""
    said: str = ""
    """What the agent has said so far in the running response."""
    transcripts_owed: int = 0

    def receive(self, event: Event, at: float) -> list[Line]:
        """Take one event; returns the lines it completed."""
        kind = event.get("type", "")
        kept = {key: value for key, value in event.items() if key != "delta" or not kind.endswith("audio.delta")}
        self.events.append((at, kept))
        before = len(self.lines)
        handler = _HANDLERS.get(kind)
        if handler is not None:
            handler(self, event)
        return self.lines[before:]

    @property
    def settled(self) -> bool:
        """Nothing is under way: every utterance has been transcribed, and answered if it is going to be."""
        return not (self.live or self.owed or self.transcripts_owed or self.speaking)

    @property
    def speaking(self) -> bool:
        """The server hears an utterance that has not ended."""
        return self.starts > self.stops

    @property
    def only_transcribes(self) -> bool:
        return self.session.get("type") == "transcription"

    @property
    def transcribes(self) -> bool:
        return bool(self._input().get("transcription"))

    @property
    def detects_turns(self) -> bool:
        return self._input().get("turn_detection") is not None

    @property
    def answers_turns(self) -> bool:
        """Whether the server answers by itself at the end of a turn."""
        return bool((self._input().get("turn_detection") or {}).get("create_response"))

    def _input(self) -> Event:
        found: Event = (self.session.get("audio") or {}).get("input") or {}
        return found

    def _configured(self, event: Event) -> None:
        self.session = event["session"]
        self.updates += event["type"] == "session.updated"

    def _started(self, event: Event) -> None:
        self.starts += 1

    def _stopped(self, event: Event) -> None:
        self.stops += 1

    def _committed(self, event: Event) -> None:
        self.owed = 1 if self.answers_turns else 0
        self.transcripts_owed += self.transcribes

    def _transcribed(self, event: Event) -> None:
        self.transcripts_owed = max(0, self.transcripts_owed - 1)
        self.lines.append(Line("you", event["transcript"].strip()))

    def _not_transcribed(self, event: Event) -> None:
        self.transcripts_owed = max(0, self.transcripts_owed - 1)
        self.errors.append(event)

    def _created(self, event: Event) -> None:
        self.live += 1
        self.owed = 0
        self.said = ""

    def _text(self, event: Event) -> None:
        self.said += event["delta"]

    def _audio(self, event: Event) -> None:
        self.answer += pybase64.b64decode(event["delta"])

    def _done(self, event: Event) -> None:
        self.live = max(0, self.live - 1)
        self.statuses.append(event["response"]["status"])
        if self.said.strip():
            self.lines.append(Line("agent", self.said.strip()))
        self.said = ""

    def _error(self, event: Event) -> None:
        self.errors.append(event)


_HANDLERS = {
    "session.created": Exchange._configured,
    "session.updated": Exchange._configured,
    "input_audio_buffer.speech_started": Exchange._started,
    "input_audio_buffer.speech_stopped": Exchange._stopped,
    "input_audio_buffer.committed": Exchange._committed,
    "conversation.item.input_audio_transcription.completed": Exchange._transcribed,
    "conversation.item.input_audio_transcription.failed": Exchange._not_transcribed,
    "response.created": Exchange._created,
    "response.output_audio_transcript.delta": Exchange._text,
    "response.output_text.delta": Exchange._text,
    "response.output_audio.delta": Exchange._audio,
    "response.done": Exchange._done,
    "error": Exchange._error,
}
