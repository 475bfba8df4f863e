"""Our plans, and what the checks foresee, against `transitions` itself, on random machines."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.chart.recorder import VOCABULARY, Recorder
from transitions import MachineError
from transitions.extensions.nesting import HierarchicalMachine, NestedState

from rtengine.chart.checks.machine import Subject
from rtengine.chart.checks.rows import Row, move
from rtengine.chart.definition import compile_machine
from rtengine.chart.document import MachineFile, Transition
from rtengine.chart.plan import Topology
from rtengine.chart.states import places, upwards
from rtengine.chart.system import System

pytestmark = pytest.mark.property

EVENTS = ("e0", "e1", "e2", "e3")
GUARDS = ("g0", "g1", "g2")
MACHINES, STEPS = 60, 40


class _State(NestedState):
    separator = "."


class _Library(HierarchicalMachine):
    state_cls = _State


@dataclass
class Model:
    """What `transitions` drives: it writes down the callbacks it gets."""

    log: list[str] = field(default_factory=list)
    guards: dict[str, bool] = field(default_factory=dict)
    state: Any = None

    def write(self, text: str) -> Any:
        return lambda *_: self.log.append(text)

    def holds(self, guard: str) -> Any:
        return lambda *_: self.guards[guard]


def _note(text: str) -> dict[str, Any]:
    return {"emit": "note", "with": {"text": text}}


def _random_states(pick: random.Random, depth: int, prefix: str) -> dict[str, Any]:
    states: dict[str, Any] = {}
    for number in range(pick.randint(2, 3)):
        name = f"s{number}_x" if pick.random() < 0.3 else f"s{number}"
        path = prefix + name
        state: dict[str, Any] = {"entry": [_note(f"+{path}")], "exit": [_note(f"-{path}")]}
        if depth and pick.random() < 0.5:
            state["states"] = _random_states(pick, depth - 1, path + ".")
            state["initial"] = pick.choice(list(state["states"]))
        states[name] = state
    return states


def _random_document(seed: int) -> MachineFile:
    pick = random.Random(seed)
    states = _random_states(pick, 3, "")
    raw: dict[str, Any] = {
        "machine": "m",
        "version": 1,
        "context": {guard: {"type": "bool", "default": False} for guard in GUARDS},
        "states": states,
        "initial": pick.choice(list(states)),
    }
    paths = list(places(MachineFile.model_validate(raw)))

    def rows(source: str) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = {}
        for event in EVENTS:
            for _ in range(pick.choice((0, 0, 1, 1, 2))):
                row: dict[str, Any] = {"do": [_note(f"{source} {event} {len(found.get(event, ()))}")]}
                if pick.random() < 0.85:
                    row["target"] = pick.choice(paths)
                if pick.random() < 0.4:
                    row["when"] = f"ctx.{pick.choice(GUARDS)}"
                found.setdefault(event, []).append(row)
        return found

    def fill(states: dict[str, Any], prefix: str) -> None:
        for name, state in states.items():
            state["on"] = rows(prefix + name)
            fill(state.get("states", {}), f"{prefix}{name}.")

    fill(states, "")
    raw["on"] = rows("")
    return MachineFile.model_validate(raw)


def _library(document: MachineFile, model: Model, targets: dict[tuple[str, str, int], str | None]) -> _Library:
    """The same machine as `transitions` would be told of it, callbacks and all; the steps of a row are its `before`."""

    def native(name: str, state: Any, prefix: str) -> dict[str, Any]:
        path = prefix + name
        told: dict[str, Any] = {
            "name": name,
            "on_enter": [model.write(f"+{path}")],
            "on_exit": [model.write(f"-{path}")],
        }
        if state.states:
            told["initial"] = state.initial
            told["children"] = [native(child, inner, path + ".") for child, inner in state.states.items()]
        return told

    machine = _Library(
        model=None,
        states=[native(name, state, "") for name, state in document.states.items()],
        initial=document.initial,
        auto_transitions=False,
    )
    written = [(path, place.state.on) for path, place in places(document).items()]
    written += [(name, document.on) for name in document.states]  # the machine's rows: last in every top-level state
    for number, (source, on) in enumerate(written):
        owner = "" if number >= len(written) - len(document.states) else source
        for event, rows in on.items():
            for index, row in enumerate(rows):
                guard = None if row.when is None else [model.holds(row.when.removeprefix("ctx."))]
                note = [model.write(f"{owner} {event} {index}")]
                machine.add_transition(event, source, targets[owner, event, index], conditions=guard, before=note)
    return machine


def _order(log: list[str]) -> list[str]:
    """`transitions` does a row's steps before the exits, we between exits and entries: move them there."""
    steps = [line for line in log if line[0] not in "+-"]
    return [line for line in log if line[0] == "-"] + steps + [line for line in log if line[0] == "+"]


@pytest.mark.parametrize("seed", range(MACHINES))
def test_plans_and_the_library_agree_on_states_and_callbacks(seed: int) -> None:
    document = _random_document(seed)
    definition = compile_machine(document, VOCABULARY, lambda path: 1, "m.yaml")
    targets: dict[tuple[str, str, int], str | None] = {}
    for row in definition.rows:
        index = sum((row.source, row.event) == (source, event) for source, event, _ in targets)
        targets[row.source, row.event, index] = row.target
    model, host = Model(), Recorder()
    library = _library(document, model, targets)
    library.add_model(model)
    system = System({"m": definition}, host)
    instance = system.start("m")
    system.run()
    host.take()
    assert instance.state == model.state

    pick = random.Random(seed)
    for _ in range(STEPS):
        event = pick.choice(EVENTS)
        model.guards = {guard: pick.random() < 0.5 for guard in GUARDS}
        for guard, holds in model.guards.items():
            setattr(instance.ctx, guard, holds)
        model.log = []
        try:
            expected = bool(library.trigger_event(model, event))
        except (MachineError, AttributeError):  # an event the state, or the whole machine, has no row for
            expected = False
        assert system.handle(instance, event) == expected
        assert (instance.state, host.take()) == (model.state, _order(model.log))
    assert len(host.plans) > 1


@pytest.mark.parametrize("seed", range(MACHINES, 2 * MACHINES))
def test_the_checks_expect_the_moves_that_the_library_makes(seed: int) -> None:
    document = _random_document(seed)
    known = places(document)
    topology = Topology(known, document.initial)
    subject = cast(Subject, SimpleNamespace(places=known))
    for leaf in (path for path, place in known.items() if place.leaf):
        for source in (*upwards(leaf), ""):
            for target in known:
                for reenter in (False, True):
                    written = Transition(target=target, reenter=reenter)
                    expected = move(subject, leaf, Row(source, "on", "e", 0, (), written, target))
                    owner = source or leaf.partition(".")[0]
                    made = topology.reenter(leaf, owner, target) if reenter else topology.move(leaf, target)
                    assert expected is not None
                    assert (expected.exits, expected.entries, expected.destination) == (
                        made.exits,
                        made.entries,
                        made.destination,
                    )
