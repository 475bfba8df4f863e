from __future__ import annotations

from pathlib import Path

import pytest

from rtengine.profile.codes import CODES
from rtengine.profile.load import check_profile, load_profile, machine_files
from rtengine.profile.shipped import shipped_files
from rtengine.source.finding import SHAPE_CODES, FileError, Finding
from rtengine.source.report import full

pytestmark = pytest.mark.unit

HEAD = "profile: mine\nversion: 1\nextends: scripted\n"


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    return tmp_path / "mine.yaml"


def check(path: Path, text: str, environ: dict[str, str] | None = None) -> list[Finding]:
    path.write_text(text, encoding="utf-8")
    return check_profile(path, environ or {})


def the(findings: list[Finding]) -> Finding:
    assert len(findings) == 1, full(findings)
    return findings[0]


def place(finding: Finding) -> tuple[str, int, int]:
    return finding.code, finding.line, finding.col


def test_a_few_lines_make_a_profile(mine: Path) -> None:
    assert check(mine, HEAD + "limits: {sessions: 3}\n") == []
    profile = load_profile(mine, {})
    assert profile.limits.sessions == 3
    assert profile.models["chat"].name == "scripted"


def test_an_unknown_key_is_found_with_a_suggestion(mine: Path) -> None:
    finding = the(check(mine, HEAD + "limits:\n  sesions: 3\n"))
    assert place(finding) == ("PF011", 5, 3)
    assert finding.hint == "did you mean 'sessions'?"


def test_a_value_out_of_range_is_found(mine: Path) -> None:
    finding = the(check(mine, HEAD + "server: {port: 70000}\n"))
    assert place(finding) == ("PF010", 4, 16)


def test_an_unknown_adapter_is_found_with_a_suggestion(mine: Path) -> None:
    finding = the(check(mine, HEAD + "models:\n  chat: {adapter: scriptd}\n"))
    assert place(finding) == ("PF103", 5, 19)
    assert "'scripted'" in finding.hint


def test_a_setting_the_adapter_has_not_is_found(mine: Path) -> None:
    finding = the(check(mine, HEAD + "models:\n  voice: {ms_per_charcter: 50}\n"))
    assert place(finding) == ("PF011", 5, 11)
    assert finding.hint == "did you mean 'ms_per_character'?"


def test_settings_of_the_adapter_before_do_not_stay(mine: Path) -> None:
    assert check(mine, HEAD + "models:\n  chat: {adapter: llama}\n") == []


def test_a_mistake_in_the_session_is_found_at_its_place(mine: Path) -> None:
    text = HEAD + "session:\n  audio:\n    input:\n      turn_detection: {threshold: 1.5}\n"
    finding = the(check(mine, text))
    assert place(finding) == ("PF010", 7, 35)


def test_what_the_server_sets_is_refused_in_the_session(mine: Path) -> None:
    finding = the(check(mine, HEAD + "session: {id: sess_1}\n"))
    assert place(finding) == ("PF301", 4, 11)


def test_an_unknown_kind_of_session_is_found(mine: Path) -> None:
    finding = the(check(mine, HEAD + "session: {type: realtim}\n"))
    assert place(finding) == ("PF010", 4, 17)
    assert finding.hint == "did you mean 'realtime'?"


def test_a_machine_that_is_not_there_is_found(mine: Path) -> None:
    findings = check(mine, HEAD + "machines:\n  turn: trun\n  response: ./mine/response.yaml\n")
    assert [place(finding) for finding in findings] == [("PF104", 5, 9), ("PF104", 6, 13)]
    assert findings[0].hint.startswith("did you mean 'turn'?")


@pytest.mark.parametrize(
    ("part", "col", "message", "hint"),
    [
        ("trun", 3, "unknown machine 'trun'", "did you mean 'turn'?"),
        ("session", 12, "this file describes the machine 'turn', not 'session'", "write `turn: greet.yaml`"),
    ],
)
def test_a_machine_in_the_part_of_another_is_found_where_it_is_named(
    mine: Path, part: str, col: int, message: str, hint: str
) -> None:
    mine.with_name("greet.yaml").write_text("extends: turn\n", encoding="utf-8")
    finding = the(check(mine, HEAD + f"machines:\n  {part}: greet.yaml\n"))
    assert (place(finding), finding.message, finding.hint) == (("PF106", 5, col), message, hint)
    assert machine_files(mine) == shipped_files("machines")


def test_a_machine_of_ones_own_may_have_any_name(mine: Path) -> None:
    mine.with_name("greet.yaml").write_text("machine: greeter\n", encoding="utf-8")
    assert check(mine, HEAD + "machines: {greeter: greet.yaml}\n") == []


def test_a_machine_is_found_beside_the_file_that_names_it(tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    (base / "turn.yaml").write_text("machine: turn\n", encoding="utf-8")
    text = "profile: base\nversion: 1\nextends: scripted\nmachines: {turn: ./turn.yaml}\n"
    (base / "base.yaml").write_text(text, encoding="utf-8")
    leaf = tmp_path / "leaf.yaml"
    leaf.write_text("profile: leaf\nversion: 1\nextends: base/base.yaml\n", encoding="utf-8")
    assert load_profile(leaf, {}).machines["turn"] == base / "turn.yaml"


def test_a_profile_that_stands_alone_says_everything_itself(mine: Path) -> None:
    findings = check(mine, "profile: mine\nversion: 1\n")
    assert {finding.message for finding in findings} == {
        "the key 'session' is missing",
        "the key 'models' is missing",
        "the key 'machines' is missing",
    }


def test_without_a_session_machine_nothing_runs(mine: Path) -> None:
    text = "profile: mine\nversion: 1\nsession: {type: realtime, output_modalities: [text]}\n"
    text += "models: {vad: {adapter: webrtc}, chat: {adapter: scripted}}\nmachines: {turn: turn}\n"
    finding = the(check(mine, text))
    assert place(finding) == ("PF105", 5, 1)
    assert finding.hint == "add `extends: default`"


def test_the_name_must_be_that_of_the_file(mine: Path) -> None:
    finding = the(check(mine, "profile: yours\nversion: 1\nextends: scripted\n"))
    assert place(finding) == ("PF102", 1, 10)


def test_a_finding_names_the_file_its_value_stands_in(tmp_path: Path) -> None:
    base = tmp_path / "base.yaml"
    base.write_text("profile: base\nversion: 1\nextends: scripted\nlimits:\n  sessions: none\n", encoding="utf-8")
    finding = the(
        check(tmp_path / "mine.yaml", "profile: mine\nversion: 1\nextends: base.yaml\nlimits: {context_tokens: 500}\n")
    )
    assert (Path(finding.file).name, finding.line, finding.col) == ("base.yaml", 5, 13)
    assert finding.excerpt == "  sessions: none"


def test_a_missing_variable_is_an_error_to_load_and_a_warning_to_check(mine: Path) -> None:
    text = HEAD + "server: {port: '${RT_PORT}'}\n"
    finding = the(check(mine, text))
    assert place(finding) == ("PF201", 4, 16)
    assert finding.severity == "warning"
    assert "export RT_PORT=" in finding.hint
    with pytest.raises(FileError) as caught:
        load_profile(mine, {})
    assert the(list(caught.value.findings)).severity == "error"
    assert load_profile(mine, {"RT_PORT": "9000"}).server.port == 9000


def test_a_value_from_the_environment_is_never_shown(mine: Path) -> None:
    mine.write_text(HEAD + "server: {port: '${RT_PORT}'}\n", encoding="utf-8")
    with pytest.raises(FileError) as caught:
        load_profile(mine, {"RT_PORT": "canary"})
    finding = the(list(caught.value.findings))
    assert place(finding) == ("PF010", 4, 16)
    assert "canary" not in full([finding]) + str(caught.value)


def test_a_malformed_reference_is_found(mine: Path) -> None:
    finding = the(check(mine, HEAD + "server: {host: '${RT HOST}'}\n"))
    assert place(finding) == ("PF202", 4, 16)


def test_a_reference_in_the_session_is_told(mine: Path) -> None:
    finding = the(check(mine, HEAD + "session: {instructions: 'Say ${NAME}'}\n"))
    assert (*place(finding), finding.severity) == ("PF203", 4, 25, "warning")


def test_a_secret_in_the_file_is_told(mine: Path) -> None:
    text = HEAD + "models:\n  chat: {adapter: openai, model: m, base_url: 'http://x/v1', api_key: sk-1234}\n"
    finding = the(check(mine, text))
    assert (finding.code, finding.severity) == ("PF204", "warning")
    assert "${CHAT_API_KEY}" in finding.hint
    assert check(mine, text.replace("sk-1234", "'${KEY:-none}'")) == []


def test_speech_without_a_voice_is_found(mine: Path) -> None:
    finding = the(check(mine, HEAD + "models: {voice: null}\n"))
    assert place(finding) == ("PF302", 4, 1)


def test_transcription_without_a_transcriber_is_found(mine: Path) -> None:
    finding = the(check(mine, HEAD + "models: {transcriber: null}\n"))
    assert (finding.code, Path(finding.file).name) == ("PF302", "default.yaml")


def test_a_transcription_session_needs_no_chat_and_no_voice(mine: Path) -> None:
    text = HEAD + "session: {type: transcription, audio: {input: {transcription: {model: whisper-1}}}}\n"
    assert check(mine, text + "models: {chat: null, voice: null}\n") == []
    assert set(load_profile(mine, {}).models) == {"vad", "transcriber"}


@pytest.mark.parametrize("rate", [8000, 16000, 24000])
def test_a_session_may_have_the_rate_of_its_clients(mine: Path, rate: int) -> None:
    text = f"session: {{audio: {{input: {{format: {{type: audio/pcm, rate: {rate}}}}}}}}}\n"
    assert check(mine, HEAD + text) == []
    assert load_profile(mine, {}).session.wire()["audio"]["input"]["format"]["rate"] == rate


def test_a_rate_that_nobody_has_is_found(mine: Path) -> None:
    text = "session:\n  audio:\n    input: {format: {type: audio/pcm, rate: 11025}}\n"
    finding = the(check(mine, HEAD + text))
    assert place(finding) == ("PF010", 6, 45)
    assert "8000, 16000 or 24000" in finding.message


def test_semantic_vad_needs_a_transcriber(mine: Path) -> None:
    text = "session: {audio: {input: {transcription: null, turn_detection: {type: semantic_vad}}}}\n"
    assert check(mine, HEAD.replace("scripted", "default") + text) == []
    finding = the(check(mine, HEAD + text + "models: {transcriber: null}\n"))
    assert place(finding) == ("PF302", 4, 71)


def test_a_language_the_transcriber_does_not_know_is_found(mine: Path) -> None:
    text = "models:\n  transcriber: {adapter: faster-whisper, model: tiny.en}\n"
    text += "session: {audio: {input: {transcription: {language: %s}}}}\n"
    assert check(mine, HEAD + text % "en-GB") == []
    finding = the(check(mine, HEAD + text % "fr"))
    assert place(finding) == ("PF302", 6, 53)


@pytest.mark.parametrize("voice", ["cedr", "{id: voice_mine}"])
def test_a_voice_that_there_is_not_is_found(mine: Path, voice: str) -> None:
    text = "session: {audio: {output: {voice: %s}}}\n"
    assert check(mine, HEAD + text % "cedar") == []
    finding = the(check(mine, HEAD + text % voice))
    assert place(finding) == ("PF302", 4, 35)


def test_the_voice_of_a_session_is_one_that_the_profile_names(mine: Path) -> None:
    text = "models: {voice: {adapter: hibari, voices: {clerk: {pitch: 0.6}}}}\n"
    finding = the(check(mine, HEAD + text))
    assert (finding.message, finding.hint) == ("there is no voice 'marin'", "voices: clerk")
    assert check(mine, HEAD + text + "session: {audio: {output: {voice: clerk}}}\n") == []


@pytest.mark.parametrize(
    ("session", "expected"),
    [
        ("{prompt: {id: pmpt_1}}", ("PF306", 4, 11)),
        ("{audio: {input: {transcription: {model: whisper-1, delay: low}}}}", ("PF306", 4, 61)),
        ("{reasoning: {effort: high}}", ("PF302", 4, 11)),
    ],
)
def test_what_every_client_would_be_refused_is_found(mine: Path, session: str, expected: tuple[str, int, int]) -> None:
    assert place(the(check(mine, HEAD + f"session: {session}\n"))) == expected


def test_a_reasoning_effort_is_for_a_model_that_has_one(mine: Path) -> None:
    chat = "models: {chat: {adapter: openai, model: m, reasoning: true}}\n"
    assert check(mine, HEAD + "session: {reasoning: {effort: high}}\n" + chat) == []


def test_each_of_several_languages_has_to_be_known(mine: Path) -> None:
    text = "models: {transcriber: {adapter: faster-whisper, model: tiny.en}}\n"
    text += "session: {audio: {input: {transcription: {languages: [en, fr]}}}}\n"
    assert place(the(check(mine, HEAD + text))) == ("PF302", 5, 59)


def test_all_mistakes_are_found_at_once(mine: Path) -> None:
    text = (
        HEAD
        + "limit: {}\nserver: {port: x}\nmodels: {chat: {adapter: none}}\nmachines: {turn: none}\nsession: {id: x}\n"
    )
    assert [place(finding) for finding in check(mine, text)] == [
        ("PF011", 4, 1),
        ("PF010", 5, 16),
        ("PF103", 6, 26),
        ("PF104", 7, 18),
        ("PF301", 8, 11),
    ]


def test_every_code_is_explained() -> None:
    known = {*CODES, *(f"PF{number}" for number in SHAPE_CODES)}
    source = (Path(__file__).parents[2] / "engine/rtengine/profile").glob("*.py")
    used = {f"PF{number}" for path in source for number in _numbers(path.read_text(encoding="utf-8"))}
    assert used <= known
    assert set(CODES) <= used


def _numbers(text: str) -> list[str]:
    import re

    return re.findall(r'"(\d{3})"', text)
