"""What the page about scenarios shows is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.session.machines import MACHINES

from rtengine.scenarios.document import ScenarioFile
from rtengine.scenarios.run import read_scenario
from rtengine.scenarios.verbs import STEPS
from rtengine.server.rehearsal import rehearse
from rtengine.source.report import full

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/scenarios.md").read_text(encoding="utf-8")
SCENARIOS = ROOT / "tests/scenarios"


def test_every_step_and_every_key_is_listed() -> None:
    assert set(STEPS) <= set(re.findall(r"`([a-z]+):", TEXT))
    assert set(ScenarioFile.model_fields) - {"steps"} <= set(re.findall(r"`([a-z]+)[:`]", TEXT))


def test_every_trap_has_its_file_and_every_file_its_trap() -> None:
    table = TEXT.partition("## Traps")[2]
    named = {
        name
        for row in re.findall(r"^\|[^|]*\| (`.*`) \|$", table, re.MULTILINE)
        for name in row.strip("`").split("`, `")
    }
    assert [name for name in named if not (SCENARIOS / f"{name}.yaml").is_file()] == []
    files = [*SCENARIOS.glob("trap_*.yaml"), *(SCENARIOS / "wire").glob("trap_*.yaml")]
    found = {path.relative_to(SCENARIOS).with_suffix("").as_posix() for path in files}
    assert found - {"wire/trap_any_server"} == named - {"defects"}


def test_the_scenarios_shown_pass(tmp_path: Path) -> None:
    profile = (SCENARIOS / "wire/profiles/chat_endpoint.yaml").read_text(encoding="utf-8")
    (tmp_path / "chat_endpoint.yaml").write_text(profile, encoding="utf-8")
    shown = re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    assert len(shown) == 2
    for number, text in enumerate(shown):
        path = tmp_path / f"shown_{number}.yaml"
        path.write_text(text, encoding="utf-8")
        found = rehearse(read_scenario(path), MACHINES)
        assert not found, full(found)
