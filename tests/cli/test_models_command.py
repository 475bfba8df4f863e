from pathlib import Path

import pytest
from typer.testing import CliRunner

from rtengine.errors import ModelError
from rtengine.models import weights
from rtengine.models.download import Progress
from rtengine_cli.models import app

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RTENGINE_CACHE", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def test_list_shows_what_is_here_and_what_is_missing() -> None:
    result = CliRunner().invoke(app, ["list"])
    assert result.exit_code == 0
    states = {line.split()[0]: line.split()[1] for line in result.output.splitlines()[1:]}
    assert states["whisper-base"] == "missing"
    assert states["silero-v6"] == "present"


def test_verify_without_names_forgives_what_was_never_fetched() -> None:
    result = CliRunner().invoke(app, ["verify"])
    assert result.exit_code == 0
    assert "whisper-base: missing" in result.output


def test_verify_of_a_missing_set_fails() -> None:
    assert CliRunner().invoke(app, ["verify", "whisper-base"]).exit_code == 1


def test_verify_names_the_wrong_file(empty_cache: Path) -> None:
    folder = empty_cache / "models/smollm2-135m"
    folder.mkdir(parents=True)
    (folder / "SmolLM2-135M-Instruct.Q4_1.gguf").write_bytes(b"something else")
    result = CliRunner().invoke(app, ["verify"])
    assert result.exit_code == 1
    assert "has 14 bytes, expected 98362432" in result.output


def test_pull_without_names_takes_those_of_the_default_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    pulled: list[str] = []

    def pull(name: str, progress: Progress) -> Path:
        pulled.append(name)
        return Path("/somewhere") / name

    monkeypatch.setattr(weights, "pull", pull)
    result = CliRunner().invoke(app, ["pull"])
    assert result.exit_code == 0
    assert pulled == ["whisper-base", "smollm2-135m", "hibari", "silero-v6"]


def test_pull_goes_on_after_a_failure_and_exits_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    def pull(name: str, progress: Progress) -> Path:
        if name == "whisper-base":
            raise ModelError("no network", hint="plug it in")
        return Path("/somewhere") / name

    monkeypatch.setattr(weights, "pull", pull)
    result = CliRunner().invoke(app, ["pull", "whisper-base", "smollm2-135m"])
    assert result.exit_code == 1
    assert "error: no network" in result.output
    assert "hint: plug it in" in result.output
    assert "smollm2-135m: /somewhere/smollm2-135m" in result.output
