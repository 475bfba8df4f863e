"""What is wrong with a scenario, or with what it expects, is told with its place."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from tests.session.machines import MACHINES

from rtengine.scenarios import codes
from rtengine.scenarios.pattern import Mismatch, compare, matches
from rtengine.scenarios.run import read_scenario, run_scenario
from rtengine.source.finding import FileError, Finding

pytestmark = pytest.mark.unit


def findings(folder: Path, text: str) -> list[Finding]:
    path = folder / "scenario.yaml"
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    try:
        return run_scenario(read_scenario(path), MACHINES)[1]
    except FileError as error:
        return list(error.findings)


@pytest.mark.parametrize(
    ("text", "place", "told"),
    [
        ("steps: [{expct: []}]\n", (1, 9, "SC013"), "a step has exactly one of"),
        ("steps: []\nsesion: {}\n", (2, 1, "SC011"), "unknown key 'sesion'"),
        ("steps:\n  - audio: {edges: []}\n", (2, 5, "SC012"), "the key 'ms' is missing"),
        ("steps:\n  - result: {transcrpt: Hi}\n", (2, 14, "SC011"), "unknown key 'transcrpt'"),
        ("steps:\n  - advance: soon\n", (2, 14, "SC010"), "is not a duration"),
        ("machines: {turn: trun}\nsteps: []\n", (1, 18, "SC101"), "there is no shipped machine 'trun'"),
        ("profile: defualt\nsteps: []\n", (1, 10, "SC101"), "there is no shipped profile 'defualt'"),
        ("steps:\n  - expect: [session.craeted]\n", (2, 14, "SC102"), "unknown server event 'session.craeted'"),
        ("steps:\n  - absent: [{type: eror}]\n", (2, 21, "SC102"), "unknown server event 'eror'"),
        ("steps:\n  - break: sya\n", (2, 12, "SC103"), "unknown action 'sya'"),
        ("session: {output_modalities: [smell]}\nsteps: []\n", (1, 10, "SC105"), "Invalid value: 'smell'"),
    ],
)
def test_a_file_that_is_wrong(tmp_path: Path, text: str, place: tuple[int, int, str], told: str) -> None:
    (finding,) = findings(tmp_path, text)
    assert (finding.line, finding.col, finding.code) == place
    assert told in finding.message


SHOWN = ("test_format.py", "test_wire.py")
CREATED = "steps:\n  - expect: [session.created]\n"


@pytest.mark.parametrize(
    ("step", "place", "told"),
    [
        ("expect: [error]", (3, 14), "error was not sent"),
        ("includes: [error]", (3, 16), "no such event was sent"),
        ("result: {text: Hi}", (3, 5), "no generate job runs"),
        ("jobs: [speak]", (3, 11), "the jobs that run are none"),
        ("states: {turn: speaking}", (3, 20), "turn is in listening.idle"),
        ("states: {response: active}", (3, 24), "response is in no state"),
        ("closed: 1000", (3, 13), "the connection is open"),
        ("silence: 300", (3, 14), "ms of silence would end the turn"),
        ("late: {text: Hi}", (3, 5), "no job was cancelled"),
        ("tool: {name: lamp}", (3, 5), "the tool lamp does not run"),
    ],
)
def test_what_did_not_happen(tmp_path: Path, step: str, place: tuple[int, int], told: str) -> None:
    (finding,) = findings(tmp_path, f"{CREATED}  - {step}\n")
    assert (finding.line, finding.col, finding.code) == (*place, "SC201")
    assert told in finding.message


UPDATED_AND_TWO_ERRORS = """\
steps:
  - client: {type: session.update, session: {type: realtime}}
  - client: {type: input_audio_buffer.commit}
  - client: {type: response.cancel}
"""


@pytest.mark.parametrize(
    ("includes", "at", "told"),
    [
        (
            "[{type: session.updated, session: {type: transcription}}]",
            "transcription",
            "session.updated was sent, and session.type is 'realtime', not 'transcription'",
        ),
        (
            "[session.updated, {type: error, error: {code: other}}]",
            "other",
            "error was sent 2 times after the one before it, and in the nearest one error.code is ",
        ),
        ("[{type: session.updated, reason: lost}]", "lost", "session.updated was sent, and session.updated has no "),
        ("[error, session.updated]", "session.updated", "no such event was sent after the one before it"),
    ],
)
def test_what_was_sent_with_another_content_is_told(tmp_path: Path, includes: str, at: str, told: str) -> None:
    (finding,) = findings(tmp_path, f"{UPDATED_AND_TWO_ERRORS}  - includes: {includes}\n")
    assert finding.message.startswith(told)
    assert finding.excerpt[finding.col - 1 :].startswith(at)


def test_a_field_that_differs_is_pointed_at(tmp_path: Path) -> None:
    text = """\
        steps:
          - expect: [{type: session.created, session: {output_modalities: [audio], type: transcription}}]
        """
    (finding,) = findings(tmp_path, text)
    assert finding.message == "session.created.session.type is 'realtime', not 'transcription'"
    assert finding.excerpt[finding.col - 1 :].startswith("transcription}}]")


def test_what_nothing_expects_is_told_at_the_end(tmp_path: Path) -> None:
    (finding,) = findings(tmp_path, "steps: []\n")
    assert finding.code == "SC203"
    assert finding.message.endswith(": session.created")


def test_a_broken_session_is_told(tmp_path: Path) -> None:
    text = """\
        steps:
          - expect: [session.created]
          - break: hear
          - audio: {ms: 100}
        """
    (finding,) = findings(tmp_path, text)
    assert (finding.line, finding.code) == (4, "SC202")
    assert "hear is broken" in finding.message


def test_every_code_is_shown_here() -> None:
    text = "".join(Path(__file__).with_name(name).read_text(encoding="utf-8") for name in SHOWN)
    assert [code for code in codes.CODES if f'"{code}"' not in text] == []


def test_a_profile_gives_the_session_and_its_limits(tmp_path: Path) -> None:
    text = """\
        profile: scripted
        limits: {session_seconds: 5}
        session: {instructions: Be brief.}
        steps:
          - expect: [{type: session.created, session: {instructions: Be brief.}}]
          - advance: 5s
          - expect: [{type: error, error: {code: session_expired}}]
          - closed: 1001
        """
    assert findings(tmp_path, text) == []


def test_a_profile_without_a_voice_speaks_not(tmp_path: Path) -> None:
    text = """\
        profile: text
        steps:
          - expect: [session.created]
          - client: {type: response.create, response: {output_modalities: [audio]}}
          - expect: [{type: error, error: {param: response.output_modalities}}]
        """
    assert findings(tmp_path, text) == []


def test_a_name_stands_for_one_value() -> None:
    bound: dict[str, object] = {}
    compare(
        {"id": 1, "same": 1, "list": [1, 2]}, {"id": "$a", "same": "$a", "list": ["$a", 2], "gone": "~"}, "x", bound
    )
    assert bound == {"$a": 1}
    for wrong in ({"id": "$a"}, {"id": 2, "more": 1}, {"id": [2]}, {"id": "~"}):
        with pytest.raises(Mismatch):
            compare({"id": 2}, wrong, "x", bound)


def test_what_does_not_match_teaches_nothing() -> None:
    bound: dict[str, object] = {}
    assert not matches({"a": 1, "b": 2}, {"a": "$x", "b": 3}, bound)
    assert bound == {}
