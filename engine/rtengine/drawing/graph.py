"""What is drawn: boxes that may hold boxes, and arrows with labels. Nothing here knows where anything stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

from rtengine.chart.definition import Definition
from rtengine.chart.plan import Row

Mark = Literal["", "added", "removed", "changed"]

ANY = "(any)"
LONGEST = 48
"""Characters of a label."""


@dataclass(frozen=True)
class Box:
    id: str
    name: str
    kind: Literal["state", "final", "any", "machine", "outside"] = "state"
    notes: tuple[str, ...] = ()
    """Lines under the name."""
    children: tuple[Box, ...] = ()
    initial: str | None = None
    """Id of the child that is entered first."""
    mark: Mark = ""


@dataclass(frozen=True)
class Label:
    text: str
    mark: Mark = ""

    @property
    def signed(self) -> str:
        """So that what is added or removed can be told without colours, too."""
        return {"added": "+ ", "removed": "− "}.get(self.mark, "") + self.text


@dataclass(frozen=True)
class Arrow:
    source: str
    target: str
    labels: tuple[Label, ...]
    mark: Mark = ""
    dashed: bool = False


@dataclass(frozen=True)
class Graph:
    title: str
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    initial: str | None = None
    legend: tuple[Mark, ...] = field(default=())


def of_machine(definition: Definition, guards: bool = False) -> Graph:
    """The states of one machine, and the rows that lead from one to another."""
    labels: dict[tuple[str, str], list[Label]] = {}
    for row in definition.rows:
        for ends in _ends(definition, row):
            label = Label(_label(row, guards))
            known = labels.setdefault(ends, [])
            if label not in known:
                known.append(label)
    arrows = tuple(Arrow(source, target, tuple(found)) for (source, target), found in labels.items())
    boxes = tuple(_box(definition, name) for name in definition.document.states)
    if any(arrow.source == ANY for arrow in arrows):
        boxes = (Box(ANY, "any state", "any"), *boxes)
    return Graph(definition.machine, boxes, arrows, definition.document.initial)


def _box(definition: Definition, path: str) -> Box:
    state = definition.places[path].state
    return Box(
        id=path,
        name=definition.places[path].name,
        kind="final" if state.final else "state",
        notes=tuple(f"runs {service.run}" for service in state.invoke),
        children=tuple(_box(definition, f"{path}.{name}") for name in state.states),
        initial=f"{path}.{state.initial}" if state.initial else None,
    )


def _ends(definition: Definition, row: Row) -> Iterator[tuple[str, str]]:
    """Where the arrows of a row begin and end.

    An arrow between a state and what lies in it would be hard to read: it begins at the states beside its target.
    """
    if row.target is None:
        return
    source, target = row.source or ANY, row.target
    if source != target and target.startswith(source + "."):
        for path, place in definition.places.items():
            beside = place.parent == source and not (target + ".").startswith(path + ".")
            own = any(other.when is None for other in place.state.on.get(row.event, ()))
            if beside and not own and not place.state.final:
                yield path, target
    else:
        yield source, target


def _label(row: Row, guards: bool) -> str:
    text = row.label if row.when is None or not guards else f"{row.label} [{' '.join(row.when.split())}]"
    return text if len(text) <= LONGEST else text[: LONGEST - 1].rstrip() + "…"


# --- what an extending file changes -----------------------------------------------------------------------------------


def of_change(before: Definition, after: Definition, guards: bool = False) -> Graph:
    """Both machines in one drawing: what is added, what is removed, what a state does differently."""
    old, new = of_machine(before, guards), of_machine(after, guards)
    changed = {
        path
        for path in before.places.keys() & after.places.keys()
        if _behaviour(before, path) != _behaviour(after, path)
    }
    return Graph(
        title=after.machine,
        boxes=_union(old.boxes, new.boxes, changed),
        arrows=tuple(_marked(old.arrows, new.arrows)),
        initial=new.initial,
        legend=("added", "removed", "changed"),
    )


def _behaviour(definition: Definition, path: str) -> object:
    """What a state does by itself, and in rows that stay in it."""
    state = definition.places[path].state
    staying = {event: tuple(row for row in rows if row.target is None) for event, rows in state.on.items()}
    return state.entry, state.exit, state.invoke, state.initial, {e: rows for e, rows in staying.items() if rows}


def _union(old: tuple[Box, ...], new: tuple[Box, ...], changed: set[str]) -> tuple[Box, ...]:
    was, found = {box.id: box for box in old}, []
    for box in new:
        known = was.pop(box.id, None)
        mark: Mark = "added" if known is None else "changed" if box.id in changed else ""
        children = _union(known.children if known else (), box.children, changed)
        found.append(replace(box, mark=mark, children=children))
    return (*found, *(replace(box, mark="removed") for box in was.values()))


def _marked(old: tuple[Arrow, ...], new: tuple[Arrow, ...]) -> Iterator[Arrow]:
    was = {(arrow.source, arrow.target): arrow for arrow in old}
    for arrow in new:
        known = was.pop((arrow.source, arrow.target), None)
        before = known.labels if known else ()
        labels = [label if label in before else replace(label, mark="added") for label in arrow.labels]
        labels += [replace(label, mark="removed") for label in before if label not in arrow.labels]
        yield replace(arrow, labels=tuple(labels), mark="" if known else "added")
    for arrow in was.values():
        yield replace(arrow, labels=tuple(replace(each, mark="removed") for each in arrow.labels), mark="removed")
