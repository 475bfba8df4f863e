"""What journals hold, and that they can be replayed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests import scenario
from tests.observe.recorded import SCENARIOS, recording
from tests.session.machines import MACHINES

from rtengine.errors import RtengineError
from rtengine.models import jobs
from rtengine.models.jobs import Job, McpAddress, ToolRequest
from rtengine.observe.entry import effect_entry, hidden, input_entry, read_input
from rtengine.observe.journal import Journal, Recorder
from rtengine.observe.recording import read
from rtengine.observe.replay import replay
from rtengine.protocol.client import InputAudioBufferAppend, parse_client_event
from rtengine.protocol.codec import decode_audio, encode
from rtengine.protocol.errors import APIError
from rtengine.session.effects import JobResult, Start
from rtengine.session.session import SessionFault

pytestmark = pytest.mark.scenario

EXAMPLES = {
    path.stem: path.read_text(encoding="utf-8")
    for path in (Path(__file__).parents[1] / "protocol/examples/client").glob("*.json")
}
REPLAYABLE = [path for path in SCENARIOS if "\n  - break:" not in path.read_text(encoding="utf-8")]
"""A defect that a scenario plants is no input."""


@pytest.mark.parametrize("audio", [True, False], ids=["with_audio", "without_audio"])
@pytest.mark.parametrize("path", REPLAYABLE, ids=[path.stem for path in REPLAYABLE])
def test_every_scenario_replays_to_the_byte(path: Path, audio: bool, tmp_path: Path) -> None:
    recorder, journals = Recorder(tmp_path, audio), list[Journal]()
    with recording(recorder, journals):
        scenario.run(path, MACHINES)
    recorder.close()
    recorded = read(journals[0].path)
    assert len(recorded.steps) > 1
    assert replay(recorded, MACHINES) is None


def recorded(name: str, folder: Path, audio: bool = False) -> Path:
    recorder, journals = Recorder(folder, audio), list[Journal]()
    with recording(recorder, journals):
        scenario.run(next(path for path in SCENARIOS if path.stem == name), MACHINES)
    recorder.close()
    return journals[0].path


def test_a_journal_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = recorded("text_turn", tmp_path / "new" / "folder")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_sound_is_kept_or_dropped_by_choice(tmp_path: Path) -> None:
    kept, dropped = recorded("spoken_item", tmp_path / "a", audio=True), recorded("spoken_item", tmp_path / "b")
    sound = '"audio":"'
    assert sound in kept.read_text(encoding="utf-8")
    assert sound not in dropped.read_text(encoding="utf-8").split("\n", 1)[1]
    assert '"sha256":' not in dropped.read_text(encoding="utf-8").split("\n", 1)[1]


def test_a_row_stands_before_what_it_made(tmp_path: Path) -> None:
    lines = [json.loads(line) for line in recorded("text_turn", tmp_path).read_text(encoding="utf-8").splitlines()]
    at = next(at for at, line in enumerate(lines) if line.get("event", {}) and "response.done" in str(line["event"]))
    row = next(line for line in reversed(lines[:at]) if "row" in line)
    assert (row["machine"], row["to"]) == ("response", "ended")
    assert row["row"].startswith("response.yaml:")


def test_secrets_are_never_written(tmp_path: Path) -> None:
    server = {
        "type": "mcp",
        "server_label": "shop",
        "server_url": "https://user:canary1@shop.example/mcp?key=canary2",
        "authorization": "canary3",
        "headers": {"x-key": "canary4"},
    }
    hidden_once = hidden({"session": {"tools": [server]}})
    assert "canary" not in json.dumps(hidden_once)
    assert hidden(hidden_once) == hidden_once
    address = McpAddress("shop", "https://shop.example/mcp?key=canary2", "canary3", (("x-key", "canary4"),))
    started = effect_entry(Start(Job("job_1", "sess_1", ToolRequest("buy", "{}", address))), True)
    assert "canary" not in json.dumps(started)
    assert started["request"]["server"]["label"] == "shop"


def test_a_secret_that_changes_is_seen_to_change() -> None:
    def of(key: str) -> str:
        found: str = hidden({"type": "mcp", "server_label": "a", "authorization": key})["authorization"]
        return found

    assert of("one") == of("one") != of("two")


def test_what_a_defect_broke_is_written_down(tmp_path: Path) -> None:
    recorder, journals = Recorder(tmp_path, False), list[Journal]()
    with recording(recorder, journals):
        world = scenario.World(MACHINES)

        def broken(*arguments: object, **named: object) -> None:
            raise LookupError("no such thing")

        world.session._host.actions.clear_audio = broken
        with pytest.raises(SessionFault):
            world.client({"type": "input_audio_buffer.clear"})
    recorder.close()
    last, end = journals[0].path.read_text(encoding="utf-8").splitlines()[-2:]
    assert json.loads(last) == {"fault": "LookupError: no such thing"}
    assert json.loads(end) == {"end": 2}


def test_a_disk_that_is_full_breaks_off_the_journal_and_not_the_session(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rtengine.observe.writer.create", full)
    with caplog.at_level("ERROR"):
        path = recorded("text_turn", tmp_path)
    assert not path.exists()
    assert [record.message for record in caplog.records] == ["journal broken off"]


def test_a_folder_that_cannot_be_had_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(RtengineError, match="cannot record into"):
        Recorder(tmp_path / "file" / "journals", False)


@pytest.mark.parametrize("name", sorted(EXAMPLES), ids=str)
def test_every_client_event_comes_back_as_it_was(name: str) -> None:
    event = parse_client_event(EXAMPLES[name])
    told = json.loads(encode(input_entry(event, audio=True)))
    assert read_input(told) == event
    silent_again = read_input(json.loads(encode(input_entry(event, audio=False))))
    assert input_entry(silent_again, audio=False) == input_entry(event, audio=False)


@pytest.mark.parametrize(
    "result",
    [
        jobs.TranscribeDone("Hi", 1.5, "en", (("Hi", -0.5),)),
        jobs.GenerateCall("call_1", "f"),
        jobs.GenerateDone("stop", 1, 2, 3),
        jobs.SpeakAudio(b"\x01\x02", 10.0, "Hi"),
        jobs.ToolDone("", "It broke.", "http_error", 500),
        jobs.ToolListDone(({"name": "f", "input_schema": {}},)),
        jobs.JobFailed("It broke.", "broken"),
    ],
)
def test_every_result_comes_back_as_it_was(result: jobs.Result) -> None:
    given = JobResult("job_1", result)
    assert read_input(json.loads(encode(input_entry(given, audio=True)))) == given


def test_audio_that_is_none_stays_none() -> None:
    for wrong in ("", "not base64!", "AAA"):
        event = InputAudioBufferAppend(audio=wrong)
        again = read_input(input_entry(event, audio=False))
        assert isinstance(again, InputAudioBufferAppend)
        with pytest.raises(APIError) as before:
            decode_audio(wrong)
        with pytest.raises(APIError) as after:
            decode_audio(again.audio)
        assert str(before.value) == str(after.value)
