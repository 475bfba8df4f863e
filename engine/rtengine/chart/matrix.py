"""Which client event is answered in which state, and which is not."""

from __future__ import annotations

from collections.abc import Iterator

from rtengine.chart.definition import Definition

ALWAYS = "yes"
GUARDED = "when"
"""There are rows, and each has a guard."""
BLANK = "-"
"""No row: whoever runs the machines answers."""


def matrix(definition: Definition) -> dict[str, dict[str, str]]:
    """State, final ones and those left at once aside, to client event to one of the three words."""
    events = definition.document.events.client
    return {leaf: {event: _answer(definition, leaf, event) for event in events} for leaf in _resting(definition)}


def table(definition: Definition) -> str:
    """The matrix as text, a state a line."""
    found = matrix(definition)
    events = list(definition.document.events.client)
    first = max([len(definition.machine), *map(len, found)], default=0)
    lines = [f"{definition.machine:{first}}  " + "  ".join(events)]
    for leaf, answers in found.items():
        lines.append(f"{leaf:{first}}  " + "  ".join(f"{answers[event]:{len(event)}}" for event in events))
    return "\n".join(line.rstrip() for line in lines)


def _resting(definition: Definition) -> Iterator[str]:
    for leaf, place in definition.places.items():
        passed = any(plan.guard is None for plan in definition.always.get(leaf, ()))
        if place.leaf and not passed and not (place.state.final and not place.parent):
            yield leaf


def _answer(definition: Definition, leaf: str, event: str) -> str:
    rows = definition.table[leaf]
    plans = rows[event] if event in rows else rows["*"]
    if not plans:
        return BLANK
    return ALWAYS if any(plan.guard is None for plan in plans) else GUARDED
