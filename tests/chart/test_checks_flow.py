"""The moves the checks reckon with are those of the engine."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.chart.words import VOCABULARY

from rtengine.chart.checks.flow import Flow
from rtengine.chart.checks.machine import Machine, Subject
from rtengine.chart.checks.names import check_names
from rtengine.chart.checks.rows import move, rows
from rtengine.chart.definition import compile_machine
from rtengine.chart.document import MachineFile
from rtengine.chart.load import check_machines
from rtengine.chart.overlay import LayeredFile
from rtengine.source.file import SourceFile

pytestmark = pytest.mark.property

BROKEN = Path(__file__).parent.parent / "broken"
EVENTS = ("line.dead", "line.tone")


def subject_of(text: str) -> Subject:
    file = LayeredFile([SourceFile.parse(text, "phone.yaml")])
    subject = Subject(Machine("phone", file, MachineFile.model_validate(file.plain())), VOCABULARY)
    check_names(subject)
    return subject


def random_machine(chance: random.Random) -> str:
    """A machine of up to three levels, with rows between any two states."""

    def states(depth: int) -> dict[str, dict[str, object]]:
        made: dict[str, dict[str, object]] = {}
        for name in ("a", "b", "c")[: chance.randint(1, 3)]:
            made[name] = {}
            if depth < 2 and chance.random() < 0.4:
                children = states(depth + 1)
                made[name] = {"initial": chance.choice(list(children)), "states": children}
        return made

    tree = states(0)
    paths: list[tuple[str, dict[str, object]]] = []

    def collect(level: dict[str, dict[str, object]], prefix: str) -> None:
        for name, state in level.items():
            paths.append((prefix + name, state))
            collect(state.get("states", {}), prefix + name + ".")  # type: ignore[arg-type]

    collect(tree, "")
    for _ in range(chance.randint(2, 8)):
        _, state = chance.choice(paths)
        event = chance.choice(EVENTS)
        row = {"target": chance.choice(paths)[0], "when": "1 < 2", "reenter": chance.random() < 0.2}
        on = state.setdefault("on", {})
        on.setdefault(event, []).append(row)  # type: ignore[attr-defined]
    document = {
        "machine": "phone",
        "version": 1,
        "events": {"host": list(EVENTS)},
        "initial": chance.choice(list(tree)),
        "states": tree,
    }
    return str(document).replace("'", '"').replace("True", "true").replace("False", "false")


@pytest.mark.parametrize("seed", range(40))
def test_moves_are_those_of_the_compiled_plans(seed: int) -> None:
    subject = subject_of(random_machine(random.Random(seed)))
    written = rows(subject)
    definition = compile_machine(subject.document, VOCABULARY, subject.machine.line, "phone.yaml")
    by_place = {(row.source, row.event, row.row.target, row.row.reenter): row for row in written}
    compared = 0
    for leaf, table in definition.table.items():
        for event in EVENTS:
            for plan in table.get(event, ()):
                options = [
                    r
                    for r in by_place.values()
                    if (r.source, r.event, r.target) == (plan.source, event, plan.row.target)
                ]
                made = [move(subject, leaf, row) for row in options]
                assert (plan.exits, plan.entries, plan.destination) in [
                    (m.exits, m.entries, m.destination) for m in made if m is not None
                ]
                compared += 1
    assert compared or not any(row.source for row in written)


@pytest.mark.parametrize("seed", range(40))
def test_the_leaves_that_are_reached_are_those_of_the_plans(seed: int) -> None:
    subject = subject_of(random_machine(random.Random(seed)))
    definition = compile_machine(subject.document, VOCABULARY, subject.machine.line, "phone.yaml")
    reached, todo = set(), [definition.start.destination]
    while todo:
        leaf = todo.pop()
        if leaf not in reached:
            reached.add(leaf)
            todo += [plan.destination for event in EVENTS for plan in definition.table[leaf].get(event, ())]
    assert set(Flow(subject, rows(subject)).arrived) == reached


SOURCES = sorted(path.read_text() for path in BROKEN.rglob("*.yaml"))


@st.composite
def mangled(draw: st.DrawFn) -> str:
    """A machine file with a few pieces cut out, doubled or replaced."""
    text = draw(st.sampled_from(SOURCES))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 30)))
        piece = draw(
            st.sampled_from(["", text[start:end] * 2, "=", "null", "- ", "{", "ctx.", "3", "*x", "\n", ": ", "on", "é"])
        )
        text = text[:start] + piece + text[end:]
    return text


@pytest.mark.fuzz
@settings(max_examples=150, deadline=None)
@given(text=mangled())
def test_a_mangled_file_gives_findings_and_never_an_exception(
    text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("mangled") / "phone.yaml"
    path.write_text(text)
    for finding in check_machines({"phone": path}, VOCABULARY):
        lines = path.read_text().split("\n")
        assert 1 <= finding.line <= len(lines) + 1
        assert finding.col >= 1
