"""Reading journals, and finding the first difference."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tests import scenario
from tests.observe.recorded import SCENARIOS, recording
from tests.session.machines import MACHINES
from tests.session.test_random_sequences import Wanderer
from typer.testing import CliRunner

from rtengine.chart.load import load_machines
from rtengine.errors import RtengineError
from rtengine.observe.journal import Journal, Recorder
from rtengine.observe.recording import changed, machine_files, read
from rtengine.observe.replay import replay
from rtengine.session.effects import Disconnected
from rtengine.session.vocabulary import VOCABULARY
from rtengine_cli.main import app
from rtengine_cli.replay import first_difference

pytestmark = pytest.mark.scenario


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    recorder, journals = Recorder(tmp_path_factory.mktemp("journals"), False), list[Journal]()
    with recording(recorder, journals):
        world = scenario.World(MACHINES)
        world.client({"type": "input_audio_buffer.commit"})
        world.audio(200)
        world.client({"type": "input_audio_buffer.clear"})
        world.advance(1.5)
        world.client({"type": "conversation.item.delete", "item_id": "item_none"})
    recorder.close()
    return journals[0].path


def machines_with(folder: Path, old: str, new: str) -> Path:
    """A folder with a `turn.yaml` that is different."""
    text = machine_files(json.loads(HEAD))["turn"].read_text(encoding="utf-8")
    assert re.search(old, text)
    (folder / "turn.yaml").write_text(re.sub(old, new, text), encoding="utf-8")
    return folder


HEAD = json.dumps({"machines": {"turn": {"file": "turn.yaml"}}})
CLEARED = r"( +- emit: input_audio_buffer.cleared\n)"


def test_a_row_that_says_less_is_found(journal: Path, tmp_path: Path) -> None:
    recorded = read(journal)
    files = machine_files(recorded.head, machines_with(tmp_path, CLEARED, ""))
    difference = replay(recorded, load_machines(files, VOCABULARY))
    assert difference is not None and difference.recorded is not None
    assert difference.replayed is None
    assert '"type":"input_audio_buffer.cleared"' in difference.recorded.text
    lines = {row.line for row in MACHINES["turn"].rows if row.event == "input_audio_buffer.clear"}
    assert difference.recorded.row.split("  ")[0] in {f"turn.yaml:{line}" for line in lines}


def test_a_row_that_says_more_is_found(journal: Path, tmp_path: Path) -> None:
    recorded = read(journal)
    files = machine_files(recorded.head, machines_with(tmp_path, CLEARED, r"\1\1"))
    difference = replay(recorded, load_machines(files, VOCABULARY))
    assert difference is not None and difference.replayed is not None
    assert difference.recorded is None
    assert difference.replayed.row.startswith(str(tmp_path / "turn.yaml"))


def test_only_files_that_have_changed_are_told(journal: Path, tmp_path: Path) -> None:
    recorded = read(journal)
    same = machine_files(recorded.head, machines_with(tmp_path, CLEARED, r"\1"))
    assert changed(recorded.head, same, load_machines(same, VOCABULARY)) == []
    other = machine_files(recorded.head, machines_with(tmp_path, CLEARED, r"\1\n"))
    assert changed(recorded.head, other, load_machines(other, VOCABULARY)) == [str(tmp_path / "turn.yaml")]


def test_a_torn_line_at_the_end_is_left_out(journal: Path, tmp_path: Path) -> None:
    text = journal.read_text(encoding="utf-8")
    head = text.index("\n")
    for cut in (head + (len(text) - head) // 3, head + (len(text) - head) // 2, len(text) - 3):
        torn = tmp_path / "torn.jsonl"
        torn.write_text(text[:cut], encoding="utf-8")
        recorded = read(torn)
        assert not recorded.complete
        assert replay(recorded, MACHINES) is None


def test_a_line_may_be_torn_within_a_character(journal: Path) -> None:
    before = read(journal)
    with journal.open("ab") as file:
        file.write('{"in": "ü'.encode()[:-1])
    assert read(journal).steps == before.steps


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no journal"),
        ('{"journal": 99}\n', "is no journal"),
        ('{"journal": 1}\nnonsense\n', ":2: this is no JSON"),
        ('{"journal": 1}\n[]\n', ":2: this is no line of a journal"),
    ],
)
def test_what_is_no_journal_is_told(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text(text, encoding="utf-8")
    with pytest.raises(RtengineError, match=message):
        read(tmp_path / "x.jsonl")


def test_a_folder_without_the_machines_is_told(journal: Path, tmp_path: Path) -> None:
    with pytest.raises(RtengineError, match="none of the recording's machine files"):
        machine_files(read(journal).head, tmp_path)


def test_the_command_says_that_nothing_differs(journal: Path) -> None:
    result = CliRunner().invoke(app, ["replay", str(journal)])
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("the same: ")
    assert "times as fast" in result.stdout


def test_the_command_shows_the_first_difference(journal: Path, tmp_path: Path) -> None:
    folder = machines_with(tmp_path, "at least 100ms", "at least 200ms")
    result = CliRunner().invoke(app, ["replay", str(journal), "--machines", str(folder)])
    assert result.exit_code == 3, result.output
    assert "the first difference" in result.stdout
    assert "input_audio_buffer.commit" in result.stdout
    assert "event.error.message" in result.stdout
    assert "turn.yaml:" in result.stdout
    assert "is not what it was when the session was recorded" in result.stderr


def test_the_first_value_that_differs_is_named() -> None:
    assert first_difference({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}) == ("a[1].b", 2, 3)
    assert first_difference({"a": 1}, {"a": 1, "b": 2}) == ("b", None, 2)
    assert first_difference([1], [1, 2]) == ("", [1], [1, 2])


def test_there_are_scenarios_to_record() -> None:
    assert len(SCENARIOS) > 20


@pytest.mark.parametrize("seed", range(8))
def test_random_sessions_replay_to_the_byte(seed: int, tmp_path: Path) -> None:
    recorder, journals = Recorder(tmp_path, audio=bool(seed % 2)), list[Journal]()
    with recording(recorder, journals):
        wanderer = Wanderer(seed)
        for _ in range(150):
            wanderer.step()
        wanderer.world.receive(Disconnected())
    recorder.close()
    recorded = read(journals[0].path)
    assert recorded.complete
    assert replay(recorded, MACHINES) is None
