"""A session that is watched: everything that goes into it, the rows it takes, and everything that comes out.

The session knows nothing of it. What it is made with beside its configuration - detectors, rates - is watched as well,
because its answers are inputs too: given again, they lead to the same outputs.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rtengine.audio.activity import Edge, VoiceActivity
from rtengine.chart.instance import Instance
from rtengine.chart.load import Machines
from rtengine.chart.plan import Plan
from rtengine.models.abilities import Abilities
from rtengine.profile.settings import Limits
from rtengine.protocol.ids import Ids
from rtengine.protocol.server import RateLimit
from rtengine.protocol.session import Session as SessionObject
from rtengine.session.effects import Effect
from rtengine.session.input_audio import DetectorFactory
from rtengine.session.rates import RateLimits, RateName
from rtengine.session.session import Input, Session
from rtengine.tools.catalog import Catalog

log = logging.getLogger("rtengine.session")


@dataclass(frozen=True, slots=True)
class Started:
    """The session begins: ``Session.start``."""


@dataclass(frozen=True, slots=True)
class Portion:
    """More of a long append is heard: ``Session.go_on``."""


Given = Input | Started | Portion
"""One input of a session."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A row that was taken."""

    machine: str
    number: int
    """Of the instance, from 1."""
    parent: int | None
    plan: Plan
    source: str
    """State it was taken in; empty at the start."""
    effects: int
    """Effects of the step up to here: those since the row before it are its own."""
    ended: bool
    """The instance has ended with it."""


@dataclass(slots=True)
class Told:
    """What a session and its surroundings told each other in one step."""

    edges: list[list[Edge]] = field(default_factory=list)
    """For each piece of audio that a detector was fed."""
    limits: list[list[RateLimit]] = field(default_factory=list)
    """For each time the session asked what is left of its rates."""
    spent: list[tuple[RateName, int]] = field(default_factory=list)
    """What the session counted towards its rates."""


@dataclass(slots=True)
class Step:
    """What came of one input."""

    now: float
    """On the session's clock, in seconds."""
    taken: list[Taken] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    told: Told = field(default_factory=Told)
    fault: Exception | None = None
    """What broke the session."""
    seconds: float = 0.0
    """How long the session took."""


class Watcher(Protocol):
    """Told of every step. It is quick: the session waits for it. One that raises is not told any more."""

    def before(self, given: Given, now: float) -> None:
        """An input is about to be handled. Handling may change it."""
        ...

    def after(self, step: Step) -> None:
        """It has been handled."""
        ...

    def over(self) -> None:
        """There will be no more steps."""
        ...


@dataclass(frozen=True, slots=True)
class Setup:
    """What a session is made from, beside its surroundings."""

    session: SessionObject
    machines: Machines
    limits: Limits
    abilities: Abilities
    tools: Catalog
    seed: int
    """Of its ids: ``Ids(seed)``, from which nothing has been drawn."""


class WatchedSession:
    """Has everything of a session that its shell uses."""

    def __init__(self, setup: Setup, detector: DetectorFactory, rates: RateLimits, watchers: Sequence[Watcher]) -> None:
        self._watchers = list(watchers)
        self._step = Step(0.0)
        self._over = False
        self._session = Session(
            setup.session,
            setup.machines,
            lambda rate: _Listener(detector(rate), self),
            setup.limits,
            Ids(setup.seed),
            setup.abilities,
            taken=self._take,
            rates=_Ledger(rates, self),
            tools=setup.tools,
        )
        self.id = self._session.id

    @property
    def conversation_id(self) -> str:
        return self._session.conversation_id

    @property
    def closed(self) -> bool:
        return self._session.closed

    @property
    def behind(self) -> bool:
        return self._session.behind

    @property
    def told(self) -> Told:
        """Of the step under way."""
        return self._step.told

    def start(self, now: float) -> list[Effect]:
        return self._watch(Started(), now, lambda: self._session.start(now))

    def receive(self, event: Input, now: float) -> list[Effect]:
        return self._watch(event, now, lambda: self._session.receive(event, now))

    def go_on(self, now: float) -> list[Effect]:
        return self._watch(Portion(), now, lambda: self._session.go_on(now))

    def _watch(self, given: Given, now: float, handle: Callable[[], list[Effect]]) -> list[Effect]:
        if self._over:
            return handle()
        step, self._step = self._step, Step(now)  # what was told while the session was made belongs to its first step
        self._step.told = step.told if isinstance(given, Started) else Told()
        self._each(lambda watcher: watcher.before(given, now))
        began = time.perf_counter()
        try:
            self._step.effects = handle()
        except Exception as error:
            self._step.fault = error
            raise
        finally:
            self._step.seconds = time.perf_counter() - began
            self._finish(self._step)
        return self._step.effects

    def _finish(self, step: Step) -> None:
        self._over = step.fault is not None or self._session.closed
        self._each(lambda watcher: watcher.after(step))
        if self._over:
            self._each(lambda watcher: watcher.over())

    def _each(self, tell: Callable[[Watcher], None]) -> None:
        for watcher in list(self._watchers):
            try:
                tell(watcher)
            except Exception:
                self._watchers.remove(watcher)
                log.exception("watcher failed", extra={"session_id": self.id})

    def _take(self, instance: Instance, plan: Plan, source: str) -> None:
        parent = instance.parent.number if instance.parent else None
        made = self._session.produced
        row = Taken(instance.machine, instance.number, parent, plan, source, made, instance.ended)
        self._step.taken.append(row)


class _Listener:
    """A detector that tells what it hears."""

    def __init__(self, detector: VoiceActivity, session: WatchedSession) -> None:
        self._detector = detector
        self._session = session
        self.configure = detector.configure
        self.reset = detector.reset

    def feed(self, samples: NDArray[np.int16]) -> list[Edge]:
        edges = self._detector.feed(samples)
        self._session.told.edges.append(edges)
        return edges


class _Ledger:
    """Rates that tell what was asked and counted."""

    def __init__(self, rates: RateLimits, session: WatchedSession) -> None:
        self._rates = rates
        self._session = session

    def left(self) -> Sequence[RateLimit]:
        left = self._rates.left()
        self._session.told.limits.append(list(left))
        return left

    def spend(self, name: RateName, amount: int) -> None:
        self._rates.spend(name, amount)
        self._session.told.spent.append((name, amount))
