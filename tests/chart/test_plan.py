"""What is decided when a file is compiled: moves, targets, durations, and the table of plans."""

from __future__ import annotations

from typing import Any

import pytest
from tests.chart.recorder import VOCABULARY, define, document

from rtengine.chart.definition import compile_machine
from rtengine.chart.duration import seconds
from rtengine.chart.expression import ExpressionError
from rtengine.chart.plan import Topology
from rtengine.chart.states import document_path, places, resolve, upwards

pytestmark = pytest.mark.unit

TREE = """
    machine: m
    initial: a
    states:
      a:
        initial: b
        states:
          b: {}
          c: {initial: d, states: {d: {}, e_f: {}}}
      z: {}
"""


def topology() -> Topology:
    return Topology(places(document(TREE)), "a")


@pytest.mark.parametrize(
    ("leaf", "target", "exits", "entries", "destination"),
    [
        ("a.b", "a.c", "a.b", "a.c a.c.d", "a.c.d"),
        ("a.c.d", "a.c.e_f", "a.c.d", "a.c.e_f", "a.c.e_f"),
        ("a.c.d", "a.c.d", "a.c.d", "a.c.d", "a.c.d"),
        ("a.c.e_f", "a.c", "a.c.e_f a.c", "a.c a.c.d", "a.c.d"),
        ("a.c.d", "a", "a.c.d a.c a", "a a.b", "a.b"),
        ("a.c.d", "z", "a.c.d a.c a", "z", "z"),
        ("z", "a.c.e_f", "z", "a a.c a.c.e_f", "a.c.e_f"),
    ],
)
def test_a_move_leaves_up_to_the_common_state_and_enters_down_to_the_leaf(
    leaf: str, target: str, exits: str, entries: str, destination: str
) -> None:
    move = topology().move(leaf, target)
    assert (" ".join(move.exits), " ".join(move.entries), move.destination) == (exits, entries, destination)


@pytest.mark.parametrize(
    ("source", "target", "exits", "entries"),
    [
        ("a", "a.c.e_f", "a.c.d a.c a", "a a.c a.c.e_f"),
        ("a.c", "a.c.e_f", "a.c.d a.c", "a.c a.c.e_f"),
        ("a.c", "a.b", "a.c.d a.c", "a.b"),
        ("a.c.d", "a.c.d", "a.c.d", "a.c.d"),
    ],
)
def test_reentering_leaves_and_enters_the_source_too(source: str, target: str, exits: str, entries: str) -> None:
    move = topology().reenter("a.c.d", source, target)
    assert (" ".join(move.exits), " ".join(move.entries)) == (exits, entries)


def test_beginning_enters_and_leaves_nothing() -> None:
    move = topology().begin("a")
    assert (move.exits, move.entries, move.destination) == ((), ("a", "a.b"), "a.b")


def test_the_library_never_has_a_model() -> None:
    built = topology()
    built.move("a.b", "z")
    assert built._machine.models == []


@pytest.mark.parametrize(
    ("source", "target", "found"),
    [
        ("a", "b", "a.b"),
        ("a.b", "c", "a.c"),
        ("a.b", "c.d", "a.c.d"),
        ("a.c.d", "e_f", "a.c.e_f"),
        ("a.c.d", "b", "a.b"),
        ("a.c.d", "d", "a.c.d"),
        ("a.c.d", "z", "z"),
        ("z", "a.c.d", "a.c.d"),
        ("", "a.b", "a.b"),
        ("z", "b", None),
        ("", "d", None),
    ],
)
def test_a_target_is_looked_up_among_the_children_and_then_outwards(
    source: str, target: str, found: str | None
) -> None:
    assert resolve(places(document(TREE)), source, target) == found


def test_paths_of_states() -> None:
    assert list(places(document(TREE))) == ["a", "a.b", "a.c", "a.c.d", "a.c.e_f", "z"]
    assert list(upwards("a.c.d")) == ["a.c.d", "a.c", "a"]
    assert document_path("a.c.d") == ("states", "a", "states", "c", "states", "d")
    assert document_path("") == ()


@pytest.mark.parametrize(
    ("written", "value"), [("500ms", 0.5), ("8s", 8.0), ("2m", 120.0), ("1.5s", 1.5), (3, 3.0), (0, 0)]
)
def test_durations_are_seconds(written: str | int, value: float) -> None:
    assert seconds(written) == pytest.approx(value)


@pytest.mark.parametrize("written", ["8", "8 hours", "-1s", "", -1, -0.5])
def test_other_durations_are_refused(written: str | float) -> None:
    with pytest.raises(ValueError, match="duration"):
        seconds(written)


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ({"target": "nowhere"}, LookupError),
        ({"when": "ctx.a ="}, ExpressionError),
        ({"do": [{"set": {"x": "=unknown"}}]}, ExpressionError),
    ],
)
def test_a_document_the_checks_would_have_refused_does_not_compile(row: dict[str, Any], error: type[Exception]) -> None:
    text = "machine: m\ninitial: s\nstates: {s: {}}"
    raw = document(text).model_dump(by_alias=True)
    raw["states"]["s"]["on"] = {"go": [row]}
    with pytest.raises(error):
        compile_machine(type(document(text)).model_validate(raw), VOCABULARY, lambda path: 1, "m.yaml")


def test_rows_behind_an_unguarded_one_are_in_no_plan() -> None:
    definition = define(
        """
        machine: m
        initial: a
        on: {go: [{target: b}]}
        states:
          a: {on: {go: [{when: "true", target: b}, {target: a}, {target: b}]}}
          b: {on: {"*": [{when: "true"}]}}
        """
    )
    assert [plan.row.id for plan in definition.table["a"]["go"]] == [1, 2]
    assert [plan.event for plan in definition.table["b"]["go"]] == ["*", "go"]


def test_rows_carry_the_line_their_file_gives_them() -> None:
    parsed = document(
        """
        machine: m
        initial: a
        on: {top: [{target: a}]}
        states:
          a:
            on: {go: [{target: a}, {doc: why, when: "true"}]}
            after: [{delay: 2s, target: a}]
        """
    )
    lines = {
        ("initial",): 3,
        ("on", "top", 0): 4,
        ("states", "a", "on", "go", 0): 7,
        ("states", "a", "on", "go", 1): 8,
        ("states", "a", "after", 0): 6,
    }
    definition = compile_machine(parsed, VOCABULARY, lines.__getitem__, "machines/m.yaml")
    assert [(row.line, row.label) for row in definition.rows] == [(4, "top"), (6, "after 2s"), (7, "go"), (8, "go")]
    assert definition.start.where == "machines/m.yaml:3"
    assert (definition.rows[3].doc, definition.rows[3].when, definition.rows[3].target) == ("why", "true", None)
    assert [row.id for row in definition.rows] == [0, 1, 2, 3]
