"""One machine at work in one session, and the run to completion of an event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rtengine.chart.definition import FAULT, START, WILDCARD, Definition
from rtengine.chart.host import Host
from rtengine.chart.plan import Plan
from rtengine.errors import RtengineError

if TYPE_CHECKING:
    from rtengine.chart.system import System

ALWAYS_LIMIT = 100
"""Eventless rows in a row."""
RAISED_LIMIT = 1000
"""Internal events that one event may lead to."""


class Fault:
    """Payload of ``fault``: what went wrong while which event was handled."""

    __slots__ = ("_error", "event", "message")

    def __init__(self, error: Exception, event: str) -> None:
        self.message = f"{type(error).__name__}: {error}"
        self.event = event
        self._error = error

    @property
    def cause(self) -> Exception:
        return self._error


class Instance:
    """The state and the variables of one running machine.

    ``state`` is the path of the active leaf: empty before the start, the final state after the end. ``event`` is the
    name of the event being handled, or handled last. ``ctx`` has an attribute per variable.
    """

    __slots__ = (
        "ctx",
        "definition",
        "ended",
        "event",
        "host",
        "jobs",
        "number",
        "parent",
        "state",
        "system",
        "timers",
    )

    def __init__(
        self, definition: Definition, system: System, parent: Instance | None, number: int, given: Mapping[str, Any]
    ) -> None:
        """``number`` counts the instances of a system from 1. Raises ``RtengineError`` for an unknown variable."""
        self.definition = definition
        self.system = system
        self.host: Host = system.host
        self.parent = parent
        self.number = number
        self.state = ""
        self.event = START
        self.ended = False
        self.timers: set[str] = set()
        self.jobs: dict[str, str] = {}
        self.ctx: Any = definition.context()
        for name in given:
            if name not in definition.defaults:
                raise RtengineError(f"machine {definition.machine!r} has no context variable {name!r}")
        for name, default in definition.defaults.items():
            setattr(self.ctx, name, given[name] if name in given else default(self, None))

    @property
    def machine(self) -> str:
        return self.definition.machine

    def __repr__(self) -> str:
        return f"<{self.machine} {self.number} in {self.state or '(not started)'}>"

    def timer(self, timer: str) -> None:
        """A timer that the host was asked for has fired. One that was cleared since is ignored."""
        if timer in self.timers:
            self.timers.discard(timer)
            self.system.post(self, timer)
            self.system.run()

    # --- run to completion: called by the system, never from a step --------------------------------------------------

    def begin(self) -> None:
        """Enter the initial state."""
        self.event = START
        self._take(self.definition.start, None)
        self._finish()

    def dispatch(self, event: str, payload: Any) -> bool:
        """Handle one event and all it raises. True when a row took it, or when asking the guards went wrong."""
        if self.ended:
            return False
        taken = self._step(event, payload)
        if self.system.raised:
            self._finish()
        return taken

    def abandon(self) -> None:
        """Drop what was raised and not handled; the faults among it still reach the host."""
        raised = self.system.raised
        while raised:
            self._drop(*raised.popleft())

    def _step(self, event: str, payload: Any) -> bool:
        self.event = event
        rows = self.definition.table[self.state]
        plans = rows.get(event)
        if plans is None:
            plans = rows[WILDCARD]
        try:
            for plan in plans:
                if plan.guard is None or plan.guard(self, payload):
                    break
            else:
                return False
        except Exception as error:
            self._fault(error)
            return True
        self._take(plan, payload)
        return True

    def _take(self, plan: Plan, payload: Any) -> None:
        """Make the transition, and the eventless ones that follow from it."""
        self._transit(plan, payload)
        always = self.definition.always
        count = 0
        while self.state in always and not self.ended:
            if self._faulty():
                return  # a fault goes first: what follows from the state must not build on a step that failed
            following = self._eventless(payload)
            if following is None:
                return
            count += 1
            if count > ALWAYS_LIMIT:
                self._fault(RtengineError(f"{self.machine}: more than {ALWAYS_LIMIT} eventless rows in {self.state!r}"))
                return
            self._transit(following, payload)

    def _faulty(self) -> bool:
        return any(event == FAULT for event, _ in self.system.raised)

    def _eventless(self, payload: Any) -> Plan | None:
        try:
            for plan in self.definition.always[self.state]:
                if plan.guard is None or plan.guard(self, payload):
                    return plan
        except Exception as error:
            self._fault(error)
        return None

    def _transit(self, plan: Plan, payload: Any) -> None:
        source = self.state
        for block in plan.leaving:
            try:
                for step in block:
                    step(self, payload)
            except Exception as error:
                self._fault(error)
        self.state = plan.destination
        for block in plan.entering:
            try:
                for step in block:
                    step(self, payload)
            except Exception as error:
                self._fault(error)
        if plan.done is not None:
            self.system.raised.append((plan.done, payload))
        if plan.final:
            self._end(payload)
        self.host.taken(self, plan, source)

    def _finish(self) -> None:
        """Handle what was raised, oldest first."""
        raised = self.system.raised
        count = 0
        while raised:
            event, payload = raised.popleft()
            count += 1
            if count > RAISED_LIMIT:
                error = RtengineError(f"{self.machine}: more than {RAISED_LIMIT} internal events in one step")
                self.host.fault(self, event, error)
                self.abandon()
            elif self.ended or not self._step(event, payload):
                self._drop(event, payload)

    def _drop(self, event: str, payload: Any) -> None:
        """A fault that no row takes goes to the host; nothing else needs a taker."""
        if event == FAULT and isinstance(payload, Fault):
            self.host.fault(self, payload.event, payload.cause)

    def _fault(self, error: Exception) -> None:
        if self.event == FAULT:  # handling a fault must not lead to the next one
            self.host.fault(self, self.event, error)
        else:
            self.system.raised.append((FAULT, Fault(error, self.event)))

    def _end(self, payload: Any) -> None:
        """A final top-level state was entered: nothing of the instance outlives it."""
        self.ended = True
        for timer in sorted(self.timers):
            self.host.clear_timer(self, timer)
        for job in self.jobs.values():
            self.host.stop(self, job)
        self.timers.clear()
        self.jobs.clear()
        output: dict[str, Any] = {}
        try:
            output = self.definition.outputs[self.state](self, payload)
        except Exception as error:
            self._fault(error)
        self.host.ended(self)
        self.system.retire(self, output)
