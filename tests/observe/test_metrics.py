"""What is counted of sessions, in virtual time."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.observe.observing import ObservedWorld, spoken_turn

from rtengine.observe.metrics import Metrics

pytestmark = pytest.mark.scenario


def test_a_spoken_turn_is_counted_and_timed() -> None:
    world = ObservedWorld()
    spoken_turn(world)
    values = world.values()
    assert values["rtengine_turns_total"] == 1
    assert values['rtengine_responses_total{status="completed"}'] == 1
    assert values['rtengine_transcriptions_total{status="completed"}'] == 1
    sums = {name: values[f"rtengine_{name}"] for name in (
        'response_created_seconds_sum{after="speech_stopped"}', 'first_audio_seconds_sum{after="speech_stopped"}',
        "first_token_seconds_sum", "transcription_seconds_sum", "response_seconds_sum", "transcribed_seconds_total",
    )}  # fmt: skip
    assert [round(value, 3) for value in sums.values()] == [0.0, 0.4, 0.2, 0.1, 0.5, 1.0]


def test_tokens_are_those_of_the_responses() -> None:
    world = ObservedWorld()
    spoken_turn(world)
    (usage,) = (event["response"]["usage"] for event in world.everything if event["type"] == "response.done")
    values = world.values()
    counted = {kind: values[f'rtengine_tokens_total{{kind="{kind}"}}'] for kind in ("input_text", "input_audio")}
    assert counted == {
        "input_text": usage["input_token_details"]["text_tokens"],
        "input_audio": usage["input_token_details"]["audio_tokens"],
    }
    assert values['rtengine_tokens_total{kind="output_audio"}'] == usage["output_token_details"]["audio_tokens"]


def test_errors_failures_and_tools_are_counted_by_what_they_are() -> None:
    world = ObservedWorld(session={"output_modalities": ["text"], "tools": [{"type": "function", "name": "f"}]})
    world.client("no JSON")
    world.client({"type": "response.cancel"})
    world.client({"type": "response.create"})
    world.fail("generate", message="It is gone.")
    world.client({"type": "response.create"})
    world.result(call={"call_id": "call_1", "function": "f"})
    world.result(done="tool_calls")
    output = {"type": "function_call_output", "call_id": "call_1", "output": ""}
    world.client({"type": "conversation.item.create", "item": output})
    values = world.values()
    assert values['rtengine_errors_total{code="invalid_json"}'] == 1
    assert values['rtengine_errors_total{code="response_cancel_not_active"}'] == 1
    assert values['rtengine_responses_total{status="failed"}'] == 1
    assert values['rtengine_responses_total{status="completed"}'] == 1
    assert values['rtengine_tool_calls_total{status="completed"}'] == 1


def test_two_servers_of_one_process_count_for_themselves() -> None:
    one, other = Metrics(), Metrics()
    one.opened()
    assert b"rtengine_sessions_total 1.0" in one.page()
    assert b"rtengine_sessions_total 0.0" in other.page()


def test_a_stage_that_takes_no_jobs_is_not_ready() -> None:
    metrics, missing = Metrics(), ["speak"]
    metrics.stages = ("generate", "speak")
    metrics.watch(lambda: 3, lambda: missing)
    page = metrics.page()
    assert b'rtengine_stage_ready{stage="generate"} 1.0' in page
    assert b'rtengine_stage_ready{stage="speak"} 0.0' in page
    assert b"rtengine_sessions_open 3.0" in page


def test_every_series_is_on_the_page_about_metrics() -> None:
    metrics = Metrics()
    metrics.watch(lambda: 0, lambda: ())
    page = metrics.page().decode()
    told = {
        name + ("_total" if kind == "counter" and not name.endswith("_total") else "")
        for name, kind in re.findall(r"^# TYPE (rtengine_\w+) (\w+)$", page, re.MULTILINE)
    }
    documented = (Path(__file__).parents[2] / "docs/metrics.md").read_text(encoding="utf-8")
    assert told == set(re.findall(r"`(rtengine_\w+)", documented))
