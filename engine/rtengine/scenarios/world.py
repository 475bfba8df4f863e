"""One session in virtual time: whoever holds it is the client, the models, the voice and the clock."""

from __future__ import annotations

import base64
import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pydantic_core
from numpy.typing import NDArray

from rtengine.audio.activity import Edge
from rtengine.chart.definition import Definition
from rtengine.models import jobs
from rtengine.models.abilities import Abilities
from rtengine.profile.settings import Limits
from rtengine.protocol.beta.dialect import Beta
from rtengine.protocol.dialect import GA, Dialect
from rtengine.protocol.errors import APIError
from rtengine.protocol.ids import Ids
from rtengine.protocol.sampling import sampled_session
from rtengine.protocol.session import RealtimeSession, TranscriptionSession, apply_update
from rtengine.protocol.session import Session as SessionObject
from rtengine.scenarios.pattern import Mismatch
from rtengine.scenarios.rates import CountedRates
from rtengine.scenarios.result import produced, stage_of
from rtengine.session.effects import (
    Cancel,
    ClearTimer,
    Close,
    Effect,
    JobResult,
    Send,
    SetTimer,
    Start,
    TimerFired,
)
from rtengine.session.host import Taken
from rtengine.session.session import Session
from rtengine.tools.catalog import Catalog

MS_PER_CHARACTER = 50
RATE = 24000


class ToldActivity:
    """A voice activity detector that hears what it is told."""

    def __init__(self) -> None:
        self.edges: list[Edge] = []
        self.silence_ms = 0.0

    def configure(self, threshold: float, silence_ms: float) -> None:
        self.silence_ms = silence_ms

    def feed(self, samples: NDArray[np.int16]) -> list[Edge]:
        edges, self.edges = self.edges, []
        return edges

    def reset(self) -> None:
        self.edges.clear()


@dataclass(frozen=True)
class Setting:
    """What a session starts with."""

    session: Mapping[str, Any] = field(default_factory=dict)
    """As in `session.update`."""
    intent: str = "realtime"
    dialect: str = "ga"
    limits: Limits = field(default_factory=Limits)
    abilities: Abilities | None = None
    tools: Catalog | None = None
    base: SessionObject | None = None
    """What ``session`` changes; by default what a client has that asked for nothing yet."""


class World:
    """Jobs and timers wait until somebody says otherwise. Raises APIError for a setting that is no session."""

    def __init__(
        self, machines: Mapping[str, Definition], setting: Setting | None = None, taken: Taken | None = None
    ) -> None:
        setting = setting or Setting()
        self.beta = setting.dialect == "beta"
        base = setting.base or initial_session(setting.intent, self.beta)
        configured = apply_update(base, {"type": setting.intent, **setting.session})
        self.activity = ToldActivity()
        self.now = 0.0
        self.sent: list[dict[str, Any]] = []
        """What the client has been told and nobody has looked at yet."""
        self.everything: list[dict[str, Any]] = []
        self.effects: list[Effect] = []
        self.jobs: dict[str, jobs.Job] = {}
        self.begun: set[str] = set()
        self.cancelled: jobs.Job | None = None
        self.timers: dict[str, float] = {}
        self.closed: Close | None = None
        self.bound: dict[str, Any] = {}
        """What the names in patterns stand for."""
        limits, ids = setting.limits, Ids(seed=7)
        rates = CountedRates(limits.per_key, lambda: self.now)

        def detector(rate: int) -> ToldActivity:
            return self.activity

        self.session = Session(
            configured, machines, detector, limits, ids, setting.abilities, taken, rates, setting.tools
        )
        self.dialect: Dialect = Beta(self.session.conversation_id, Ids(seed=8)) if self.beta else GA()
        self.perform(self.session.start(self.now))

    # --- the shell's part

    def perform(self, effects: list[Effect]) -> None:
        self.effects += effects
        for effect in effects:
            match effect:
                case Send(event):
                    self.send(event)
                    self.everything.append(event)
                case Start(job):
                    self.jobs[job.id] = job
                case Cancel(job_id):
                    self.cancelled = self.jobs.pop(job_id)
                case SetTimer(timer_id, at):
                    self.timers[timer_id] = at
                case ClearTimer(timer_id):
                    self.timers.pop(timer_id)
                case Close():
                    self.closed = effect

    def send(self, event: dict[str, Any]) -> None:
        self.sent += self.dialect.told(copy.deepcopy(event))

    def receive(self, event: Any) -> None:
        self.perform(self.session.receive(event, self.now))
        while self.session.behind:
            self.perform(self.session.go_on(self.now))

    # --- the client's part

    def client(self, event: dict[str, Any] | str) -> None:
        """A text goes as it is, but for the names that stand for something."""
        frame = event if isinstance(event, str) else pydantic_core.to_json(event).decode()
        for name, value in sorted(self.bound.items(), key=lambda pair: -len(pair[0])):
            frame = frame.replace(f'"{name}"', pydantic_core.to_json(value).decode())
        try:
            self.receive(self.dialect.parse(frame))
        except APIError as error:
            self.receive(error)

    def audio(self, ms: int, edges: list[Any] | None = None, encoding: str = "pcm") -> None:
        self.activity.edges = [Edge(kind, at) for edge in edges or [] for kind, at in edge.items()]
        silence = bytes(2 * RATE * ms // 1000) if encoding == "pcm" else b"\xff" * (8 * ms)
        self.client({"type": "input_audio_buffer.append", "audio": base64.b64encode(silence).decode()})

    # --- the models' part

    def running(self) -> list[jobs.Job]:
        """The jobs somebody waits for: reading a prompt ahead is none."""
        return [job for job in self.jobs.values() if not prefill(job)]

    def job(self, stage: str) -> jobs.Job:
        """The latest job of a stage. Raises Mismatch when there is none."""
        found = [job for job in self.running() if kind_of(job) == stage]
        if not found:
            kinds = ", ".join(kind_of(job) for job in self.running()) or "none"
            raise Mismatch(f"no {stage} job runs", hint=f"running: {kinds}")
        return found[-1]

    def result(self, **results: Any) -> None:
        for kind, value in results.items():
            self.deliver(self.job(stage_of(kind)), produced(kind, value))

    def deliver(self, job: jobs.Job, result: Any) -> None:
        if isinstance(result, jobs.FINAL):
            del self.jobs[job.id]
        self.receive(JobResult(job.id, result))

    def late(self, **results: Any) -> None:
        """The job that was cancelled last has produced something all the same."""
        if self.cancelled is None:
            raise Mismatch("no job was cancelled")
        for kind, value in results.items():
            self.receive(JobResult(self.cancelled.id, produced(kind, value)))

    def tool(self, name: str | None = None, listed: list[dict[str, Any]] | None = None, **result: Any) -> None:
        """The latest job that runs a tool of that name, or lists tools, has its result."""
        found = [job for job in self.jobs.values() if getattr(job.request, "name", "") == name]
        if not found:
            raise Mismatch(f"the tool {name} does not run")
        self.deliver(found[-1], jobs.ToolDone(**result) if listed is None else jobs.ToolListDone(tuple(listed)))

    def fail(self, stage: str, **failure: Any) -> None:
        self.deliver(self.job(stage), jobs.JobFailed(**failure))

    def speak(self, clauses: int = 1000, pieces: int = 1, unfinished: bool = False) -> None:
        """The voice: 50 ms of sound a character, in ``pieces``. ``unfinished``: the clause goes on after them."""
        for _ in range(clauses):
            waiting = next((job for job in self.jobs.values() if job.request.stage == "speak"), None)
            if waiting is None:
                return
            assert isinstance(waiting.request, jobs.SpeakRequest)
            fresh = waiting.id not in self.begun
            self.begun.add(waiting.id)
            for audio in spoken(waiting.request, pieces, fresh):
                if waiting.id in self.jobs:
                    self.deliver(waiting, audio)
            if waiting.id in self.jobs and not unfinished:
                self.deliver(waiting, jobs.SpeakDone())

    # --- fate

    def break_action(self, name: str) -> None:
        """Let the next call of an action raise, as a defect in it would."""
        actions = self.session._host.actions
        whole = getattr(actions, name)

        def broken(*arguments: Any, **named: Any) -> None:
            setattr(actions, name, whole)
            raise RuntimeError(f"{name} is broken")

        setattr(actions, name, broken)

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while self.timers:
            timer_id, at = min(self.timers.items(), key=lambda item: item[1])
            if at > end:
                break
            del self.timers[timer_id]
            self.now = at
            self.receive(TimerFired(timer_id))
        self.now = end


def spoken(request: jobs.SpeakRequest, pieces: int, fresh: bool) -> list[jobs.SpeakAudio]:
    """The clause as the voice sends it: its first piece brings the words, and without a piece there are only words."""
    if pieces == 0:
        return [jobs.SpeakAudio(b"", 0.0, request.text)] if fresh else []
    ms = MS_PER_CHARACTER * len(request.text) // pieces
    sound = bytes(ms * request.rate // 1000 * (2 if request.encoding == "pcm" else 1))
    return [jobs.SpeakAudio(sound, float(ms), request.text if fresh and not at else "") for at in range(pieces)]


def initial_session(intent: str, beta: bool) -> RealtimeSession | TranscriptionSession:
    """The session of a client that has asked for nothing yet."""
    if intent == "transcription":
        return TranscriptionSession(id="sess_1", expires_at=3600)
    session = RealtimeSession(id="sess_1", expires_at=3600, model="gpt-4o-realtime-preview" if beta else "m")
    return sampled_session(session, None) if beta else session


def kind_of(job: jobs.Job) -> str:
    """The stage of a job; `judge` for a judgement, which the chat model makes."""
    return "judge" if getattr(job.request, "judge_only", False) else job.request.stage


def prefill(job: jobs.Job) -> bool:
    return isinstance(job.request, jobs.GenerateRequest) and job.request.prefill_only
