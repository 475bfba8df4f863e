"""The time line of a spoken turn: from the end of the user's speech to the first sound of the answer.

A pure observer of what a session sends, starts and is given. It may be wrong about a turn; it can never disturb one.
Work done on speculation, before the speech was known to have ended, costs the listener nothing and counts as 0 ms.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rtengine.models.jobs import (
    FINAL,
    GenerateRequest,
    GenerateText,
    Job,
    Result,
    SpeakRequest,
    TranscribeDone,
    TranscribeRequest,
)

_CALLS = frozenset({"function_call", "mcp_call"})
_FIRST_OUTPUT = ("response.output_audio.delta", "response.output_text.delta")


@dataclass(frozen=True, slots=True)
class TurnTiming:
    """Milliseconds the listener waited, by stage. A stage that did not take part is None.

    Stages, up to ``voice_ms``, do not overlap: each is counted from the end of the one before, so their sum is at most
    ``first_audio_ms``.
    """

    response_id: str
    status: str
    """How the response ended: ``completed``, ``cancelled``, ``incomplete`` or ``failed``."""
    reference: str
    """Where time 0 is: ``speech_stopped``, or ``committed`` when the client ended the turn itself."""
    transcript_ms: float | None
    """Reference → transcript."""
    first_token_ms: float | None
    """Generation started (with the transcript at hand) → first text of the chat model."""
    first_clause_ms: float | None
    """First text → first clause handed to the voice."""
    voice_ms: float | None
    """Clause handed over → first audio delta sent."""
    first_audio_ms: float | None
    """Reference → first audio delta sent: what the user feels."""
    first_text_ms: float | None
    """Reference → first text delta sent, when the answer is text."""
    done_ms: float
    """Reference → response.done."""
    created_ms: float | None = None
    """Reference → response.created."""

    def fields(self) -> dict[str, object]:
        """For a structured log line: the values that are known, rounded to 0.1 ms."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {k: round(v, 1) if isinstance(v, float) else v for k, v in values.items() if v is not None}

    def line(self) -> str:
        """``turn resp_1 completed: stt 98 ms · first token 17 ms · … · first audio 236 ms after speech_stopped``."""
        stages = (
            ("stt", self.transcript_ms),
            ("first token", self.first_token_ms),
            ("first clause", self.first_clause_ms),
            ("voice", self.voice_ms),
            ("first audio", self.first_audio_ms),
            ("first text", self.first_text_ms),
        )
        told = [f"{name} {value:.0f} ms" for name, value in stages if value is not None]
        if self.first_audio_ms is None and self.first_text_ms is None:
            told.append(f"no output, done {self.done_ms:.0f} ms")
        return f"turn {self.response_id} {self.status}: {' · '.join(told)} after {self.reference}"


@dataclass(slots=True)
class _Marks:
    """Moments of one turn, on the session's clock."""

    reference: float | None = None
    kind: str = "speech_stopped"
    item_id: str | None = None
    response_id: str | None = None
    created: float | None = None
    transcript: float | None = None
    generating: float | None = None
    token: float | None = None
    clause: float | None = None
    audio: float | None = None
    text: float | None = None
    calls: bool = False
    """The response so far consists of calls: the answer comes with the next one."""

    def timing(self, response_id: str, status: str, now: float) -> TurnTiming:
        origin = self.reference if self.reference is not None else now
        reached = origin

        def since_reference(moment: float | None) -> float | None:
            return None if moment is None else max(moment - origin, 0.0) * 1e3

        def stage(moment: float | None, started: float | None = None) -> float | None:
            nonlocal reached
            if moment is None:
                return None
            took = max(moment - max(reached, started or reached), 0.0) * 1e3
            reached = max(reached, moment)
            return took

        return TurnTiming(
            response_id=response_id,
            status=status,
            reference=self.kind,
            transcript_ms=stage(self.transcript),
            first_token_ms=stage(self.token, self.generating),
            first_clause_ms=stage(self.clause),
            voice_ms=stage(self.audio),
            first_audio_ms=since_reference(self.audio),
            first_text_ms=since_reference(self.text),
            done_ms=(now - origin) * 1e3,
            created_ms=since_reference(self.created),
        )


@dataclass(slots=True)
class Timeline:
    """Watches one session. Every method takes the session's clock, in seconds."""

    _waiting: _Marks | None = None
    """The turn that is being heard, or has no response yet."""
    _answering: _Marks | None = None
    _jobs: dict[str, _Marks] = field(default_factory=dict)

    def sent(self, event: dict[str, Any], now: float) -> TurnTiming | None:
        """A server event left; the turn's timing when it was the ``response.done`` of a spoken turn."""
        watch = _WATCHED.get(event.get("type", ""))
        return watch(self, event, now) if watch else None

    def started(self, job: Job, now: float) -> None:
        """A job was handed to the pipeline."""
        request = job.request
        if isinstance(request, TranscribeRequest):
            if self._waiting is None:  # push-to-talk: the job may start a moment before the commit is told
                self._waiting = _Marks()
            self._waiting.transcript = None
            self._jobs[job.id] = self._waiting
            return
        marks = self._owner(request)
        if marks is None or marks.audio is not None or marks.text is not None:
            return
        if isinstance(request, GenerateRequest):
            if request.prefill_only or request.judge_only:
                return
            marks.generating, marks.token, marks.clause = now, None, None
            self._jobs[job.id] = marks
        elif marks.clause is None:
            marks.clause = now

    def result(self, job_id: str, result: Result, now: float) -> None:
        """A job produced something."""
        marks = self._jobs.get(job_id)
        if marks is None:
            return
        if isinstance(result, GenerateText) and marks.token is None:
            marks.token = now
        elif isinstance(result, TranscribeDone):
            marks.transcript = now
        if isinstance(result, FINAL):
            del self._jobs[job_id]

    def cancelled(self, job_id: str) -> None:
        """A job was taken back: what it would have produced never comes."""
        self._jobs.pop(job_id, None)

    def _owner(self, request: object) -> _Marks | None:
        """The turn a new job belongs to. No clause is spoken of a turn whose model has said nothing yet."""
        waiting = self._waiting
        if waiting is not None and (not isinstance(request, SpeakRequest) or waiting.token is not None):
            return waiting
        return self._answering

    def _speech_started(self, event: dict[str, Any], now: float) -> None:
        self._waiting = _Marks()

    def _speech_stopped(self, event: dict[str, Any], now: float) -> None:
        marks = self._waiting = self._waiting or _Marks()
        marks.reference, marks.kind, marks.item_id = now, "speech_stopped", event.get("item_id")

    def _committed(self, event: dict[str, Any], now: float) -> None:
        marks = self._waiting
        if marks is not None and marks.reference is not None and marks.item_id == event.get("item_id"):
            return  # speech_stopped has told it already
        if marks is None or marks.reference is not None:  # the turn before this one got no response
            earlier, marks = marks, _Marks()
            self._waiting = marks
            self._jobs = {job_id: marks if owner is earlier else owner for job_id, owner in self._jobs.items()}
        marks.reference, marks.kind, marks.item_id = now, "committed", event.get("item_id")

    def _created(self, event: dict[str, Any], now: float) -> None:
        marks = self._waiting
        if marks is None or marks.reference is None:
            marks = self._answering
            if marks is None or not marks.calls:
                return
        marks.calls, marks.response_id = False, _response(event).get("id")
        marks.created = now if marks.created is None else marks.created
        self._answering, self._waiting = marks, None

    def _output(self, event: dict[str, Any], now: float) -> None:
        marks = self._answering
        if marks is None or marks.response_id != event.get("response_id"):
            return
        if event["type"] == _FIRST_OUTPUT[0]:
            if marks.audio is None:
                marks.audio = now
        elif marks.text is None:
            marks.text = now

    def _done(self, event: dict[str, Any], now: float) -> TurnTiming | None:
        marks, response = self._answering, _response(event)
        if marks is None or marks.response_id != response.get("id"):
            return None
        output = [item.get("type") for item in response.get("output") or ()]
        if response.get("status") == "completed" and output and set(output) <= _CALLS:
            marks.calls = True
            return None
        self._answering = None
        return marks.timing(response.get("id", ""), response.get("status", ""), now)


def _response(event: dict[str, Any]) -> dict[str, Any]:
    response: dict[str, Any] = event.get("response") or {}
    return response


_Watch = Callable[[Timeline, dict[str, Any], float], TurnTiming | None]

_WATCHED: dict[str, _Watch] = {
    "input_audio_buffer.speech_started": Timeline._speech_started,
    "input_audio_buffer.speech_stopped": Timeline._speech_stopped,
    "input_audio_buffer.committed": Timeline._committed,
    "response.created": Timeline._created,
    "response.done": Timeline._done,
} | dict.fromkeys(_FIRST_OUTPUT, Timeline._output)
