"""Every row of every shipped machine is taken by a scenario, or it should not be there."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.scenario import run
from tests.session.machines import MACHINES

from rtengine.chart.coverage import Coverage

pytestmark = pytest.mark.scenario


def test_every_row_is_taken() -> None:
    coverage = Coverage()
    for path in sorted(Path(__file__).parent.glob("*.yaml")):
        run(path, MACHINES, lambda instance, plan, source: coverage.taken(plan))
    report = list(coverage.report(MACHINES.values()))
    print("\n".join(report))
    assert all(coverage.tally(definition).complete for definition in MACHINES.values()), "\n".join(report)
