"""The demo and the client against a server in a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rtengine.errors import RtengineError
from rtengine_cli.child import Child
from rtengine_cli.demo import AUDIBLE, QUESTION
from rtengine_cli.main import app
from rtengine_cli.recording import loudness, read_wav

pytestmark = pytest.mark.end_to_end

TEXT_ONLY = (
    "profile: quiet\nversion: 1\nextends: scripted\nsession: {output_modalities: [text]}\nmodels: {voice: null}\n"
)


def test_the_demo_hears_answers_and_tells_when(tmp_path: Path) -> None:
    out = tmp_path / "answer.wav"
    result = CliRunner(env={"NO_COLOR": "1"}).invoke(app, ["demo", "--profile", "scripted", "--out", str(out)])
    assert result.exit_code == 0, result.output
    for words in (
        "you: ",
        "agent: You said: ",
        "Time line after speech_stopped",
        "answer heard after",
        "response.done",
    ):
        assert words in result.output
    assert loudness(read_wav(out)) > AUDIBLE


def test_an_answer_without_sound_is_no_answer_for_the_demo(tmp_path: Path) -> None:
    profile = tmp_path / "quiet.yaml"
    profile.write_text(TEXT_ONLY, encoding="utf-8")
    result = CliRunner().invoke(app, ["demo", "--profile", str(profile), "--out", str(tmp_path / "answer.wav")])
    assert isinstance(result.exception, RtengineError)
    assert result.exception.message == "the answer has no sound"
    assert "agent: You said: " in result.output


def test_why_no_answer_came_is_told_by_the_demo(tmp_path: Path) -> None:
    profile = tmp_path / "mute.yaml"
    fails = "{adapter: scripted, fail: [{message: The voice is hoarse.}]}"
    profile.write_text(f"profile: mute\nversion: 1\nextends: scripted\nmodels: {{voice: {fails}}}\n", encoding="utf-8")
    result = CliRunner().invoke(app, ["demo", "--profile", str(profile), "--out", str(tmp_path / "answer.wav")])
    assert isinstance(result.exception, RtengineError)
    assert "warning: speak job" in result.output
    assert "The voice is hoarse." in result.output


def test_a_recording_can_be_talked_to_a_running_server(tmp_path: Path) -> None:
    out = tmp_path / "answer.wav"
    with Child("scripted", on_line=lambda line: None) as server:
        command = ["talk", "--url", server.url, "--file", str(QUESTION), "--out", str(out), "--fast"]
        result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert "you: 1." in result.output
    assert "agent: You said: 1." in result.output
    assert loudness(read_wav(out)) > AUDIBLE


def test_a_server_that_cannot_start_is_told_with_its_reason() -> None:
    with pytest.raises(RtengineError, match="the server ended with status 1: error: there is no shipped profile"):
        Child("none", on_line=lambda line: None).__enter__()


def test_the_server_says_where_it_is_and_ends_in_order_when_told_to() -> None:
    command = [sys.executable, "-m", "rtengine_cli", "run", "--profile", "scripted", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
        process.send_signal(signal.SIGTERM)
        assert process.wait(100) == 0
    assert lines[0].endswith("is ready\n")
    assert "ws://127.0.0.1:" in lines[2]


@pytest.mark.models
def test_the_default_profile_answers_a_spoken_question_aloud(tmp_path: Path) -> None:
    out = tmp_path / "answer.wav"
    result = CliRunner(env={"NO_COLOR": "1"}).invoke(app, ["demo", "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "you: What is the capital of France?" in result.output
    assert "Paris" in result.output
