"""Which rows were taken."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from tests.chart.recorder import Recorder, running

from rtengine.chart.coverage import Coverage

pytestmark = pytest.mark.unit

DOOR = """
    machine: door
    initial: closed
    on: {knock: [{do: [{emit: note, with: {text: knock}}]}]}
    states:
      closed: {on: {open: [{when: event.key, target: opened}, {target: locked}]}}
      opened: {on: {close: [{target: closed}]}, after: [{delay: 8s, target: closed}]}
      locked: {}
"""


def covered(*events: str) -> tuple[Coverage, Recorder]:
    system, instance, host = running(DOOR)
    for event in events:
        system.handle(instance, event, SimpleNamespace(key=True))
    coverage = Coverage()
    for plan in host.plans:
        coverage.taken(plan)
    return coverage, host


def test_rows_and_states_that_were_missed_are_named_with_their_place() -> None:
    coverage, _ = covered("knock", "open", "close", "open")
    definition = running(DOOR)[1].definition
    assert list(coverage.report([definition])) == [
        "door.yaml: 3/5 rows, 2/3 states",
        "door.yaml:1: not taken: closed: open → locked",
        "door.yaml:1: not taken: opened: after 8s → closed",
        "door.yaml: not entered: locked",
    ]
    assert not coverage.tally(definition).complete


def test_counts_of_several_runs_add_up() -> None:
    total = Coverage()
    for events in (("open", "close"), ("open",)):
        total.update(covered(*events)[0])
    assert total.rows["door.yaml", ("states", "closed", "on", "open", 0)] == 2
    assert total.states["door", "closed"] == 3


def test_a_guard_is_part_of_the_description() -> None:
    definition = running(DOOR)[1].definition
    assert "door.yaml:1: not taken: closed: open [event.key] → opened" in list(Coverage().report([definition]))
