"""Sessions that are watched."""

from __future__ import annotations

import pytest
from tests import scenario
from tests.observe.recorded import SCENARIOS, watched
from tests.session.machines import MACHINES

from rtengine.observe.watch import Given, Setup, Started, Step, Watcher

pytestmark = pytest.mark.scenario

BARGE_IN = next(path for path in SCENARIOS if path.stem == "barge_in")


class Witness:
    def __init__(self, breaks: bool = False) -> None:
        self.given: list[Given] = []
        self.steps: list[Step] = []
        self.ends = 0
        self._breaks = breaks

    def before(self, given: Given, now: float) -> None:
        self.given.append(given)

    def after(self, step: Step) -> None:
        self.steps.append(step)
        if self._breaks:
            raise ZeroDivisionError

    def over(self) -> None:
        self.ends += 1


def run(*watchers: Watcher) -> scenario.World:
    def make(setup: Setup) -> list[Watcher]:
        return list(watchers)

    with watched(make):
        return scenario.run(BARGE_IN, MACHINES)


def test_every_input_is_told_with_what_came_of_it() -> None:
    witness = Witness()
    world = run(witness)
    assert isinstance(witness.given[0], Started)
    assert len(witness.given) == len(witness.steps) > 10
    assert [effect for step in witness.steps for effect in step.effects] == world.effects


def test_the_effects_of_a_step_are_those_of_its_rows_in_order() -> None:
    witness = Witness()
    run(witness)
    for step in witness.steps:
        counts = [taken.effects for taken in step.taken]
        assert counts == sorted(counts)
        assert not counts or counts[-1] <= len(step.effects)


def test_what_a_detector_heard_is_told() -> None:
    witness = Witness()
    run(witness)
    heard = [edge.kind for step in witness.steps for edges in step.told.edges for edge in edges]
    assert heard[0] == "speech"


def test_watching_changes_nothing() -> None:
    assert scenario.run(BARGE_IN, MACHINES).effects == run(Witness()).effects


def test_a_watcher_that_breaks_is_told_no_more_and_the_session_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    broken, whole = Witness(breaks=True), Witness()
    run(broken, whole)
    assert len(broken.steps) == 1
    assert len(whole.steps) > 10
    assert [record.message for record in caplog.records] == ["watcher failed"]
