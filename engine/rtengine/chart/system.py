"""All instances of one session, and the queue between them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any

from rtengine.chart.definition import START, Definition
from rtengine.chart.host import Host
from rtengine.chart.instance import Instance
from rtengine.errors import RtengineError

RUN_LIMIT = 10_000
"""Events that one ``run`` handles: machines that answer each other for ever must not hold the server."""


class System:
    """The running machines of a session.

    Starts, sent events and posted ones wait in one queue, first in, first out, and each is handled to completion
    before the next. What a machine raises for itself comes before anything that waits. An instance that ends takes
    nothing with it: its children go on, and what they send to their parent is dropped.
    """

    def __init__(self, machines: Mapping[str, Definition], host: Host) -> None:
        self.machines = machines
        self.host = host
        self.raised: deque[tuple[str, Any]] = deque()
        """Internal events of the instance that is running now; empty between events."""
        self._queue: deque[tuple[Instance, str, Any]] = deque()
        self._live: dict[str, dict[Instance, None]] = {name: {} for name in machines}
        self._claims: dict[str, str] = {}
        for name, definition in machines.items():
            for event in definition.client:
                self._claims.setdefault(event, name)
        self._count = 0
        self._running = False

    # --- for the session ----------------------------------------------------------------------------------------------

    def start(self, role: str, **ctx: Any) -> Instance:
        """A new instance with no parent. It enters its initial state in the next ``run``."""
        return self.spawn(role, None, ctx)

    def spawn(self, role: str, parent: Instance | None, ctx: Mapping[str, Any]) -> Instance:
        """A new instance; its start waits in the queue. Raises ``RtengineError`` for an unknown machine or variable."""
        definition = self.machines.get(role)
        if definition is None:
            raise RtengineError(f"there is no machine {role!r}")
        instance = Instance(definition, self, parent, self._count + 1, ctx)
        self._count += 1
        self._live[role][instance] = None
        self._queue.append((instance, START, None))
        return instance

    def post(self, instance: Instance, event: str, payload: Any = None) -> None:
        """Queue an event. ``payload`` is an object whose attributes are the event's fields. The ended hear nothing."""
        if not instance.ended:
            self._queue.append((instance, event, payload))

    def run(self) -> None:
        """Handle everything that waits. Called while running, from a host for example, it does nothing."""
        if self._running:
            return
        self._running = True
        try:
            self._drain()
        finally:
            self._running = False

    def handle(self, instance: Instance, event: str, payload: Any = None) -> bool:
        """Handle what waits, then this event, then what follows from it. True when a row took this one."""
        if self._running:
            raise RuntimeError("an event cannot be handled within the handling of another: post it")
        self._running = True
        try:
            if self._queue:
                self._drain()
            taken = self._dispatch(instance, event, payload)
            if self._queue:
                self._drain()
            return taken
        finally:
            self._running = False

    def instances(self, role: str) -> tuple[Instance, ...]:
        """The live instances of a machine, oldest first."""
        return tuple(self._live[role])

    def claimant(self, client_event: str) -> str | None:
        """The machine that answers a client event."""
        return self._claims.get(client_event)

    def release(self) -> None:
        """Let go of all instances. They point back here: without this, only a garbage collection would free them."""
        for instances in self._live.values():
            instances.clear()
        self._queue.clear()

    # --- for steps and instances --------------------------------------------------------------------------------------

    def send(self, sender: Instance, to: str, event: str, fields: dict[str, Any]) -> None:
        """Queue an event for ``parent``, for the sender's own children, or for every instance of another machine."""
        for target in self._addressees(sender, to):
            self.post(target, event, _payload(target.definition, event, fields))

    def throw(self, instance: Instance, event: str, fields: dict[str, Any]) -> None:
        """Raise an internal event of the instance that is running."""
        self.raised.append((event, _payload(instance.definition, event, fields)))

    def retire(self, instance: Instance, output: dict[str, Any]) -> None:
        """An instance has ended: forget it and tell its parent."""
        del self._live[instance.machine][instance]
        if instance.parent is not None:
            self.send(instance, "parent", f"{instance.machine}.ended", output)

    # --- within -------------------------------------------------------------------------------------------------------

    def _addressees(self, sender: Instance, to: str) -> Iterable[Instance]:
        if to == "parent":
            return () if sender.parent is None else (sender.parent,)
        if to not in self._live:
            raise RtengineError(f"there is no machine {to!r} to send to")
        if to in sender.definition.spawns:
            return [instance for instance in self._live[to] if instance.parent is sender]
        return tuple(self._live[to])

    def _drain(self) -> None:
        queue = self._queue
        for _ in range(RUN_LIMIT):
            if not queue:
                return
            self._dispatch(*queue.popleft())
        if queue:
            instance, event, _ = queue[0]
            queue.clear()
            error = RtengineError(f"more than {RUN_LIMIT} events in one run: the rest is dropped")
            self.host.fault(instance, event, error)

    def _dispatch(self, instance: Instance, event: str, payload: Any) -> bool:
        try:
            if event == START:
                instance.begin()
                return True
            return instance.dispatch(event, payload)
        except Exception as error:  # of the host: the instance keeps what its steps raise to itself
            self.host.fault(instance, event, error)
            instance.abandon()
            return True


def _payload(definition: Definition, event: str, fields: dict[str, Any]) -> SimpleNamespace:
    """The fields as attributes; those the receiver lets a sender leave out are null."""
    payload = SimpleNamespace(**fields)
    for name in definition.optional.get(event, ()):
        if name not in fields:
            setattr(payload, name, None)
    return payload
