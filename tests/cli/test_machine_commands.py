"""The commands for people who change machines: test, draw, and check of what extends and what is promised."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from rtengine.errors import RtengineError
from rtengine.profile.shipped import shipped
from rtengine_cli.main import app

pytestmark = pytest.mark.unit

TURN = "extends: turn\nstates: {listening: {exit: [{call: stop_playing}]}}\n"
SCENARIO = "doc: A beginning\nmachines: {turn: ../mine.yaml}\nsteps:\n  - expect: [session.created]\n"


JOURNAL = Path(__file__).parents[1] / "journals/push_to_talk.jsonl"


def invoke(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}).invoke(app, arguments)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(TURN, encoding="utf-8")
    Path("scenarios").mkdir()
    Path("scenarios/begin.yaml").write_text(SCENARIO, encoding="utf-8")
    return tmp_path


def test_scenarios_beside_a_machine_are_run() -> None:
    result = invoke("test", "mine.yaml")
    assert result.exit_code == 0, result.output
    assert "passed  scenarios/begin.yaml  A beginning\n" in result.output
    assert "1 scenario, 0 failed" in result.output


def test_a_failure_is_shown_with_its_place() -> None:
    Path("scenarios/begin.yaml").write_text(SCENARIO + "  - expect: [error]\n", encoding="utf-8")
    result = invoke("test", "mine.yaml")
    assert result.exit_code == 1
    assert "FAILED  scenarios/begin.yaml" in result.output
    assert "scenarios/begin.yaml:5:14: error SC201 error was not sent" in result.output


def test_rows_that_no_scenario_takes_are_named() -> None:
    row = "extends: turn\non:\n  session.changed:\n    - do: []\n"
    Path("mine.yaml").write_text(row, encoding="utf-8")
    result = invoke("test", "mine.yaml")
    assert result.exit_code == 0
    assert "mine.yaml: 0/1 rows, 0/0 states\nmine.yaml:4: not taken: turn: session.changed\n" in result.output
    assert invoke("test", "mine.yaml", "--complete").exit_code == 1


def test_a_broken_machine_fails_and_is_told() -> None:
    Path("mine.yaml").write_text(TURN.replace("stop_playing", "stop_plying"), encoding="utf-8")
    result = invoke("test", "mine.yaml")
    assert result.exit_code == 1
    assert "SM402 unknown action 'stop_plying'" in result.output


def test_without_a_scenario_it_is_said_where_they_go() -> None:
    Path("scenarios/begin.yaml").unlink()
    result = invoke("test", "mine.yaml")
    assert isinstance(result.exception, RtengineError)
    assert "--scenarios DIR" in result.exception.hint


def test_the_shipped_variants_pass_by_default() -> None:
    result = invoke("test", "--complete")
    assert result.exit_code == 0, result.output
    scenarios = (shipped("machines") / "variants/scenarios").glob("*.yaml")
    assert f"\n{len(list(scenarios))} scenarios, 0 failed\n" in result.output


@pytest.mark.parametrize(
    ("name", "head"), [("x.svg", b"<svg "), ("x.png", b"\x89PNG"), ("x.mmd", b"stateDiagram-v2\n")]
)
def test_the_suffix_tells_the_format(name: str, head: bytes) -> None:
    assert invoke("draw", "mine.yaml", "-o", name).exit_code == 0
    assert Path(name).read_bytes().startswith(head)


def test_all_machines_are_drawn_without_a_name() -> None:
    output = invoke("draw").stdout
    assert output.startswith("flowchart LR\n")
    assert '    s_turn -->|"turn.barge_in"| s_response\n' in output


def test_changes_need_a_file_that_extends() -> None:
    assert "s_listening changed" in invoke("draw", "mine.yaml", "--changes").stdout
    result = invoke("draw", "turn", "--changes")
    assert isinstance(result.exception, RtengineError)


def test_what_an_extending_file_does_to_others_is_told_of_it() -> None:
    Path("mine.yaml").write_text("extends: turn\nremove: [events.peer.session.changed]\n", encoding="utf-8")
    result = invoke("check", "mine.yaml")
    assert result.exit_code == 1
    assert "'turn' declares no peer event 'session.changed'" in result.output
    assert "= note: beside mine.yaml" in result.output


def test_the_matrix_has_blanks() -> None:
    row = "{when: ctx.live > 0, do: []}"
    text = f"extends: session\nstates: {{ending: {{on: {{response.create: [{row}]}}}}}}\n"
    Path("mine.yaml").write_text(text, encoding="utf-8")
    lines = invoke("check", "mine.yaml", "--matrix").stdout.splitlines()
    ending = next(line for line in lines if line.startswith("ending"))
    assert ending.split()[1:] == ["-", "when", "yes", "yes"]


def test_a_state_that_can_no_longer_be_entered_is_told_where_the_file_took_its_place() -> None:
    text = "extends: turn\nstates:\n  listening:\n    initial: alone\n    states: {alone: {}}\n"
    Path("mine.yaml").write_text(text, encoding="utf-8")
    output = invoke("check", "mine.yaml").output
    assert "mine.yaml:4:14: warning SM302 the state 'listening.idle' can never be entered" in output
    assert re.search(r"= note: it stands in .*turn\.yaml:\d+\n", output)


def test_what_a_removal_leaves_useless_is_told_where_it_is_removed() -> None:
    Path("mine.yaml").write_text("extends: turn\nremove: [states.listening.on.vad.speech]\n", encoding="utf-8")
    output = invoke("check", "mine.yaml", "--format", "concise").output
    assert "mine.yaml:2:1: warning SM302 the state 'speaking' can never be entered (it stands in " in output
    assert "warning SM608 no machine sends 'turn.barge_in' (beside mine.yaml)" in output


def test_what_is_wrong_with_an_extended_file_is_not_laid_to_the_one_that_extends_it() -> None:
    Path("base.yaml").write_text("extends: turn\nstates: {alone: {}}\n", encoding="utf-8")
    Path("mine.yaml").write_text("extends: base.yaml\nstates: {speaking: {doc: The user speaks}}\n", encoding="utf-8")
    output = invoke("check", "mine.yaml", "--format", "concise").output
    assert "base.yaml:2:10: warning SM302 the state 'alone' can never be entered (as mine.yaml extends it)" in output
    assert "mine.yaml:2" not in output


def test_a_promise_that_is_broken_by_an_extending_file_is_told_at_its_row() -> None:
    text = (
        "extends: response\nstates:\n  lost: {final: true}\n  active:\n    on:\n      fault:\n        - target: lost\n"
    )
    Path("mine.yaml").write_text(text, encoding="utf-8")
    output = invoke("check", "mine.yaml", "--format", "concise").output
    assert "mine.yaml:7:11: error SM701 this way ends in 'lost' without 'response.done', which is promised" in output


def test_a_scenario_is_checked_too() -> None:
    Path("scenarios/begin.yaml").write_text(SCENARIO.replace("expect", "expcet"), encoding="utf-8")
    assert "scenarios/begin.yaml:4:5: error SC013" in invoke("check", "scenarios", "--format", "concise").output


WIRE = """\
doc: Two clients
profile: scripted
models: profile
steps:
  - {by: one, connect: }
  - {by: other, connect: }
  - {by: one, includes: [session.created]}
  - {by: other, includes: [session.created]}
"""


def test_scenarios_over_the_wire_have_a_server_of_their_own() -> None:
    Path("wire.yaml").write_text(WIRE, encoding="utf-8")
    result = invoke("test", "wire.yaml", "mine.yaml")
    assert result.exit_code == 0, result.output
    assert "passed  wire.yaml  Two clients\n" in result.output
    assert "2 scenarios, 0 failed" in result.output


def test_scenarios_with_several_errors_are_counted_by_their_files() -> None:
    Path("scenarios/wrong.yaml").write_text("steps:\n  - expcet: []\n  - expcet: []\n", encoding="utf-8")
    result = invoke("test", "scenarios")
    assert result.exit_code == 1
    assert result.output.endswith("\n1 scenario, 0 failed, 1 file with errors\n")


@pytest.mark.parametrize(
    "command",
    [
        ["draw", "mine.yaml", "-o", "none/a.mmd"],
        ["dataflow", "scripted", "-o", "none/a.yml"],
        ["replay", str(JOURNAL), "--write", "none/a.jsonl"],
    ],
    ids=lambda command: command[0],
)
def test_a_file_that_cannot_be_written_is_told(command: list[str]) -> None:
    result = invoke(*command)
    assert isinstance(result.exception, RtengineError)
    assert result.exception.message == f"{command[-1]!r} cannot be written: No such file or directory"


def test_a_server_at_no_address_is_told() -> None:
    Path("wire.yaml").write_text(WIRE, encoding="utf-8")
    result = invoke("test", "wire.yaml", "--url", "ws://127.0.0.1:port")
    assert isinstance(result.exception, RtengineError)
    assert "'ws://127.0.0.1:port' is no address" in result.exception.message


def test_a_server_that_is_not_there_ends_the_command_when_it_is_first_needed() -> None:
    Path("wire.yaml").write_text(WIRE, encoding="utf-8")
    Path("scenarios/begin.yaml").write_text("steps:\n  - expect: [session.created]\n", encoding="utf-8")
    result = invoke("test", "scenarios", "wire.yaml", "--url", "ws://127.0.0.1:1")
    assert isinstance(result.exception, RtengineError)
    assert result.exception.message.startswith("ws://127.0.0.1:1 cannot be reached: ")
    assert result.exception.hint == "start a server with `rtengine run`"
    assert "skipped  scenarios/begin.yaml  its steps play the models\n" in result.output
    alone = invoke("test", "scenarios", "--url", "ws://127.0.0.1:1")
    assert isinstance(alone.exception, RtengineError)
    assert "models: profile" in alone.exception.hint
    assert invoke("test", "scenarios", "--url", "ws://127.0.0.1:1", "--complete").exit_code == 2
    assert invoke("test", "--url", "ws://127.0.0.1:1").exit_code == 2
