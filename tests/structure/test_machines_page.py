"""What the page about machines shows is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rtengine.profile.load import load_profile
from rtengine.profile.shipped import shipped_variants
from rtengine_cli.main import app

pytestmark = pytest.mark.unit

PAGE = Path(__file__).parents[2] / "docs" / "machines.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
MACHINE, SCENARIO, PROFILE, MODELINE, INTERCOM, GREETING = BLOCKS


def invoke(*arguments: str) -> tuple[int, str]:
    result = CliRunner(env={"NO_COLOR": "1", "TERM": "dumb"}).invoke(app, arguments)
    return result.exit_code, result.output


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("my-turn.yaml").write_text(MACHINE, encoding="utf-8")
    Path("patient.yaml").write_text(PROFILE, encoding="utf-8")
    Path("scenarios").mkdir()
    Path("scenarios/my-turn.yaml").write_text(SCENARIO, encoding="utf-8")
    return tmp_path


def test_the_first_change_is_right(folder: Path) -> None:
    assert invoke("check", "--strict", "my-turn.yaml", "scenarios", "patient.yaml") == (
        0,
        "3 files checked, nothing found\n",
    )


def test_it_does_what_is_asked_of_it(folder: Path) -> None:
    status, output = invoke("test", "my-turn.yaml")
    assert status == 0, output
    assert "passed  scenarios/my-turn.yaml  The caller says nothing at all" in output
    assert re.search(r"my-turn\.yaml: \d+/\d+ rows, 3/3 states", output)


def test_it_can_be_drawn(folder: Path) -> None:
    assert invoke("draw", "my-turn.yaml", "--changes", "-o", "my-turn.svg") == (0, "")
    assert ">alone</text>" in Path("my-turn.svg").read_text(encoding="utf-8")


def test_the_profiles_load(folder: Path) -> None:
    assert load_profile(Path("patient.yaml"), {}).machines["turn"].name == "my-turn.yaml"
    Path("intercom.yaml").write_text(INTERCOM, encoding="utf-8")
    assert load_profile(Path("intercom.yaml"), {}).machines["turn"].name == "push-to-talk.yaml"


def test_the_greeting_is_right(folder: Path) -> None:
    Path("hotel.yaml").write_text(GREETING, encoding="utf-8")
    assert invoke("check", "--strict", "hotel.yaml") == (0, "1 file checked, nothing found\n")


def test_every_variant_is_listed() -> None:
    assert set(re.findall(r"^\| `([a-z-]+)` \| `[a-z]+` \|", TEXT, re.MULTILINE)) == set(shipped_variants())


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", TEXT):
        assert (PAGE.parent / target).exists(), target
