"""What a trace tells of a session, in virtual time."""

from __future__ import annotations

import gc
import json
import weakref
from pathlib import Path
from typing import Any

import pytest
from tests.observe.observing import ObservedWorld, spoken_turn

from rtengine.errors import RtengineError
from rtengine.models.jobs import GenerateDone, GenerateText
from rtengine.observe.log import SessionLog
from rtengine.observe.metrics import Metrics
from rtengine.observe.observed import Observed
from rtengine.observe.tracing import Traces

pytestmark = pytest.mark.scenario

WORKFLOW = {"workflow_name": "hotel", "group_id": "night", "metadata": {"room": 12}}


def traced(folder: Path, tracing: Any = "auto", **session: Any) -> ObservedWorld:
    return ObservedWorld(folder, session={"tracing": tracing, **session})


def trace(world: ObservedWorld, folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The trace and its spans, once the session is over."""
    world.end()
    (path,) = folder.iterdir()
    head, *spans = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    return head, spans


def named(spans: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [span for span in spans if span["span_data"]["type"] == kind]


def times(span: dict[str, Any]) -> tuple[str, float]:
    return span["started_at"].removeprefix("2001-09-09T01:46:").removesuffix("+00:00"), span["duration_ms"]


def test_a_spoken_turn_is_told_from_the_voice_to_the_end_of_the_answer(tmp_path: Path) -> None:
    world = traced(tmp_path)
    spoken_turn(world)
    head, spans = trace(world, tmp_path)
    assert (head["object"], head["session_id"], head["started_at"]) == (
        "trace",
        "sess_1",
        "2001-09-09T01:46:40.000+00:00",
    )
    assert {span["trace_id"] for span in spans} == {head["id"]}
    assert {span["session_id"] for span in spans} == {"sess_1"}
    found = {span["span_data"]["type"]: span for span in spans}
    assert {kind: times(span) for kind, span in found.items()} == {
        "turn": ("40.500", 700.0),
        "transcription": ("41.200", 100.0),
        "first_token": ("41.300", 200.0),
        "first_audio": ("41.200", 400.0),
        "response": ("41.200", 500.0),
        "session": ("40.000", 1700.0),
    }
    kinds = {None: None} | {span["id"]: kind for kind, span in found.items()}
    assert {kind: kinds[span["parent_id"]] for kind, span in found.items()} == {
        "turn": "session",
        "transcription": "turn",
        "first_token": "response",
        "first_audio": "response",
        "response": "turn",
        "session": None,
    }


def test_a_response_has_its_status_its_usage_and_what_the_listener_waited_for(tmp_path: Path) -> None:
    world = traced(tmp_path)
    spoken_turn(world)
    (response,) = named(trace(world, tmp_path)[1], "response")
    (done,) = (event["response"] for event in world.everything if event["type"] == "response.done")
    data = response["span_data"]
    assert (data["response_id"], data["status"], data["usage"]) == (done["id"], "completed", done["usage"])
    assert data["timing"]["first_audio_ms"] == 400.0
    assert data["timing"]["transcript_ms"] == 100.0


@pytest.mark.parametrize(
    ("tracing", "told"),
    [("auto", ("realtime", None, None)), (WORKFLOW, ("hotel", "night", {"room": 12}))],
)
def test_the_client_names_its_workflow(tmp_path: Path, tracing: Any, told: tuple[Any, ...]) -> None:
    world = ObservedWorld(tmp_path)
    world.client({"type": "session.update", "session": {"type": "realtime", "tracing": tracing}})
    head, _ = trace(world, tmp_path)
    assert (head["workflow_name"], head["group_id"], head["metadata"]) == told


def test_a_session_without_tracing_leaves_no_trace(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    world = ObservedWorld(tmp_path / "traces")
    spoken_turn(world)
    world.end()
    assert list((tmp_path / "traces").iterdir()) == []
    silent = ObservedWorld()
    spoken_turn(silent)
    silent.end()
    assert {record.getMessage() for record in caplog.records} == {"turn"}


def test_without_a_folder_the_spans_are_lines_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    world = ObservedWorld(session={"tracing": WORKFLOW})
    spoken_turn(world)
    world.end()
    assert {record.levelname for record in caplog.records if record.getMessage() in ("trace", "span")} == {"DEBUG"}
    head, *lines = (record for record in caplog.records if record.getMessage() in ("trace", "span"))
    assert (head.fields["workflow_name"], head.fields["metadata"]) == ("hotel", '{"room":12}')
    (response,) = (line.fields for line in lines if line.fields["type"] == "response")
    assert (response["status"], response["duration_ms"], response["first_audio_ms"]) == ("completed", 500.0, 400.0)
    assert response["trace_id"] == head.fields["trace_id"]
    assert [line.fields["type"] for line in lines][-1] == "session"


def test_nothing_that_was_said_is_in_a_trace(tmp_path: Path) -> None:
    world = traced(tmp_path, tools=[{"type": "function", "name": "open_door"}])
    spoken_turn(world)
    world.client({"type": "response.create"})
    world.result(call={"call_id": "call_1", "function": "open_door"})
    world.result(arguments={"call_id": "call_1", "delta": '{"code": "secret"}'})
    world.result(done="tool_calls")
    output = {"type": "function_call_output", "call_id": "call_1", "output": "secret"}
    world.client({"type": "conversation.item.create", "item": output})
    world.end()
    (path,) = tmp_path.iterdir()
    text = path.read_text(encoding="utf-8")
    assert "open_door" in text
    assert "ecret" not in text
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_tool_of_the_client_lasts_until_its_output_is_an_item(tmp_path: Path) -> None:
    world = traced(tmp_path, output_modalities=["text"], tools=[{"type": "function", "name": "open_door"}])
    world.client({"type": "response.create"})
    world.advance(0.5)
    world.result(call={"call_id": "call_1", "function": "open_door"})
    world.result(call={"call_id": "call_2", "function": "open_door"})
    world.result(done="tool_calls")
    world.advance(2)
    world.client(
        {
            "type": "conversation.item.create",
            "item": {"type": "function_call_output", "call_id": "call_1", "output": ""},
        }
    )
    world.advance(1)
    _, spans = trace(world, tmp_path)
    (response,) = named(spans, "response")
    assert response["span_data"]["output"] == ["function_call", "function_call"]
    tools = named(spans, "tool")
    assert [(tool["span_data"]["name"], tool["span_data"]["status"], tool["duration_ms"]) for tool in tools] == [
        ("open_door", "completed", 2000.0),
        ("open_door", "cut_off", 3000.0),
    ]
    assert {tool["parent_id"] for tool in tools} == {response["id"]}


def test_answers_beside_each_other_have_their_own_first_tokens(tmp_path: Path) -> None:
    world = traced(tmp_path, output_modalities=["text"])
    world.client({"type": "response.create"})
    first = world.job("generate")
    world.advance(1)
    world.client({"type": "response.create", "response": {"conversation": "none", "input": []}})
    second = world.job("generate")
    world.advance(1)
    for job in (second, first):
        world.deliver(job, GenerateText("x"))
        world.advance(1)
        world.deliver(job, GenerateDone("stop"))
    _, spans = trace(world, tmp_path)
    tokens = {span["parent_id"]: span["duration_ms"] for span in named(spans, "first_token")}
    ids = [event["response"]["id"] for event in world.everything if event["type"] == "response.created"]
    responses = {span["span_data"]["response_id"]: span["id"] for span in named(spans, "response")}
    assert [tokens[responses[each]] for each in ids] == [3000.0, 1000.0]


def test_what_was_thrown_away_and_what_was_cut_off_says_so(tmp_path: Path) -> None:
    world = traced(tmp_path)
    world.hear(1.2, {"speech": 300}, {"silence": 1000})
    world.hear(0.2, {"resumed": 1300})
    world.hear(1.0, {"silence": 2000})
    world.client({"type": "input_audio_buffer.clear"})
    world.client({"type": "response.create"})
    _, spans = trace(world, tmp_path)
    assert {span["span_data"]["status"] for span in named(spans, "transcription")} == {"cancelled"}
    assert [span["span_data"]["status"] for span in named(spans, "turn")] == ["cleared"]
    assert [span["span_data"]["status"] for span in named(spans, "response")] == ["cut_off"]


def test_a_failed_answer_has_the_code_and_not_the_words(tmp_path: Path) -> None:
    world = traced(tmp_path)
    world.client({"type": "response.create"})
    world.fail("generate", message="secret detail", code="model_gone")
    (response,) = named(trace(world, tmp_path)[1], "response")
    assert (response["span_data"]["status"], response["span_data"]["code"]) == ("failed", "model_gone")
    assert "secret" not in json.dumps(response)


def test_a_defect_of_the_observer_ends_no_session(caplog: pytest.LogCaptureFixture) -> None:
    world = ObservedWorld()
    world.observed._spans.sent = None  # type: ignore[assignment,method-assign]
    spoken_turn(world)
    assert world.everything[-1]["type"] == "rate_limits.updated"
    assert [record.getMessage() for record in caplog.records] == ["observation failed"]


def test_an_observer_is_freed_with_its_session() -> None:
    observed = Observed(SessionLog("sess_1"), Metrics(), Traces())
    observed.sent({"type": "session.created", "session": {"tracing": "auto"}}, 0.0)
    observed.end(1.0)
    freed = weakref.ref(observed)
    gc.disable()
    try:
        del observed
        assert freed() is None
    finally:
        gc.enable()


def test_a_folder_that_cannot_be_had_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(RtengineError, match="cannot write traces into"):
        Traces(tmp_path / "file" / "traces")
