"""A machine as Mermaid text (``stateDiagram-v2``). The same definition always gives the same text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from rtengine.chart.definition import Definition
from rtengine.chart.plan import Row
from rtengine.chart.states import Place

NOTE_LENGTH: Final = 80
"""Longest sentence of a ``doc`` that stands beside its state."""
GUARD_LENGTH: Final = 60
"""Longer guards are cut: a diagram is read at a glance."""

_SPECIAL = re.compile(r"[#;:<>{}\"`]")


def mermaid(definition: Definition, guards: bool = True, staying: bool = False, notes: bool = False) -> str:
    """The diagram's text, with a newline at its end.

    ``guards`` puts conditions on the arrows, ``staying`` lists the rows without a target inside their state, and
    ``notes`` the first sentence of a state's ``doc`` where it is short.
    """
    lines = ["stateDiagram-v2", "    direction LR"]
    lines += _Block(definition, staying, notes).lines("", 1)
    for (source, target), labels in _arrows(definition, guards).items():
        lines.append(f"    {_id(source)} --> {_id(target)} : {'<br/>'.join(labels)}")
    return "\n".join(lines) + "\n"


class _Block:
    """States as they stand inside each other."""

    def __init__(self, definition: Definition, staying: bool, notes: bool) -> None:
        self._definition = definition
        self._staying = staying
        self._notes = notes

    def lines(self, parent: str, depth: int) -> Iterator[str]:
        indent = "    " * depth
        initial = self._initial(parent)
        if initial:
            yield f"{indent}[*] --> {_id(f'{parent}.{initial}' if parent else initial)}"
        for path, place in self._definition.places.items():
            if place.parent == parent:
                yield from self._state(path, place, depth)

    def _initial(self, parent: str) -> str | None:
        return self._definition.places[parent].state.initial if parent else self._definition.document.initial

    def _state(self, path: str, place: Place, depth: int) -> Iterator[str]:
        indent = "    " * depth
        head = f'{indent}state "{escaped(place.name)}" as {_id(path)}'
        if place.leaf:
            yield head
            for line in self._inside(path, place):
                yield f"{indent}{_id(path)} : {line}"
        else:
            yield head + " {"
            yield from self.lines(path, depth + 1)
            yield indent + "}"
        if place.state.final:
            yield f"{indent}{_id(path)} --> [*]"
        note = _sentence(place.state.doc) if self._notes else ""
        if note:
            yield f"{indent}note right of {_id(path)} : {escaped(note)}"

    def _inside(self, path: str, place: Place) -> Iterator[str]:
        for service in place.state.invoke:
            yield escaped(f"runs {service.run}")
        if self._staying:
            for row in self._definition.rows:
                if row.source == path and row.target is None:
                    yield _label(row, guards=True)


def _arrows(definition: Definition, guards: bool) -> dict[tuple[str, str], list[str]]:
    """Labels by (from, to). The rows between the same two states share an arrow."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in definition.rows:
        if row.target is None:
            continue
        for source in _sources(definition, row.source, row.target):
            labels = found.setdefault((source, _target(definition, source, row.target)), [])
            label = _label(row, guards)
            if label not in labels:
                labels.append(label)
    return found


def _sources(definition: Definition, source: str, target: str) -> Iterator[str]:
    """Where the arrows of a row begin.

    Layouts cannot draw an arrow between a state and what is inside it. So a row whose target is within its state, or
    is the state, starts from the state's children instead; a row of the machine starts from the top-level states.
    """
    if source and not (target == source or target.startswith(source + ".")):
        yield source
        return
    children = [path for path, place in definition.places.items() if place.parent == source]
    if not children:
        yield source
    for child in children:
        if not definition.places[child].state.final:
            yield from _sources(definition, child, target)


def _target(definition: Definition, source: str, target: str) -> str:
    """Where the arrow ends: the initial leaf instead of a state that the arrow starts within."""
    while source == target or source.startswith(target + "."):
        initial = definition.places[target].state.initial
        if initial is None:
            return target
        target = f"{target}.{initial}"
    return target


def _label(row: Row, guards: bool) -> str:
    if row.when is None or not guards:
        return escaped(row.label)
    guard = " ".join(row.when.split())
    if len(guard) > GUARD_LENGTH:
        guard = guard[: GUARD_LENGTH - 1].rstrip() + "…"
    return escaped(f"{row.label} [{guard}]")


def _sentence(doc: str) -> str:
    first = " ".join(doc.split()).partition(". ")[0].removesuffix(".")
    return first if len(first) <= NOTE_LENGTH else ""


def _id(path: str) -> str:
    """Paths as Mermaid can take them, and never one of its own words."""
    return "s_" + path.replace(".", "__")


def escaped(text: str) -> str:
    """Text that Mermaid takes as it is."""
    return _SPECIAL.sub(lambda match: f"#{ord(match[0])};", text)
