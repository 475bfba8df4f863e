"""The states of a machine file, by their dotted path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rtengine.chart.document import EventDeclaration, MachineFile, State, Transition


@dataclass(frozen=True, slots=True)
class Place:
    """A state where it stands. ``path`` and ``parent`` are dotted; the parent of a top-level state is empty."""

    path: str
    parent: str
    state: State

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]

    @property
    def leaf(self) -> bool:
        return not self.state.states


def places(document: MachineFile) -> dict[str, Place]:
    """Every state by its path, parents before children, in the file's order."""
    found: dict[str, Place] = {}

    def add(states: Mapping[str, State], parent: str) -> None:
        for name, state in states.items():
            path = f"{parent}.{name}" if parent else name
            found[path] = Place(path, parent, state)
            add(state.states, path)

    add(document.states, "")
    return found


def upwards(path: str) -> Iterator[str]:
    """The path itself, then its ancestors, the top-level one last."""
    while path:
        yield path
        path = path.rpartition(".")[0]


def resolve(known: Mapping[str, object], source: str, target: str) -> str | None:
    """The path a row's ``target`` means: looked up among the source's children, then from the source outwards.

    A row of the machine itself has the source ``""``. None when there is no such state.
    """
    for scope in upwards(source):
        path = f"{scope}.{target}"
        if path in known:
            return path
    return target if target in known else None


def document_path(path: str) -> tuple[str | int, ...]:
    """Where the state stands in the document: ``a.b`` is ``("states", "a", "states", "b")``."""
    return tuple(part for name in path.split(".") if name for part in ("states", name))


def every_step(document: MachineFile) -> Iterator[object]:
    """All steps of the file, in no particular order."""
    for rows in document.on.values():
        yield from _steps(rows)
    for place in places(document).values():
        state = place.state
        yield from (*state.entry, *state.exit)
        for rows in (*state.on.values(), state.always, state.done):
            yield from _steps(rows)
        yield from _steps(state.after)


def optional_fields(document: MachineFile) -> dict[str, tuple[str, ...]]:
    """Peer and internal events to the fields that allow null, which a sender may leave out."""
    declared: dict[str, EventDeclaration | None] = {**document.events.peer, **document.events.internal}
    return {
        event: tuple(name for name, type_ in declaration.with_.items() if type_.endswith("?"))
        for event, declaration in declared.items()
        if declaration is not None
    }


def _steps(rows: Sequence[Transition]) -> Iterator[object]:
    return (step for row in rows for step in row.do)
