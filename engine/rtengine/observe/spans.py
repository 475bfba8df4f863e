"""What a session does as spans of time: turns, transcriptions, responses, first outputs, tools.

A pure observer of what the session's rows send and start, and of what it is given. It may be wrong about a span; it can
never disturb one. Spans hold ids, codes, counts and times; what was said is not in them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from rtengine.models.jobs import (
    FINAL,
    GenerateCall,
    GenerateRequest,
    GenerateText,
    Job,
    JobFailed,
    Result,
    TranscribeDone,
    TranscribeRequest,
)
from rtengine.observe.timeline import TurnTiming
from rtengine.protocol.ids import Ids

Kind = Literal["session", "turn", "transcription", "response", "first_token", "first_audio", "first_text", "tool"]
Event = dict[str, Any]

CUT_OFF = "cut_off"
"""Status of what had not ended when its session did."""
_FIRST_OUTPUT: dict[str, Kind] = {
    "response.output_audio.delta": "first_audio",
    "response.output_text.delta": "first_text",
}


@dataclass(slots=True)
class Span:
    """``start`` and ``end`` are in seconds, on the clock of the session."""

    id: str
    kind: Kind
    start: float
    parent: str | None = None
    fields: dict[str, object] = field(default_factory=dict)
    """``status``, ids and counts."""
    end: float = 0.0

    @property
    def seconds(self) -> float:
        return max(self.end - self.start, 0.0)


@dataclass(slots=True)
class _Generation:
    """A job of the chat model, of which it is not yet known which response it is for."""

    start: float
    first: float | None = None
    over: bool = False


@dataclass(slots=True)
class _Answer:
    """A response under way."""

    span: Span
    token: bool = False
    """Its first token is known."""
    output: bool = False


class Spans:
    """Watches one session and tells each span as it ends. Every method takes the session's clock, in seconds."""

    def __init__(self, tell: Callable[[Span], None]) -> None:
        self._tell = tell
        self._ids = Ids()
        self._session: Span | None = None
        self._turn: Span | None = None
        """The one that is being heard."""
        self._asked: Span | None = None
        """The last one that was committed, until a response answers it."""
        self._transcriptions: dict[str, Span] = {}
        self._generations: dict[str, _Generation] = {}
        self._latest = ""
        """The generation that produced something last."""
        self._answers: dict[str, _Answer] = {}
        self._tools: dict[str, Span] = {}
        """By call id, or item id for tools of MCP servers."""

    # --- what the session tells

    def sent(self, event: Event, now: float, timing: TurnTiming | None = None) -> None:
        """A server event left. ``timing`` comes with the ``response.done`` of a spoken turn."""
        kind = event["type"]
        if kind in _FIRST_OUTPUT:
            self._output(event, now)
        elif kind == "response.done":
            self._done(event, now, timing)
        elif (watch := _WATCHED.get(kind)) is not None:
            watch(self, event, now)

    def started(self, job: Job, now: float) -> None:
        """A job was handed to the pipeline."""
        request = job.request
        if isinstance(request, TranscribeRequest):
            self._transcriptions[job.id] = self._open("transcription", now, self._turn)
        elif isinstance(request, GenerateRequest) and not (request.prefill_only or request.judge_only):
            self._generations[job.id] = _Generation(now)

    def result(self, job_id: str, result: Result, now: float) -> None:
        """A job produced something."""
        if (generation := self._generations.get(job_id)) is not None:
            if isinstance(result, GenerateText | GenerateCall) and generation.first is None:
                generation.first, self._latest = now, job_id
            if isinstance(result, FINAL):
                generation.over = True
                if generation.first is None:
                    del self._generations[job_id]
        elif job_id in self._transcriptions and isinstance(result, TranscribeDone | JobFailed):
            span = self._transcriptions.pop(job_id)
            if isinstance(result, TranscribeDone):
                self._close(span, now, status="completed", audio_seconds=round(result.seconds, 3))
            else:
                self._close(span, now, status="failed", code=result.code)

    def cancelled(self, job_id: str, now: float) -> None:
        """A job was taken back."""
        self._generations.pop(job_id, None)
        span = self._transcriptions.pop(job_id, None)
        if span is not None:
            self._close(span, now, status="cancelled")

    def end(self, now: float, **fields: object) -> None:
        """The session is over; ``fields`` are what is known of it then."""
        opened = [*self._transcriptions.values(), *self._tools.values()]
        opened += [answer.span for answer in self._answers.values()]
        if self._turn is not None:
            opened.append(self._turn)
        for span in opened:
            self._close(span, now, status=CUT_OFF)
        if self._session is not None:
            self._close(self._session, now, **fields)

    # --- turns

    def _created(self, event: Event, now: float) -> None:
        model = (event.get("session") or {}).get("model")
        self._session = Span(self._ids.new("span"), "session", now, None, {"model": model})

    def _speech_started(self, event: Event, now: float) -> None:
        self._turn = self._open("turn", now, self._session, item_id=event.get("item_id"))
        self._turn.fields["audio_start_ms"] = event.get("audio_start_ms")

    def _speech_stopped(self, event: Event, now: float) -> None:
        if self._turn is not None:
            self._turn.fields["audio_end_ms"] = event.get("audio_end_ms")

    def _committed(self, event: Event, now: float) -> None:
        turn, self._turn = self._turn or self._open("turn", now, self._session), None
        turn.fields["item_id"] = event["item_id"]
        ended_by = "speech_stopped" if "audio_end_ms" in turn.fields else "commit"
        for span in self._transcriptions.values():
            if span.parent is None and span.start == now:  # it may start a moment before the commit is told
                span.parent = turn.id
        self._asked = turn
        self._close(turn, now, status="committed", ended_by=ended_by)

    def _cleared(self, event: Event, now: float) -> None:
        turn, self._turn = self._turn, None
        if turn is not None:
            self._close(turn, now, status="cleared")

    # --- responses

    def _response_created(self, event: Event, now: float) -> None:
        response = event["response"]
        parent = self._session
        if response.get("conversation_id") is not None and self._asked is not None:
            parent, self._asked = self._asked, None
        span = self._open("response", now, parent, response_id=response["id"])
        self._answers[response["id"]] = _Answer(span)

    def _item_added(self, event: Event, now: float) -> None:
        item, answer = event["item"], self._answers.get(event["response_id"])
        if answer is None:
            return
        if item["type"] == "mcp_call":
            server = item["server_label"]
            self._tools[item["id"]] = self._tool(event["response_id"], now, name=item["name"], server_label=server)
        if not answer.token:
            answer.token = True
            self._first_token(answer.span)

    def _first_token(self, answer: Span) -> None:
        """The item comes of the job that spoke up last; with an answer begun early, of one before the response."""
        spoken = {key: each for key, each in self._generations.items() if each.first is not None}
        key = self._latest if self._latest in spoken else next(reversed(spoken), None)
        if key is None:
            return
        found = self._generations.pop(key)
        span = self._open("first_token", found.start, answer, response_id=answer.fields["response_id"])
        self._close(span, found.first or found.start)
        # Early answers that came to nothing and were over have no cancel that would tell of them.
        self._generations = {k: each for k, each in self._generations.items() if not each.over}

    def _output(self, event: Event, now: float) -> None:
        answer = self._answers.get(event["response_id"])
        if answer is not None and not answer.output:
            answer.output = True
            kind = _FIRST_OUTPUT[event["type"]]
            self._close(self._open(kind, answer.span.start, answer.span, response_id=event["response_id"]), now)

    def _done(self, event: Event, now: float, timing: TurnTiming | None) -> None:
        response = event["response"]
        answer = self._answers.pop(response["id"], None)
        if answer is None:
            return
        details = response.get("status_details") or {}
        output = [item["type"] for item in response.get("output") or ()]
        fields: dict[str, object] = {"status": response["status"], "output": output, "usage": response.get("usage")}
        if details.get("reason"):
            fields["reason"] = details["reason"]
        if details.get("error"):
            fields["code"] = details["error"].get("code")
        if timing is not None:
            told = timing.fields()
            fields["timing"] = {key: value for key, value in told.items() if key not in ("response_id", "status")}
        self._close(answer.span, now, **fields)

    # --- tools

    def _item_done(self, event: Event, now: float) -> None:
        """A call is complete: it runs, here or at the client, until its output is an item."""
        item = event["item"]
        if item["type"] == "function_call" and item.get("status") == "completed":
            self._tools[item["call_id"]] = self._tool(event["response_id"], now, name=item["name"])

    def _added(self, event: Event, now: float) -> None:
        item = event["item"]
        if item["type"] == "function_call_output":
            span = self._tools.pop(item["call_id"], None)
            if span is not None:
                self._close(span, now, status="completed")

    def _mcp_running(self, event: Event, now: float) -> None:
        span = self._tools.get(event["item_id"])
        if span is not None:
            span.start = now

    def _mcp_ended(self, event: Event, now: float) -> None:
        span = self._tools.pop(event["item_id"], None)
        if span is not None:
            self._close(span, now, status=event["type"].rpartition(".")[2])

    def _tool(self, response_id: str, now: float, **fields: object) -> Span:
        answer = self._answers.get(response_id)
        return self._open("tool", now, answer.span if answer else self._session, response_id=response_id, **fields)

    # --- within

    def _open(self, kind: Kind, now: float, parent: Span | None, **fields: object) -> Span:
        return Span(self._ids.new("span"), kind, now, parent.id if parent else None, fields)

    def _close(self, span: Span, now: float, **fields: object) -> None:
        span.end = now
        span.fields |= fields
        if span.parent is None and self._session is not None and span is not self._session:
            span.parent = self._session.id
        self._tell(span)


_WATCHED: dict[str, Callable[[Spans, Event, float], None]] = {
    "session.created": Spans._created,
    "input_audio_buffer.speech_started": Spans._speech_started,
    "input_audio_buffer.speech_stopped": Spans._speech_stopped,
    "input_audio_buffer.committed": Spans._committed,
    "input_audio_buffer.cleared": Spans._cleared,
    "conversation.item.added": Spans._added,
    "response.created": Spans._response_created,
    "response.output_item.added": Spans._item_added,
    "response.output_item.done": Spans._item_done,
    "response.mcp_call.in_progress": Spans._mcp_running,
    "response.mcp_call.completed": Spans._mcp_ended,
    "response.mcp_call.failed": Spans._mcp_ended,
}
