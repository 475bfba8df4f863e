"""What the README shows is so."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from rtengine.chart.load import check_machines
from rtengine.profile.load import load_profile
from rtengine.profile.shipped import shipped_files
from rtengine.session.vocabulary import VOCABULARY
from rtengine_cli.child import Child
from rtengine_cli.main import app

README = Path(__file__).parents[2] / "README.md"
TEXT = README.read_text(encoding="utf-8")

pytestmark = pytest.mark.unit


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def test_the_profiles_shown_load(tmp_path: Path) -> None:
    shown = blocks("yaml")
    assert len(shown) == 4
    (machine,) = (text for text in shown if text.startswith("extends: turn\n"))
    (tmp_path / "my-turn.yaml").write_text(machine, encoding="utf-8")
    assert check_machines({**shipped_files("machines"), "turn": tmp_path / "my-turn.yaml"}, VOCABULARY) == []
    for text in (text for text in shown if text != machine):
        name = text.split("\n", 1)[0].removeprefix("profile: ")
        path = tmp_path / f"{name}.yaml"
        path.write_text(text, encoding="utf-8")
        assert load_profile(path, {"HOTEL_KEY": "x"}).name == name


def test_every_command_and_every_profile_is_listed() -> None:
    rows = set(re.findall(r"^\| `([a-z-]+(?: [a-z]+)?)` \|", TEXT, re.MULTILINE))
    commands = {f"rtengine {name}" for name in get_command(app).commands}  # type: ignore[attr-defined]
    assert rows == commands | set(shipped_files("profiles"))


def test_the_row_to_edit_is_there() -> None:
    (row,) = re.findall(r"`(buffer\.buffered_ms >= \d+)`", TEXT)
    assert row in shipped_files("machines")["turn"].read_text(encoding="utf-8")


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", TEXT):
        assert (README.parent / target).exists(), target


@pytest.mark.conformance
def test_the_python_example_runs(tmp_path: Path) -> None:
    (code,) = blocks("python")
    ast.parse(code)
    with Child("scripted", on_line=lambda line: None) as server:
        address = server.url.partition("/v1")[0]
        script = tmp_path / "example.py"
        script.write_text(code.replace("ws://127.0.0.1:8765", address), encoding="utf-8")
        result = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=200, check=False)
    assert (result.returncode, result.stdout) == (0, "You said: Say hello."), result.stderr
