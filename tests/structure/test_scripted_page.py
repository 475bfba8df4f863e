"""The server that the page about scripted models shows does what the page says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic_core import to_json

from rtengine.chart.load import load_machines
from rtengine.profile.load import check_profile, load_profile
from rtengine.scenarios.run import read_scenario, run_scenario
from rtengine.server.rehearsal import rehearse
from rtengine.session.vocabulary import VOCABULARY
from rtengine.source.report import full

pytestmark = pytest.mark.end_to_end

PAGE = Path(__file__).parents[2] / "docs" / "scripted.md"
TEXT = PAGE.read_text(encoding="utf-8")
PROFILE, MACHINE, SCENARIO = re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)

GONE_ON = {"machines": {"turn": "turn"}}
"""Without the machine that hangs up."""
TOOLS = [{"type": "function", "name": name, "parameters": {"type": "object"}} for name in ("get_weather", "get_time")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rehearsal.yaml").write_text(PROFILE, encoding="utf-8")
    (tmp_path / "hang-up.yaml").write_text(MACHINE, encoding="utf-8")
    (tmp_path / "scenario.yaml").write_text(SCENARIO, encoding="utf-8")
    return tmp_path


def performed(folder: Path, document: dict[str, Any]) -> None:
    path = folder / "asked.yaml"
    path.write_bytes(to_json({"profile": "rehearsal.yaml", "models": "profile", **document}))
    scenario = read_scenario(path)
    found = rehearse(scenario, load_machines(scenario.files(), VOCABULARY))
    assert not found, full(found)


def asked(text: str, *told: Any, **response: Any) -> list[dict[str, Any]]:
    content = [{"type": "input_text", "text": text}]
    item = {"type": "message", "role": "user", "content": content}
    return [
        {"client": {"type": "conversation.item.create", "item": item}},
        {"client": {"type": "response.create", "response": {"output_modalities": ["text"], **response}}},
        {"includes": list(told)},
    ]


def said(text: str) -> dict[str, Any]:
    return {"type": "response.output_text.done", "text": text}


def called(name: str, arguments: str) -> dict[str, Any]:
    return {"type": "response.function_call_arguments.done", "name": name, "arguments": arguments}


def ended(status: str, **details: Any) -> dict[str, Any]:
    return {"type": "response.done", "response": {"status": status, **({"status_details": details} if details else {})}}


def test_the_profile_is_right_and_says_what_the_page_says_of_it(folder: Path) -> None:
    assert check_profile(folder / "rehearsal.yaml", {}) == []
    limits = load_profile(folder / "rehearsal.yaml", {}).limits
    assert (limits.per_key.requests_per_minute, limits.session_seconds) == (20, 600)


def test_the_scenario_passes_and_the_server_hangs_up(folder: Path) -> None:
    scenario = read_scenario(folder / "scenario.yaml")
    found = rehearse(scenario, load_machines(scenario.files(), VOCABULARY))
    assert not found, full(found)


def test_every_rule_does_what_the_page_says(folder: Path) -> None:
    steps = [
        *asked("hello", said("Hello! How can I help you?"), ended("completed")),
        *asked(
            "The weather in Oslo?", said("You said: The weather in Oslo?"), ended("completed")
        ),  # nothing is offered
        *asked("both", called("get_weather", '{"city": "Rome"}'), called("get_time", "{}"), tools=TOOLS),
        *asked("nonsense", called("get_time", "{broken"), ended("completed"), tools=TOOLS),
        *asked("slowly", said("One two three"), ended("completed")),
        *asked("too long", ended("incomplete", reason="max_output_tokens")),
        *asked("improper", ended("incomplete", reason="content_filter")),
        *asked("overloaded", ended("failed", error={"code": "model_overloaded"})),
        *asked("break off", said("I was about to"), ended("failed")),
        *asked("unspeakable", ended("failed"), output_modalities=["audio"]),
    ]
    performed(folder, {**GONE_ON, "steps": [{"includes": ["session.created"]}, *steps]})


def test_what_is_heard_is_the_script_and_goes_on_in_the_next_session(folder: Path) -> None:
    kind = "conversation.item.input_audio_transcription"
    heard = {"transcription": {"model": "whisper-1"}, "turn_detection": None}
    begin = [
        {"includes": ["session.created"]},
        {"client": {"type": "session.update", "session": {"type": "realtime", "audio": {"input": heard}}}},
    ]
    commit = [{"audio": {"ms": 200}}, {"client": {"type": "input_audio_buffer.commit"}}]
    steps = [
        {"by": "ann", "connect": None},
        *begin,
        *commit,
        {"includes": [{"type": f"{kind}.delta", "delta": "Hello"}, {"type": f"{kind}.completed"}]},
        *commit,
        {"includes": [{"type": f"{kind}.completed", "transcript": "What is the weather in Rome"}]},
        {"by": "ben", "connect": None},
        *begin,
        *commit,
        {"includes": [{"type": f"{kind}.failed", "error": {"code": "audio_unintelligible"}}]},
    ]
    performed(folder, {**GONE_ON, "steps": steps})


def test_a_session_expires_and_a_key_runs_out(folder: Path) -> None:
    path = folder / "virtual.yaml"
    spent = [{"client": {"type": "response.create"}}, {"result": {"text": "Hi.", "done": "stop"}}, {"speak": None}]
    limit = {"type": "response.done", "response": {"status": "failed", "status_details": {"error": {"code": LIMIT}}}}
    steps = [
        {"includes": ["session.created"]},
        *(step for _ in range(20) for step in spent),
        {"client": {"type": "response.create"}},
        {"includes": [limit]},
        {"advance": 600},
        {"includes": [{"type": "error", "error": {"code": "session_expired"}}]},
        {"closed": 1001},
    ]
    path.write_bytes(to_json({"profile": "rehearsal.yaml", **GONE_ON, "steps": steps}))
    scenario = read_scenario(path)
    found = run_scenario(scenario, load_machines(scenario.files(), VOCABULARY))[1]
    assert not found, full(found)


LIMIT = "rate_limit_exceeded"


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", TEXT):
        assert (PAGE.parent / target).exists(), target
