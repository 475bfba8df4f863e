"""Walks that take every row."""

from __future__ import annotations

import pytest
from tests.chart.recorder import define

from rtengine.chart.definition import Definition
from rtengine.chart.walk import reachable, walks

pytestmark = pytest.mark.unit

MACHINE = """
    machine: m
    initial: idle
    on: {"*": [{do: [{emit: note, with: {text: x}}]}]}
    states:
      idle: {on: {go: [{when: event.fast, target: work.two}, {target: work}]}}
      work:
        initial: one
        after: [{delay: 8s, target: failed}]
        done: [{target: pause}]
        states:
          one: {on: {next: [{target: two}]}}
          two: {always: [{when: event.x, target: three}], on: {back: [{target: one}], next: [{target: three}]}}
          three: {final: true}
      pause: {always: [{target: idle}], on: {never: [{target: failed}]}}
      lost: {on: {found: [{target: idle}]}}
      failed: {final: true}
"""


def taken(definition: Definition) -> set[int]:
    return {stride.plan.row.id for walk in walks(definition) for stride in walk}


def test_the_walks_take_every_row_that_can_be_reached() -> None:
    definition = define(MACHINE)
    rows = {(row.source, row.label) for row in definition.rows if row.id in taken(definition)}
    missed = {(row.source, row.label) for row in definition.rows if row.id not in taken(definition)}
    assert missed == {("lost", "found"), ("pause", "never")}
    assert ("work", "done") in rows
    assert [row.id for row in reachable(definition)] == sorted(taken(definition))


def test_each_walk_begins_at_the_start_and_each_row_where_the_last_one_led() -> None:
    definition = define(MACHINE)
    for walk in walks(definition):
        states = [definition.start.destination, *(stride.plan.destination for stride in walk)]
        assert [stride.state for stride in walk] == states[:-1]


def test_a_walk_goes_no_further_than_the_end_of_the_machine() -> None:
    first, second = walks(define(MACHINE))
    assert (first[-1].event, first[-1].plan.destination) == ("(after work 0)", "failed")
    assert all(stride.state != "failed" for stride in (*first, *second))


def test_the_walks_are_the_same_each_time() -> None:
    assert [[stride.plan.row.id for stride in walk] for walk in walks(define(MACHINE))] == [
        [stride.plan.row.id for stride in walk] for walk in walks(define(MACHINE))
    ]
