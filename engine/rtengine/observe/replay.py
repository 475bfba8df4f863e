"""Replay: a journal is fed to the machines again, and what comes out is compared to the byte."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rtengine.audio.activity import Edge
from rtengine.chart.coverage import describe
from rtengine.chart.load import Machines
from rtengine.errors import RtengineError
from rtengine.models import registry
from rtengine.models.abilities import Abilities
from rtengine.observe.entry import Entry, read_input
from rtengine.observe.journal import TOOLS, step_lines
from rtengine.observe.recording import Line, Recorded, Recording
from rtengine.observe.watch import Given, Portion, Setup, Started, Step, WatchedSession
from rtengine.profile.settings import Limits
from rtengine.protocol.codec import encode
from rtengine.protocol.formats import allowed_rates
from rtengine.protocol.sampling import SampledSession
from rtengine.protocol.server import RateLimit
from rtengine.protocol.session import RealtimeSession, TranscriptionSession
from rtengine.protocol.session import Session as SessionObject
from rtengine.session.input_audio import DetectorFactory
from rtengine.session.rates import RateName


@dataclass(frozen=True, slots=True)
class Made:
    """Something that came out, and the row that made it."""

    text: str
    """As it stands in a journal."""
    row: str
    """``file:line`` and what it says; empty for what no row makes."""
    line: int = 0
    """In the journal; 0 for what the replay made."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Where what came out is for the first time not what had come out. None: nothing more came."""

    given: Line
    """The input that led to it."""
    recorded: Made | None
    replayed: Made | None


def recorded_detector(recording: Recording) -> DetectorFactory | None:
    """The detector that listened; None when the sound was not kept. Raises ModelError where it is not installed."""
    if not recording.audio:
        return None
    told = recording.head["vad"]
    settings = registry.adapter_settings("vad", told["adapter"]).model_validate(told["settings"])
    factory: DetectorFactory = registry.load("vad", told["adapter"], settings, lambda step: None)
    return factory


def replay(recording: Recording, machines: Machines, detector: DetectorFactory | None = None) -> Difference | None:
    """Feed a journal to the machines; the first difference, or None when there is none.

    With a ``detector`` the sound is listened to again, which must have been kept; without one, voice activity is what
    it was. Raises RtengineError for a journal that this version cannot feed.
    """
    witness = Witness()
    surroundings = Surroundings()
    heard = detector or surroundings.detector
    session = WatchedSession(_setup(recording, machines), heard, surroundings, [witness])
    for number, recorded in enumerate(recording.steps):
        surroundings.tell(recorded.told)
        given, at = read_input(recorded.given.entry), recorded.given.entry["at"]
        try:
            _feed(session, given, at)
        except Exception as fault:
            if witness.step.fault is not fault:
                raise
        cut = not recording.complete and number == len(recording.steps) - 1
        difference = _compare(recorded, list(_replayed(witness.step, recording.audio)), cut)
        if difference is not None:
            return difference
    return None


def _feed(session: WatchedSession, given: Given, at: float) -> None:
    if isinstance(given, Started):
        session.start(at)
    elif isinstance(given, Portion):
        session.go_on(at)
    else:
        session.receive(given, at)


def _compare(recorded: Recorded, replayed: Sequence[Made], cut: bool) -> Difference | None:
    before = list(_recorded(recorded))
    for old, new in zip(before, replayed, strict=False):
        if old.text != new.text:
            return Difference(recorded.given, old, new)
    if len(before) > len(replayed):
        return Difference(recorded.given, before[len(replayed)], None)
    if len(before) < len(replayed) and not cut:
        return Difference(recorded.given, None, replayed[len(before)])
    return None


def _recorded(step: Recorded) -> Iterator[Made]:
    row = ""
    for line in step.lines:
        if "row" in line.entry:
            row = "{row}  {machine}: {event}, {from} → {to}".format_map(line.entry)
        else:
            yield Made(line.text, row if "out" in line.entry else "", line.number)


def _replayed(step: Step, digest: bool) -> Iterator[Made]:
    rows = iter([(taken, taken.effects) for taken in step.taken])
    taken, until = next(rows, (None, 0))
    outs = 0
    for entry in step_lines(step, digest):
        if "row" in entry:
            continue
        if "out" not in entry:
            yield Made(encode(entry), "")
            continue
        while taken is not None and outs >= until:
            following = next(rows, None)
            if following is None:
                break  # what comes with the end of a session belongs to its last row
            taken, until = following
        outs += 1
        yield Made(encode(entry), f"{taken.plan.where}  {describe(taken.plan.row)}" if taken else "")


# --- a session from a journal ---------------------------------------------------------------------------------------


def _setup(recording: Recording, machines: Machines) -> Setup:
    head = recording.head
    try:
        able = dict(head["abilities"])
        if able["languages"] is not None:
            able["languages"] = frozenset(able["languages"])
        return Setup(
            session=_configured(head["session"]),
            machines=machines,
            limits=Limits.model_validate(head["limits"]),
            abilities=Abilities(**able),
            tools=TOOLS.validate_python(head["tools"]),
            seed=head["seed"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise RtengineError(f"{str(recording.path)!r} does not fit this version: {error}") from error


def _configured(told: Entry) -> SessionObject:
    """A profile may have given the session rates that a client cannot choose."""
    rates = allowed_rates()
    if told["type"] == "transcription":
        return TranscriptionSession.model_validate(told, context=rates)
    return (SampledSession if "temperature" in told else RealtimeSession).model_validate(told, context=rates)


class Witness:
    """Keeps the step that was watched last."""

    step: Step

    def before(self, given: Given, now: float) -> None:
        pass

    def after(self, step: Step) -> None:
        self.step = step

    def over(self) -> None:
        pass


class Surroundings:
    """Tells a session what its detectors and rates had told it."""

    def __init__(self) -> None:
        self._edges: deque[list[Edge]] = deque()
        self._limits: deque[list[RateLimit]] = deque()

    def tell(self, told: Entry) -> None:
        """What the next step is told."""
        self._edges = deque([Edge(*edge) for edge in edges] for edges in told.get("edges", ()))
        self._limits = deque([RateLimit.model_validate(limit) for limit in limits] for limits in told.get("limits", ()))

    def detector(self, rate: int) -> Surroundings:
        return self

    def configure(self, threshold: float, silence_ms: float) -> None:
        pass

    def reset(self) -> None:
        pass

    def feed(self, samples: NDArray[np.int16]) -> list[Edge]:
        return self._edges.popleft() if self._edges else []

    def left(self) -> Sequence[RateLimit]:
        return self._limits.popleft() if self._limits else []

    def spend(self, name: RateName, amount: int) -> None:
        pass
