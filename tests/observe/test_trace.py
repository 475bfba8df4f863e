"""What the live view is told of a session."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests import scenario
from tests.observe.recorded import SCENARIOS, watched
from tests.session.machines import MACHINES

from rtengine.observe.inspector import ENDED, Inspector, described
from rtengine.observe.trace import LONGEST, Standing, Trace

pytestmark = pytest.mark.scenario


def traced(name: str, steps: int = 3000) -> tuple[Trace, list[dict[str, Any]]]:
    """A scenario's trace, and every step it told as it ran."""
    told: list[dict[str, Any]] = []
    traces = []

    def make(setup: Any) -> list[Any]:
        traces.append(Trace(setup.session.id, 0, lambda trace, text: told.extend(json.loads(f"[{text or ''}]")), steps))
        return list(traces[-1:])

    with watched(make):
        scenario.run(next(path for path in SCENARIOS if path.stem == name), MACHINES)
    return traces[0], told


def test_every_effect_is_told_under_the_row_that_made_it() -> None:
    _, told = traced("barge_in")
    rows = [row for step in told for row in step["rows"]]
    started = next(
        row for row in rows if any(each["event"]["type"] == "input_audio_buffer.speech_started" for each in sends(row))
    )
    assert (started["m"], started["from"], started["to"]) == ("turn", "listening.idle", "speaking.voiced")
    written = next(row for row in MACHINES["turn"].rows if row.id == started["row"])
    assert (written.event, written.line) == ("vad.speech", started["line"])


def sent(row: dict[str, Any]) -> list[str]:
    return [effect["event"]["type"] for effect in sends(row)]


def sends(row: dict[str, Any]) -> list[dict[str, Any]]:
    return [effect for effect in row["out"] if effect["out"] == "send"]


def test_every_server_event_is_told_once() -> None:
    _, told = traced("barge_in")
    ids = [each["event"]["event_id"] for step in told for row in (*step["rows"], step) for each in sends(row)]
    assert len(ids) > 20
    assert len(ids) == len(set(ids))


def test_steps_are_numbered_and_their_times_begin_at_zero() -> None:
    _, told = traced("idle_timeout")
    assert [step["n"] for step in told] == list(range(1, len(told) + 1))
    assert told[0]["t"] == 0
    assert [step["t"] for step in told] == sorted(step["t"] for step in told)


def test_audio_in_which_nothing_happens_is_one_step() -> None:
    trace, told = traced("text_turn")
    before = len(told)
    trace._hush(1.0)
    trace._hush(1.5)
    assert len(told) == before
    trace._hush(2.0)
    assert told[-1]["in"] == {"in": "quiet", "count": 2, "bytes": 0, "until": 1.5}


def test_what_is_forgotten_is_in_the_standing_before() -> None:
    whole, _ = traced("barge_in")
    short, _ = traced("barge_in", steps=10)
    standing = Standing()
    for text in whole.history()[1][:-10]:
        standing.take(json.loads(text))
    before, kept = short.history()
    assert len(kept) == 10
    assert before == standing.told()
    assert before["n"] == len(whole.history()[1]) - 10
    assert {each["m"] for each in before["instances"]} >= {"session", "turn", "conversation"}


def test_jobs_and_timers_that_are_over_are_not_standing() -> None:
    trace, told = traced("drain")
    standing = Standing()
    for step in told:
        standing.take(step)
    assert standing.told()["jobs"] == []
    assert standing.told()["timers"] == []
    assert trace.ended


def test_long_texts_are_cut() -> None:
    told: list[str] = []
    trace = Trace("sess_1", 0, lambda trace, text: told.append(text or ""))
    trace._keep({"t": 0.0, "in": {"in": "client", "event": {"type": "x", "text": "a" * 5000}}, "rows": [], "out": []})
    assert len(told[0]) < LONGEST + 200
    assert "(5000 characters)" in told[0]


def test_the_machines_are_described_with_the_lines_of_their_rows() -> None:
    told = described(MACHINES)
    for name, machine in told["machines"].items():
        for row in machine["rows"]:
            lines = told["files"][row["file"]].splitlines()
            assert 0 < row["line"] <= len(lines), (name, row)
        assert {state["path"] for state in machine["states"]} == set(MACHINES[name].places)


def test_the_inspector_keeps_the_last_sessions_that_ended() -> None:
    inspector = Inspector()
    for number in range(ENDED + 5):
        inspector.trace(f"sess_{number}", MACHINES).over()
    running = inspector.trace("sess_running", MACHINES)
    assert len(inspector.traces) == ENDED + 1
    assert inspector.traces["sess_running"] is running
    assert "sess_0" not in inspector.traces
    assert inspector.number(MACHINES) == 0


def test_a_listener_is_told_of_sessions_steps_and_notices() -> None:
    inspector = Inspector()
    heard: list[tuple[str | None, dict[str, Any]]] = []
    inspector.notice("machines/turn.yaml has a mistake")
    inspector.listen(listener := lambda session, text: heard.append((session, json.loads(text))))
    trace = inspector.trace("sess_1", MACHINES)
    trace._keep({"t": 0.0, "in": {"in": "start"}, "rows": [], "out": []})
    trace.over()
    inspector.leave(listener)
    trace._keep({"t": 1.0, "in": {"in": "start"}, "rows": [], "out": []})
    assert [(session, told["kind"]) for session, told in heard] == [
        (None, "hello"),
        (None, "session"),
        ("sess_1", "step"),
        (None, "session"),
    ]
    assert heard[-1][1]["session"]["ended"]
    assert heard[0][1]["notices"] == ["machines/turn.yaml has a mistake"]
    history = json.loads(inspector.history("sess_1") or "")
    assert [step["n"] for step in history["steps"]] == [1, 2]
    assert inspector.history("sess_2") is None
