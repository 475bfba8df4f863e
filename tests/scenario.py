"""Runs scenario files: events in, events out, in virtual time. See `tests/scenarios/`.

A scenario is a list of steps. `client` sends an event. `audio` appends sound, with the changes in voice activity that it
holds. `result` is what a model produced for its latest job. `speak` lets the voice say every clause that waits: all of
them or `clauses`, each in `pieces` of sound (0: text that makes none). `fail` lets the latest job of a stage fail.
`break` makes the next call of an action raise. `advance` lets time pass. `jobs` names the stages at work, `request` must
be contained in what the latest job of its stage asks for. `expect` names the server events since the last `expect`, in
order and completely; each is a type, or a mapping that must be contained in the event (`$name` binds a value, and later
compares with it; `~` wants a key left out).
"""

from __future__ import annotations

import base64
import copy
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pydantic_core
from numpy.typing import NDArray
from ruamel.yaml import YAML
from tests.strict import check_beta, check_ga

from rtengine.audio.activity import Edge
from rtengine.chart.definition import Definition
from rtengine.models import jobs
from rtengine.models.abilities import Abilities
from rtengine.profile.settings import Limits
from rtengine.protocol.beta.dialect import Beta
from rtengine.protocol.dialect import GA, Dialect
from rtengine.protocol.errors import APIError
from rtengine.protocol.ids import Ids
from rtengine.protocol.server import SERVER_EVENTS
from rtengine.protocol.sampling import sampled_session
from rtengine.protocol.session import RealtimeSession, TranscriptionSession, apply_update
from rtengine.session.effects import (
    Cancel,
    ClearTimer,
    Close,
    Disconnected,
    Draining,
    Effect,
    JobResult,
    Send,
    SetTimer,
    Start,
    TimerFired,
)
from rtengine.session.session import Session

RESULTS = {
    "transcript": lambda value: jobs.TranscribeDone(value, seconds=1.0),
    "transcribed": lambda value: jobs.TranscribeDone(**value),
    "transcribe_delta": lambda value: jobs.TranscribeDelta(value),
    "text": lambda value: jobs.GenerateText(value),
    "call": lambda value: jobs.GenerateCall(**value),
    "arguments": lambda value: jobs.GenerateArguments(**value),
    "done": lambda value: jobs.GenerateDone(value, input_tokens=20, output_tokens=5),
    "counted": lambda value: jobs.GenerateDone(**value),
    "failed": lambda value: jobs.JobFailed(value),
}
STAGES = {"transcript": "transcribe", "transcribed": "transcribe", "transcribe_delta": "transcribe"}
MS_PER_CHARACTER = 50
RATE = 24000


class ToldActivity:
    """A voice activity detector that hears what the scenario says."""

    def __init__(self) -> None:
        self.edges: list[Edge] = []

    def configure(self, threshold: float, silence_ms: float) -> None:
        pass

    def feed(self, samples: NDArray[np.int16]) -> list[Edge]:
        edges, self.edges = self.edges, []
        return edges

    def reset(self) -> None:
        self.edges.clear()


class World:
    """One session, with the hands of its shell: jobs and timers wait until the scenario says otherwise."""

    def __init__(
        self,
        machines: Mapping[str, Definition],
        session: dict[str, Any] | None = None,
        intent: str = "realtime",
        limits: Limits | None = None,
        taken: Any = None,
        abilities: Abilities | None = None,
        dialect: str = "ga",
    ) -> None:
        ids = Ids(seed=7)
        self.beta = dialect == "beta"
        configured = apply_update(initial_session(intent, self.beta), {"type": intent, **(session or {})})
        self.activity = ToldActivity()
        self.now = 0.0
        self.sent: list[dict[str, Any]] = []
        self.everything: list[dict[str, Any]] = []
        self.jobs: dict[str, jobs.Job] = {}
        self.timers: dict[str, float] = {}
        self.closed: Close | None = None
        self.bound: dict[str, Any] = {}
        self.session = Session(configured, machines, lambda rate: self.activity, limits or Limits(), ids, abilities, taken)
        self.dialect: Dialect = Beta(self.session.conversation_id, Ids(seed=8)) if self.beta else GA()
        self.perform(self.session.start(self.now))

    # --- the shell's part

    def perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(event):
                    self.send(event)
                    self.everything.append(event)
                case Start(job):
                    self.jobs[job.id] = job
                case Cancel(job_id):
                    del self.jobs[job_id]
                case SetTimer(timer_id, at):
                    self.timers[timer_id] = at
                case ClearTimer(timer_id):
                    self.timers.pop(timer_id)
                case Close():
                    self.closed = effect

    def send(self, event: dict[str, Any]) -> None:
        before = copy.deepcopy(event)
        for told in self.dialect.told(event):
            (check_beta if self.beta else check_shape)(told)
            self.sent.append(told)
        assert event == before

    def receive(self, event: Any) -> None:
        self.perform(self.session.receive(event, self.now))

    def client(self, event: dict[str, Any] | str) -> None:
        frame = event if isinstance(event, str) else pydantic_core.to_json(event).decode()
        try:
            self.receive(self.dialect.parse(self.resolve_text(frame)))
        except APIError as error:
            self.receive(error)

    def audio(self, ms: int, edges: list[dict[str, int]] | None = None) -> None:
        self.activity.edges = [Edge(kind, at) for edge in edges or [] for kind, at in edge.items()]  # type: ignore[arg-type]
        pcm = bytes(2 * RATE * ms // 1000)
        self.client({"type": "input_audio_buffer.append", "audio": base64.b64encode(pcm).decode()})

    def job(self, stage: str) -> jobs.Job:
        found = [job for job in self.jobs.values() if job.request.stage == stage and not prefill(job)]
        assert found, f"no {stage} job runs; running: {[job.request.stage for job in self.jobs.values()]}"
        return found[-1]

    def result(self, **results: Any) -> None:
        for kind, value in results.items():
            stage = STAGES.get(kind, "generate")
            self.deliver(self.job(stage), RESULTS[kind](value))

    def deliver(self, job: jobs.Job, result: Any) -> None:
        if isinstance(result, jobs.FINAL):
            del self.jobs[job.id]
        self.receive(JobResult(job.id, result))

    def speak(self, clauses: int = 1000, pieces: int = 1, unfinished: bool = False) -> None:
        """The voice: 50 ms of sound a character, in one piece or more. ``unfinished``: the clause goes on after them."""
        for _ in range(clauses):
            waiting = [job for job in self.jobs.values() if job.request.stage == "speak"]
            if not waiting:
                return
            request = waiting[0].request
            assert isinstance(request, jobs.SpeakRequest)
            for audio in spoken(request, pieces):
                if waiting[0].id in self.jobs:
                    self.deliver(waiting[0], audio)
            if waiting[0].id in self.jobs and not unfinished:
                self.deliver(waiting[0], jobs.SpeakDone())

    def fail(self, stage: str, **failure: Any) -> None:
        self.deliver(self.job(stage), jobs.JobFailed(**failure))

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

    # --- the reader's part

    def expect(self, patterns: list[Any]) -> None:
        got = self.sent
        names = [event["type"] for event in got]
        wanted = [pattern if isinstance(pattern, str) else pattern["type"] for pattern in patterns]
        assert names == wanted, f"\nsent:     {names}\nexpected: {wanted}\nlast: {got[-1:]}"
        for event, pattern in zip(got, patterns, strict=True):
            if not isinstance(pattern, str):
                self.match(event, pattern, event["type"])
        self.sent = []

    def match(self, value: Any, pattern: Any, where: str) -> None:
        if isinstance(pattern, str) and pattern.startswith("$"):
            assert self.bound.setdefault(pattern, value) == value, f"{where}: {value!r} is not {pattern}"
        elif isinstance(pattern, Mapping):
            for key, inner in pattern.items():
                if inner == "~":
                    assert key not in value, f"{where}.{key}: {value[key]!r} should be left out"
                    continue
                assert isinstance(value, Mapping) and key in value, f"{where}.{key}: missing in {value!r}"
                self.match(value[key], inner, f"{where}.{key}")
        elif isinstance(pattern, list):
            assert isinstance(value, list) and len(value) == len(pattern), f"{where}: {value!r} is not {pattern!r}"
            for index, inner in enumerate(pattern):
                self.match(value[index], inner, f"{where}[{index}]")
        else:
            assert value == pattern, f"{where}: {value!r} is not {pattern!r}"

    def resolve_text(self, frame: str) -> str:
        for name, value in sorted(self.bound.items(), key=lambda pair: -len(pair[0])):
            frame = frame.replace(f'"{name}"', pydantic_core.to_json(value).decode())
        return frame

    def step(self, step: Mapping[str, Any]) -> None:
        ((verb, value),) = step.items()
        match verb:
            case "client":
                self.client(value)
            case "audio":
                self.audio(**value)
            case "result":
                self.result(**value)
            case "speak":
                self.speak(**(value or {}))
            case "fail":
                self.fail(**value)
            case "break":
                self.break_action(value)
            case "advance":
                self.advance(value)
            case "expect":
                self.expect(value)
            case "draining":
                self.receive(Draining())
            case "disconnected":
                self.receive(Disconnected())
            case "closed":
                assert self.closed is not None and self.closed.code == value, self.closed
            case "request":
                asked = asdict(self.job(value["stage"]).request)
                self.match(pydantic_core.to_jsonable_python(asked, bytes_mode="base64"), without(value, "stage"), "request")
            case "jobs":
                assert sorted(job.request.stage for job in self.jobs.values() if not prefill(job)) == sorted(value)
            case _:
                raise AssertionError(f"unknown step {verb!r}")


def spoken(request: jobs.SpeakRequest, pieces: int) -> list[jobs.SpeakAudio]:
    """The clause as the voice sends it: the first piece brings the words."""
    ms = MS_PER_CHARACTER * len(request.text) // max(pieces, 1) if pieces else 0
    sound = bytes(ms * request.rate // 1000 * (2 if request.encoding == "pcm" else 1))
    return [jobs.SpeakAudio(sound, float(ms), "" if at else request.text) for at in range(max(pieces, 1))]


def without(mapping: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in mapping.items() if name != key}


def initial_session(intent: str, beta: bool) -> RealtimeSession | TranscriptionSession:
    if intent == "transcription":
        return TranscriptionSession(id="sess_1", expires_at=3600)
    session = RealtimeSession(id="sess_1", expires_at=3600, model="gpt-4o-realtime-preview" if beta else "m")
    return sampled_session(session, None) if beta else session


def prefill(job: jobs.Job) -> bool:
    return isinstance(job.request, jobs.GenerateRequest) and job.request.prefill_only


def check_shape(event: dict[str, Any]) -> None:
    """Ours and the official client's own types must both take the event, and ours must give back just this event."""
    model = SERVER_EVENTS[event["type"]]
    assert model.model_validate(event).wire() == event
    check_ga(event)


def load(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe").load(path)
    return loaded


def run(path: Path, machines: Mapping[str, Definition], taken: Any = None) -> World:
    scenario = load(path)
    limits = Limits(**scenario.get("limits", {}))
    abilities = Abilities(**scenario.get("abilities", {}))
    world = World(machines, scenario.get("session"), scenario.get("intent", "realtime"), limits, taken, abilities)
    for number, step in enumerate(scenario["steps"], 1):
        try:
            world.step(step)
        except AssertionError as error:
            error.add_note(f"in step {number} of {path.name}: {dict(step)}")
            raise
    assert not world.sent, f"unexpected at the end: {[event['type'] for event in world.sent]}"
    return world
