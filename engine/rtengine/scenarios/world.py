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
from rtengine.scenarios.cast import Cast
from rtengine.scenarios.rates import CountedRates
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


class World(Cast):
    """Jobs and timers wait until somebody says otherwise. Raises APIError for a setting that is no session."""

    def __init__(
        self, machines: Mapping[str, Definition], setting: Setting | None = None, taken: Taken | None = None
    ) -> None:
        super().__init__()
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
                    self.take_back(job_id)
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
        frame = framed(event, self.bound)
        try:
            self.receive(self.dialect.parse(frame))
        except APIError as error:
            self.receive(error)

    def audio(self, ms: int, edges: list[Any] | None = None, encoding: str = "pcm") -> None:
        self.activity.edges = [Edge(kind, at) for edge in edges or [] for kind, at in edge.items()]
        self.client(append(ms, encoding))

    # --- the models' part

    def give(self, job_id: str, result: jobs.Result) -> None:
        self.receive(JobResult(job_id, result))

    # --- fate

    def break_action(self, name: str) -> None:
        break_action(self.session, name)

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


def initial_session(intent: str, beta: bool) -> RealtimeSession | TranscriptionSession:
    """The session of a client that has asked for nothing yet."""
    if intent == "transcription":
        return TranscriptionSession(id="sess_1", expires_at=3600)
    session = RealtimeSession(id="sess_1", expires_at=3600, model="gpt-4o-realtime-preview" if beta else "m")
    return sampled_session(session, None) if beta else session


def framed(event: dict[str, Any] | str, bound: Mapping[str, Any]) -> str:
    """The event as it is sent. A text goes as it is, but for the names that stand for something."""
    frame = event if isinstance(event, str) else pydantic_core.to_json(event).decode()
    for name, value in sorted(bound.items(), key=lambda pair: -len(pair[0])):
        frame = frame.replace(f'"{name}"', pydantic_core.to_json(value).decode())
    return frame


def append(ms: int, encoding: str) -> dict[str, Any]:
    """The event that appends so much silence."""
    silence = bytes(2 * RATE * ms // 1000) if encoding == "pcm" else b"\xff" * (8 * ms)
    return {"type": "input_audio_buffer.append", "audio": base64.b64encode(silence).decode()}


def break_action(session: Session, name: str) -> None:
    """Let the next call of an action raise, as a defect in it would."""
    actions = session._host.actions
    whole = getattr(actions, name)

    def broken(*arguments: Any, **named: Any) -> None:
        setattr(actions, name, whole)
        raise RuntimeError(f"{name} is broken")

    setattr(actions, name, broken)
