"""Conversations with real models, recorded once: what the machines make of them today is what they made of them then.

A change that is meant is written into them with ``rtengine replay FILE --write FILE``, or recorded anew: ``record.py``.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from tests.session.machines import MACHINES
from typer.testing import CliRunner

from rtengine.chart.load import load_machines
from rtengine.observe.recording import Recording, machine_files, read
from rtengine.observe.replay import replay
from rtengine.session.vocabulary import VOCABULARY
from rtengine_cli.main import app

pytestmark = pytest.mark.scenario

JOURNALS = sorted(Path(__file__).parent.glob("*.jsonl"))
TIMES = 100


@pytest.fixture(params=JOURNALS, ids=[path.stem for path in JOURNALS])
def journal(request: pytest.FixtureRequest) -> Recording:
    return read(request.param)


def test_there_are_conversations() -> None:
    assert [path.stem for path in JOURNALS] == ["push_to_talk", "spoken_turns", "written_turns"]


def test_a_conversation_goes_as_it_went(journal: Recording) -> None:
    assert journal.complete
    assert replay(journal, MACHINES) is None


def test_a_hundred_replays_are_the_same() -> None:
    recording = read(Path(__file__).parent / "written_turns.jsonl")
    assert [replay(recording, MACHINES) for _ in range(TIMES)] == [None] * TIMES


def test_one_changed_row_is_the_first_difference(tmp_path: Path) -> None:
    recording = read(Path(__file__).parent / "spoken_turns.jsonl")
    files = machine_files(recording.head)
    text = files["turn"].read_text(encoding="utf-8")
    row = "- emit: input_audio_buffer.speech_stopped\n"
    assert row in text
    (tmp_path / files["turn"].name).write_text(
        text.replace("audio_end_ms: =ctx.end_ms", "audio_end_ms: =ctx.end_ms + 1"), encoding="utf-8"
    )
    changed = load_machines(machine_files(recording.head, tmp_path), VOCABULARY)
    difference = replay(recording, changed)
    assert difference is not None
    assert difference.recorded is not None and difference.replayed is not None
    assert '"type":"input_audio_buffer.speech_stopped"' in difference.recorded.text
    assert difference.recorded.row.startswith("turn.yaml:")
    place, _, line = difference.replayed.row.split("  ")[0].rpartition(":")
    assert place == str(tmp_path / files["turn"].name)
    assert "vad.ended" in difference.replayed.row
    assert "vad.ended" in "\n".join(text.splitlines()[int(line) - 5 : int(line) + 2])


def test_a_change_that_is_meant_is_written_into_a_journal(tmp_path: Path) -> None:
    """One event more shifts every id behind it; the inputs still reach the jobs and items they are about."""
    path = Path(__file__).parent / "spoken_turns.jsonl"
    recording = read(path)
    files = machine_files(recording.head)
    text = files["turn"].read_text(encoding="utf-8")
    twice = re.sub(r"( +- emit: input_audio_buffer\.speech_started\n +with: .*\n)", r"\1\1", text)
    assert twice != text
    (tmp_path / files["turn"].name).write_text(twice, encoding="utf-8")
    written = tmp_path / "new.jsonl"
    result = CliRunner().invoke(app, ["replay", str(path), "--machines", str(tmp_path), "--write", str(written)])
    assert result.exit_code == 0, result.output
    changed = load_machines(machine_files(recording.head, tmp_path), VOCABULARY)
    assert replay(recording, changed) is not None
    assert replay(read(written), changed) is None
    before, now = sent(recording), sent(read(written))
    assert now.pop("input_audio_buffer.speech_started") == 2 * before.pop("input_audio_buffer.speech_started")
    assert now == before


def sent(recording: Recording) -> Counter[str]:
    outs = (line.entry for step in recording.steps for line in step.lines if line.entry.get("out") == "send")
    return Counter(entry["event"]["type"] for entry in outs)
