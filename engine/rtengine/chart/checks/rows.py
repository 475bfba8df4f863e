"""The rows of a machine with their places, and the moves they make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rtengine.chart.checks.machine import Subject
from rtengine.chart.document import Transition
from rtengine.chart.states import document_path, resolve, upwards
from rtengine.source.finding import Path

Trigger = Literal["on", "always", "after", "done"]


@dataclass(frozen=True, eq=False)
class Row:
    """A row where it stands. ``source`` is empty for a row of the machine itself."""

    source: str
    trigger: Trigger
    event: str
    """The event's name for ``on``, else empty."""
    index: int
    path: Path
    row: Transition
    target: str | None
    """Path of the target state, the source for a `reenter` alone; None when there is none, or it is unknown."""

    @property
    def lost(self) -> bool:
        return self.row.target is not None and self.target is None


def rows(subject: Subject) -> list[Row]:
    """All rows, in the file's order."""
    found = list(_on(subject, "", (), subject.document.on))
    for where, place in subject.places.items():
        state, path = place.state, document_path(where)
        found += _on(subject, where, path, state.on)
        found += _listed(subject, where, "always", (*path, "always"), state.always)
        found += _listed(subject, where, "after", (*path, "after"), state.after)
        found += _listed(subject, where, "done", (*path, "done"), state.done)
    return found


def _on(subject: Subject, where: str, path: Path, on: Mapping[str, Sequence[Transition]]) -> Iterator[Row]:
    for event, listed in on.items():
        yield from _listed(subject, where, "on", (*path, "on", event), listed, event)


def _listed(
    subject: Subject, where: str, trigger: Trigger, path: Path, listed: Sequence[Transition], event: str = ""
) -> Iterator[Row]:
    for index, row in enumerate(listed):
        wanted = row.target if row.target is not None or not row.reenter else where
        target = resolve(subject.places, where, wanted) if wanted else None
        yield Row(where, trigger, event, index, (*path, index), row, target)


@dataclass(frozen=True)
class Move:
    """States left, leaf first, states entered, outermost first, and the leaf it ends in."""

    exits: tuple[str, ...]
    entries: tuple[str, ...]
    destination: str


def move(subject: Subject, leaf: str, row: Row) -> Move | None:
    """What the row leaves and enters when it is taken in ``leaf``. A target that is active is entered again.

    None when an initial state on the way is unknown.
    """
    assert row.target is not None
    shared = _shared(leaf, row.target)
    source = row.source or leaf.partition(".")[0]
    if row.row.reenter and row.target.startswith(source + "."):
        shared = min(shared, source.count("."))
    exits = tuple(path for path in upwards(leaf) if path.count(".") >= shared)
    down = descend(subject, row.target)
    if down is None:
        return None
    entries = [path for path in reversed(list(upwards(row.target))) if path.count(".") >= shared]
    return Move(exits, (*entries, *down), down[-1] if down else row.target)


def descend(subject: Subject, path: str) -> tuple[str, ...] | None:
    """The initial children entered with a state; None when one is unknown."""
    found: list[str] = []
    while subject.places[path].state.states:
        path = f"{path}.{subject.places[path].state.initial}"
        if path not in subject.places:
            return None
        found.append(path)
    return tuple(found)


def _shared(leaf: str, target: str) -> int:
    """How many levels, from the top, stay active."""
    here, there = leaf.split("."), target.split(".")
    count = 0
    while count < min(len(here), len(there)) and here[count] == there[count]:
        count += 1
    return min(count, len(there) - 1)
