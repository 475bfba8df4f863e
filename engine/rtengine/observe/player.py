"""A session made from a journal, and fed step by step."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rtengine.audio.activity import Edge
from rtengine.chart.load import Machines
from rtengine.errors import RtengineError
from rtengine.models import registry
from rtengine.models.abilities import Abilities
from rtengine.observe.entry import Entry
from rtengine.observe.journal import TOOLS
from rtengine.observe.recording import Recording
from rtengine.observe.watch import Given, Portion, Setup, Started, Step, WatchedSession
from rtengine.profile.settings import Limits
from rtengine.protocol.formats import allowed_rates
from rtengine.protocol.sampling import SampledSession
from rtengine.protocol.server import RateLimit
from rtengine.protocol.session import RealtimeSession, TranscriptionSession
from rtengine.protocol.session import Session as SessionObject
from rtengine.session.input_audio import DetectorFactory
from rtengine.session.rates import RateName


class Player:
    """Plays a journal's inputs to machines."""

    def __init__(self, recording: Recording, machines: Machines, detector: DetectorFactory | None = None) -> None:
        """With a ``detector`` the sound is listened to again; without one, voice activity is what it was.

        Raises RtengineError for a journal that does not fit this version.
        """
        self._witness = Witness()
        self._surroundings = Surroundings()
        heard = detector or self._surroundings.detector
        self._session = WatchedSession(_setup(recording, machines), heard, self._surroundings, [self._witness])

    def play(self, given: Given, at: float, told: Entry) -> Step:
        """One step; ``told`` is what the surroundings told in it. Nothing comes of a step after the session's end."""
        self._surroundings.tell(told)
        self._witness.step = Step(at)
        try:
            _feed(self._session, given, at)
        except Exception as fault:
            if self._witness.step.fault is not fault:
                raise
        return self._witness.step


def recorded_detector(recording: Recording) -> DetectorFactory | None:
    """The detector that listened; None when the sound was not kept. Raises ModelError where it is not installed."""
    if not recording.audio:
        return None
    told = recording.head["vad"]
    settings = registry.adapter_settings("vad", told["adapter"]).model_validate(told["settings"])
    factory: DetectorFactory = registry.load("vad", told["adapter"], settings, lambda step: None)
    return factory


def _feed(session: WatchedSession, given: Given, at: float) -> None:
    if isinstance(given, Started):
        session.start(at)
    elif isinstance(given, Portion):
        session.go_on(at)
    else:
        session.receive(given, at)


def _setup(recording: Recording, machines: Machines) -> Setup:
    head = recording.head
    try:
        able = dict(head["abilities"])
        sets = {name: frozenset(value) for name, value in able.items() if isinstance(value, list)}
        return Setup(
            session=_configured(head["session"]),
            machines=machines,
            limits=Limits.model_validate(head["limits"]),
            abilities=Abilities(**able | sets),
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

    def __init__(self) -> None:
        self.step = Step(0.0)

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
