"""Walks through a machine that take every row, guards counted as choices: what a test must make happen, in which order.

Delays, completions and results of services are steps like any other. A walk says nothing of payloads; whoever follows
it finds one for which the guard of each step holds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rtengine.chart.definition import ALWAYS, Definition
from rtengine.chart.plan import Plan, Row


@dataclass(frozen=True, slots=True)
class Stride:
    """One row taken in one leaf."""

    state: str
    event: str
    """What makes it happen: an event's name, ``*`` for any the file does not name, or as in ``Row.event``."""
    plan: Plan


Walk = tuple[Stride, ...]


def walks(definition: Definition) -> tuple[Walk, ...]:
    """Few walks, each from the initial state, that together take every row that can be reached.

    From the end of a walk it goes on to the nearest row not taken yet; where there is none it starts anew.
    """
    ways = {state: tuple(_strides(definition, state)) for state in definition.table}
    left = {row.id for row in reachable(definition)}
    found: list[Walk] = []
    while left:
        state = definition.start.destination
        walk: list[Stride] = []
        while on := _nearest(ways, state, left):
            walk += on
            left -= {stride.plan.row.id for stride in on}
            state = on[-1].plan.destination
        found.append(tuple(walk))
    return tuple(found)


def reachable(definition: Definition) -> tuple[Row, ...]:
    """The rows that could be taken if every guard could hold, in the file's order."""
    start = definition.start.destination
    seen, todo, rows = {start}, deque([start]), set[int]()
    while todo:
        for stride in _strides(definition, todo.popleft()):
            rows.add(stride.plan.row.id)
            if stride.plan.destination not in seen:
                seen.add(stride.plan.destination)
                todo.append(stride.plan.destination)
    return tuple(row for row in definition.rows if row.id in rows)


def _strides(definition: Definition, state: str) -> Iterator[Stride]:
    """What can be taken in a leaf; where an eventless row has no guard, nothing else is ever waited for."""
    if state in definition.places and definition.places[state].state.final and not definition.places[state].parent:
        return
    always = definition.always.get(state, ())
    for plan in always:
        yield Stride(state, ALWAYS, plan)
    if any(plan.guard is None for plan in always):
        return
    for event, plans in definition.table[state].items():
        if event != ALWAYS:
            for plan in plans:
                yield Stride(state, event, plan)


def _nearest(ways: Mapping[str, tuple[Stride, ...]], state: str, left: set[int]) -> Walk:
    """The shortest way on whose last row is one of those left; empty when none can be reached any more."""
    before: dict[str, Walk] = {state: ()}
    todo = deque([state])
    while todo:
        here = todo.popleft()
        for stride in ways[here]:
            if stride.plan.row.id in left:
                return (*before[here], stride)
            if stride.plan.destination not in before:
                before[stride.plan.destination] = (*before[here], stride)
                todo.append(stride.plan.destination)
    return ()
