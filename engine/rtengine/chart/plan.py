"""What a row does in one leaf state, decided once.

`transitions` is the authority on which states a transition leaves and enters. It is asked when a file is compiled, once
for each leaf and target; what it answers is kept, because the answer never changes. Nothing of it runs in a session.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from transitions.extensions.nesting import HierarchicalMachine, NestedEventData, NestedState, NestedTransition

from rtengine.chart.closure import Closure
from rtengine.chart.states import Place

Block = tuple[Closure, ...]
"""Steps that stand in one list of the file. One that raises ends its list, not the transition."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a machine file, for coverage, traces and diagrams. ``id`` counts from 0 in the file's order."""

    id: int
    machine: str
    file: str
    line: int
    source: str
    """Path of the state the row stands in; empty for a row of the machine itself."""
    event: str
    """The event's name or ``*``; ``(always)``, ``(done PATH)``, ``(after PATH N)``; ``(start)`` of the machine."""
    label: str
    """The event as people read it: ``after 8s`` for ``(after PATH N)``."""
    when: str | None
    target: str | None
    """Path of the target state; None for a row that stays."""
    doc: str
    path: tuple[str | int, ...] = ()
    """Where the row stands in the document."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A row as it is taken from one leaf."""

    row: Row
    guard: Closure | None
    exits: tuple[str, ...]
    """Paths of the states that are left, leaf first."""
    entries: tuple[str, ...]
    """Paths of the states that are entered, outermost first."""
    destination: str
    """Path of the leaf the instance is in afterwards."""
    leaving: tuple[Block, ...]
    """Exit steps leaf-up, each followed by the stopping of the state's timers and services; then the row's own."""
    entering: tuple[Block, ...]
    """Entry steps outermost first, then the starting of timers and services."""
    done: str | None
    """Event raised because a final child was entered."""
    final: bool
    """Whether the instance ends."""

    @property
    def event(self) -> str:
        return self.row.event

    @property
    def source(self) -> str:
        return self.row.source

    @property
    def where(self) -> str:
        return f"{self.row.file}:{self.row.line}"


@dataclass(frozen=True, slots=True)
class Move:
    """What a change of state leaves and enters."""

    exits: tuple[str, ...]
    entries: tuple[str, ...]
    destination: str


class _State(NestedState):
    separator = "."  # the default "_" splits snake_case names


class _Machine(HierarchicalMachine):
    state_cls = _State


class _Probe:
    """Stands in for every instance while the library is asked; it never becomes a model of the machine."""

    state: Any = None


class Topology:
    """The states of one file, as `transitions` sees them."""

    def __init__(self, known: dict[str, Place], initial: str) -> None:
        self._known = known
        self._machine = _Machine(
            model=None,
            states=[_native(known, path) for path, place in known.items() if not place.parent],
            initial=initial,
            auto_transitions=False,
        )
        self._moves: dict[tuple[str, str], Move] = {}

    def begin(self, initial: str) -> Move:
        """Entering the machine."""
        return self._move("", initial)

    def move(self, leaf: str, target: str) -> Move:
        """From a leaf to a target. A target that is active, the leaf included, is left and entered again."""
        return self._move(leaf, target)

    def reenter(self, leaf: str, source: str, target: str) -> Move:
        """Likewise, but the source, a state around or at the leaf, is left and entered again in any case."""
        if not target.startswith(source + "."):
            return self._move(leaf, target)
        out = self._move(leaf, source)
        into = self._move(source, target)
        return Move(out.exits, (source, *into.entries), into.destination)

    def _move(self, configuration: str, target: str) -> Move:
        key = (configuration, target)
        if key not in self._moves:
            self._moves[key] = self._ask(configuration, target)
        return self._moves[key]

    def _ask(self, configuration: str, target: str) -> Move:
        machine, probe = self._machine, _Probe()
        probe.state = configuration or []
        trigger = f"{configuration} {target}"
        machine.add_transition(trigger, configuration or target, target)
        event = machine.events[trigger]
        transition = event.transitions[configuration or target][0]
        assert isinstance(transition, NestedTransition)
        # the private method computes and runs nothing: exits and entries come back as partials of scoped_exit/_enter
        with machine():
            data = NestedEventData(None, event, machine, probe, (), {})
            tree, exits, entries = transition._resolve_transition(data)
        return Move(tuple(map(_path, exits)), tuple(map(_path, entries)), _leaf(tree))


def _native(known: dict[str, Place], path: str) -> dict[str, Any]:
    state = known[path].state
    native: dict[str, Any] = {"name": known[path].name}
    if state.states:
        native["initial"] = state.initial
        native["children"] = [_native(known, f"{path}.{name}") for name in state.states]
    return native


def _path(entered: Any) -> str:
    """``partial(state.scoped_enter, event_data, scope)`` to the path of the state."""
    return ".".join([*entered.args[1], entered.func.__self__._name])


def _leaf(tree: Any) -> str:
    parts: list[str] = []
    while tree:
        ((name, tree),) = tree.items()
        parts.append(name)
    return ".".join(parts)
