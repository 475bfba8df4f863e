"""All machines of a session, and the events between them."""

from __future__ import annotations

from collections.abc import Iterable

from rtengine.chart import document
from rtengine.chart.definition import Definition
from rtengine.chart.states import every_step
from rtengine.drawing.graph import Arrow, Box, Graph, Label


def of_system(definitions: Iterable[Definition]) -> Graph:
    """An arrow for what a machine sends another, a dashed one where it starts instances of it."""
    machines = {definition.machine: definition for definition in definitions}
    sent: dict[tuple[str, str], list[str]] = {}
    started: dict[tuple[str, str], None] = {}
    for name, definition in machines.items():
        for step in every_step(definition.document):
            if isinstance(step, document.Spawn):
                started[name, step.spawn] = None
    for name, definition in machines.items():
        parents = [parent for parent, child in started if child == name]
        for step in every_step(definition.document):
            if isinstance(step, document.Send):
                for target in parents if step.to == "parent" else [step.to]:
                    _add(sent, name, target, step.send)
        for parent in parents:
            if f"{name}.ended" in machines[parent].document.events.peer:
                _add(sent, name, parent, f"{name}.ended")
    arrows = [Arrow(source, target, tuple(map(Label, events))) for (source, target), events in sent.items()]
    arrows += [Arrow(source, target, (Label("starts"),), dashed=True) for source, target in started]
    boxes = tuple(Box(name, name, "machine", _handles(definition)) for name, definition in machines.items())
    return Graph("machines", boxes, tuple(arrows))


def _handles(definition: Definition) -> tuple[str, ...]:
    """What comes to the machine from outside, in short."""
    client = len(definition.client)
    services = sorted({service.run for place in definition.places.values() for service in place.state.invoke})
    lines = [f"{client} client event{'' if client == 1 else 's'}"] if client else []
    return (*lines, *(f"runs {service}" for service in services))


def _add(sent: dict[tuple[str, str], list[str]], source: str, target: str, event: str) -> None:
    known = sent.setdefault((source, target), [])
    if event not in known:
        known.append(event)
