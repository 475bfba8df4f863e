from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from rtengine import __version__
from rtengine.errors import RtengineError
from rtengine.profile.load import load_profile
from rtengine.profile.shipped import shipped, shipped_files
from rtengine_cli.main import app, main
from rtengine_cli.run import banner

pytestmark = pytest.mark.unit

COMMANDS = {"run", "check", "test", "draw", "profiles", "talk", "demo", "schema", "models"}


def invoke(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}).invoke(app, arguments)


def test_the_version_is_told() -> None:
    assert invoke("--version").output == f"rtengine {__version__}\n"


def test_help_lists_every_command() -> None:
    output = invoke("--help").output
    assert {command for command in COMMANDS if re.search(rf"\b{command}\b", output)} == COMMANDS


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_explains_itself(command: str) -> None:
    result = invoke(command, "--help")
    assert result.exit_code == 0
    assert "Usage" in result.output


def test_the_shipped_files_have_no_findings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoke("check", "--strict")
    assert result.exit_code == 0, result.output
    count = sum(len(list(shipped(kind).rglob("*.yaml"))) for kind in ("machines", "profiles"))
    assert f"{count} files checked, nothing found" in result.output


def broken_profile(folder: Path) -> Path:
    path = folder / "mine.yaml"
    path.write_text("profile: mine\nversion: 1\nextends: scripted\nlimits:\n  sesions: 3\n", encoding="utf-8")
    return path


def test_a_finding_is_shown_with_its_line_and_a_hint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoke("check", str(broken_profile(tmp_path)))
    assert result.exit_code == 1
    assert "mine.yaml:5:3: error PF011 unknown key 'sesions'" in result.output
    assert "hint: did you mean 'sessions'?" in result.output
    assert "1 file checked: 1 error, 0 warnings" in result.output


@pytest.mark.parametrize("format", ["concise", "json", "github"])
def test_findings_have_forms_for_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoke("check", "--format", format, str(broken_profile(tmp_path)))
    assert result.exit_code == 1
    if format == "json":
        (record,) = json.loads(result.stdout)
        assert (record["file"], record["line"], record["code"]) == ("mine.yaml", 5, "PF011")
    else:
        assert "PF011" in result.stdout
        assert len(result.stdout.splitlines()) == 1


def test_the_folders_here_are_checked_before_the_shipped_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "profiles").mkdir()
    broken_profile(tmp_path / "profiles")
    result = invoke("check", "--format", "concise")
    assert result.exit_code == 1
    assert result.stdout.startswith("profiles/mine.yaml:5:3:")


def test_a_broken_machine_is_found_in_its_place(tmp_path: Path) -> None:
    text = (shipped("machines") / "turn.yaml").read_text(encoding="utf-8")
    path = tmp_path / "my-turn.yaml"
    path.write_text(text.replace("\ninitial: ", "\ninitial: no_", 1), encoding="utf-8")
    result = invoke("check", "--format", "concise", str(path))
    assert result.exit_code == 1
    assert "my-turn.yaml" in result.stdout


def test_a_missing_variable_is_a_warning_unless_strict(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("profile: mine\nversion: 1\nextends: scripted\nserver: {host: '${RT_NONE}'}\n", encoding="utf-8")
    assert invoke("check", str(path)).exit_code == 0
    assert invoke("check", "--strict", str(path)).exit_code == 1


def test_a_file_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["rtengine", "check", "none.yaml"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 1
    assert capsys.readouterr().err == "error: there is no file 'none.yaml'\n"


def test_a_profile_that_is_not_there_gets_a_hint(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["rtengine", "run", "--profile", "scriptd"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 1
    error = capsys.readouterr().err
    assert error.startswith("error: there is no shipped profile 'scriptd'\nhint: did you mean 'scripted'?")


@pytest.mark.parametrize("name", sorted(shipped_files("machines")))
def test_every_shipped_machine_can_be_drawn(name: str) -> None:
    result = invoke("draw", name)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("stateDiagram-v2\n")


def test_a_machine_that_is_not_there_is_told() -> None:
    result = invoke("draw", "trun")
    assert isinstance(result.exception, RtengineError)
    assert "did you mean 'turn'?" in result.exception.hint


def test_profiles_lists_names_and_docs() -> None:
    output = invoke("profiles").output
    for name in shipped_files("profiles"):
        assert name in output
    assert "No models" in output


def test_the_banner_says_where_and_with_what() -> None:
    text = banner(load_profile("scripted", {}), "0.0.0.0", 8765)
    assert "ws://127.0.0.1:8765/v1/realtime" in text
    assert "http://127.0.0.1:8765/v1" in text
    assert "scripted" in text
    assert "turn" in text
    assert "Ctrl+C" in text
    assert "http://127.0.0.1:8765/\n" not in text  # the page is for servers on loopback
    text = banner(load_profile("scripted", {}), "::1", 1)
    assert "ws://[::1]:1/v1/realtime" in text
    assert "http://[::1]:1/\n" in text
