"""Every row of every shipped machine is taken by a scenario, or it should not be there."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.scenario import run
from tests.session.machines import MACHINES

from rtengine.chart.coverage import Coverage
from rtengine.chart.instance import Instance
from rtengine.chart.load import load_machines
from rtengine.chart.plan import Plan
from rtengine.profile.shipped import shipped
from rtengine.scenarios.run import read_scenario
from rtengine.session.vocabulary import VOCABULARY

pytestmark = pytest.mark.scenario

OWN = sorted(Path(__file__).parent.glob("*.yaml"))
VARIANTS = sorted((shipped("machines") / "variants" / "scenarios").glob("*.yaml"))
"""What a variant of one machine sends takes rows of the others."""


def test_every_row_is_taken() -> None:
    coverage = Coverage()

    def taken(instance: Instance, plan: Plan, source: str) -> None:
        coverage.taken(plan)

    for path in OWN:
        run(path, MACHINES, taken)
    for path in VARIANTS:
        run(path, load_machines(read_scenario(path).files(), VOCABULARY), taken)
    report = list(coverage.report(MACHINES.values()))
    print("\n".join(report))
    assert all(coverage.tally(definition).complete for definition in MACHINES.values()), "\n".join(report)
