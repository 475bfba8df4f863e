from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rtengine.errors import RtengineError
from rtengine.profile.load import load_profile
from rtengine_cli import doctor
from rtengine_cli.main import app

HEAD = "profile: mine\nversion: 1\nextends: scripted\n"
ADD = "def add(a: int) -> int:\n    return a\n"

pytestmark = pytest.mark.unit


def report(path: Path, text: str) -> dict[str, doctor.Outcome]:
    path.write_text(HEAD + text, encoding="utf-8")
    return {part: doctor.tried(part, attempt) for part, attempt in doctor.parts(load_profile(path, {}))}


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    return tmp_path / "mine.yaml"


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_every_part_of_a_profile_is_tried(mine: Path) -> None:
    found = report(mine, "server: {port: 0}\n")
    assert list(found) == [
        "machine",
        "address 127.0.0.1:0",
        "vad silero",
        "transcriber scripted",
        "chat scripted",
        "voice scripted",
    ]
    assert all(outcome.well for outcome in found.values()), found
    assert "heard speech at 560 ms" in found["vad silero"].told
    assert "wrote '2.6 seconds of audio'" in found["transcriber scripted"].told
    assert "You said: What is the capital of France?" in found["chat scripted"].told
    assert "spoke 1.6 s as 'marin'" in found["voice scripted"].told


def test_what_fails_is_told_with_its_remedy_and_the_rest_is_tried(mine: Path, taken: int) -> None:
    fail = "{message: Out of memory., code: oom}"
    found = report(
        mine,
        f"server: {{port: {taken}}}\n"
        "models:\n"
        f"  transcriber: {{adapter: scripted, transcripts: [{{fail: {fail}}}]}}\n"
        f"  chat: {{adapter: openai, model: m, base_url: 'http://127.0.0.1:{taken}/v1', timeout_seconds: 0.1}}\n"
        "pipeline: {host: dora}\n"
        "session: {audio: {input: {noise_reduction: {type: near_field}}}}\n",
    )
    assert {part for part, outcome in found.items() if not outcome.well} == {
        f"address 127.0.0.1:{taken}",
        "transcriber scripted",
        "chat openai",
    }
    assert "choose another `port`" in found[f"address 127.0.0.1:{taken}"].hint
    assert found["transcriber scripted"].told == "Out of memory."
    assert "did not answer" in found["chat openai"].told
    assert "timeout_seconds" in found["chat openai"].hint
    assert str(found["chat openai"]).startswith("FAILED  chat openai")


def test_tools_are_loaded_and_servers_asked(mine: Path) -> None:
    (mine.parent / "sums.py").write_text(ADD, encoding="utf-8")
    good = "tools: [{name: add, description: Adds, parameters: {type: object}, run: {python: 'sums.py:add'}}]\n"
    assert report(mine, good)["tools"].told == "add"
    broken = report(mine, "tools: [{name: docs, run: {mcp: {command: [no-such-program]}}}]\n")["tools"]
    assert not broken.well
    assert "docs" in broken.told


@pytest.mark.parametrize(
    ("models", "part", "told"),
    [
        (
            "transcriber: {adapter: scripted, transcripts: ['']}",
            "transcriber scripted",
            "heard no words",
        ),
        ("chat: {adapter: scripted, rules: [{match: '', say: ''}]}", "chat scripted", "answered nothing"),
        ("voice: {adapter: scripted, ms_per_character: 0}", "voice scripted", "spoke nothing"),
    ],
)
def test_a_model_that_gives_nothing_fails(mine: Path, models: str, part: str, told: str) -> None:
    outcome = report(mine, f"server: {{port: 0}}\nmodels: {{{models}}}\n")[part]
    assert (outcome.well, outcome.told) == (False, told)


def test_the_command_fails_when_a_part_does(mine: Path, taken: int) -> None:
    mine.write_text(HEAD + f"server: {{port: {taken}}}\n", encoding="utf-8")
    result = CliRunner().invoke(app, ["doctor", "--profile", str(mine)])
    assert isinstance(result.exception, RtengineError)
    assert result.stdout.count("ok ") == 5
    assert "FAILED  address" in result.stdout
    mine.write_text(HEAD + "server: {port: 0}\n", encoding="utf-8")
    result = CliRunner().invoke(app, ["doctor", "--profile", str(mine)])
    assert (result.exit_code, result.stdout.count("ok ")) == (0, 6)
