"""What journals hold, and that they can be replayed."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests import scenario
from tests.observe.recorded import SCENARIOS, recording
from tests.session.machines import MACHINES

from rtengine.observe.journal import Journal, Recorder
from rtengine.observe.recording import read
from rtengine.observe.replay import replay

pytestmark = pytest.mark.scenario

REPLAYABLE = [path for path in SCENARIOS if "\n  - break:" not in path.read_text(encoding="utf-8")]
"""A defect that a scenario plants is no input."""


@pytest.mark.parametrize("audio", [True, False], ids=["with_audio", "without_audio"])
@pytest.mark.parametrize("path", REPLAYABLE, ids=[path.stem for path in REPLAYABLE])
def test_every_scenario_replays_to_the_byte(path: Path, audio: bool, tmp_path: Path) -> None:
    recorder, journals = Recorder(tmp_path, audio), list[Journal]()
    with recording(recorder, journals):
        scenario.run(path, MACHINES)
    recorder.close()
    recorded = read(journals[0].path)
    assert len(recorded.steps) > 1
    assert replay(recorded, MACHINES) is None
