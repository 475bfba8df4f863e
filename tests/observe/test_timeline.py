from __future__ import annotations

from typing import Any

import pytest

from rtengine.models.jobs import (
    GenerateCall,
    GenerateDone,
    GenerateRequest,
    GenerateText,
    Job,
    JobFailed,
    JudgeDone,
    SpeakRequest,
    TranscribeDone,
    TranscribeRequest,
)
from rtengine.observe.timeline import Timeline, TurnTiming

pytestmark = pytest.mark.unit

TRANSCRIBE = TranscribeRequest(b"", 16000)
GENERATE = GenerateRequest(messages=())
SPEAK = SpeakRequest("Hello.", "voice")


class Watch:
    """A timeline fed by short calls; times in milliseconds."""

    def __init__(self) -> None:
        self.timeline = Timeline()

    def send(self, at: float, type: str, **fields: Any) -> TurnTiming | None:
        return self.timeline.sent({"type": type, **fields}, at / 1e3)

    def stopped(self, at: float, item: str = "item_1") -> None:
        assert self.send(at, "input_audio_buffer.speech_stopped", item_id=item) is None
        assert self.send(at, "input_audio_buffer.committed", item_id=item) is None

    def created(self, at: float, id: str = "resp_1") -> None:
        assert self.send(at, "response.created", response={"id": id}) is None

    def delta(self, at: float, id: str = "resp_1", kind: str = "audio") -> None:
        assert self.send(at, f"response.output_{kind}.delta", response_id=id) is None

    def done(self, at: float, id: str = "resp_1", status: str = "completed", output: Any = ()) -> TurnTiming | None:
        return self.send(at, "response.done", response={"id": id, "status": status, "output": list(output)})

    def start(self, at: float, id: str, request: Any) -> None:
        self.timeline.started(Job(id, "sess", request), at / 1e3)

    def result(self, at: float, id: str, result: Any) -> None:
        self.timeline.result(id, result, at / 1e3)


def stages(told: TurnTiming | None) -> tuple[float | None, ...]:
    assert told is not None
    values = (
        told.transcript_ms,
        told.first_token_ms,
        told.first_clause_ms,
        told.voice_ms,
        told.first_audio_ms,
    )
    return tuple(None if value is None else round(value, 3) for value in values)


def ordinary(watch: Watch, at: float = 0, id: str = "resp_1") -> TurnTiming | None:
    watch.send(at + 1, "input_audio_buffer.speech_started")
    watch.stopped(at + 1000)
    watch.start(at + 1000, "t", TRANSCRIBE)
    watch.result(at + 1098, "t", TranscribeDone("hi", 1.0))
    watch.created(at + 1100, id)
    watch.start(at + 1100, "g", GENERATE)
    watch.result(at + 1117, "g", GenerateText("He"))
    watch.result(at + 1150, "g", GenerateText("llo."))
    watch.start(at + 1207, "s", SPEAK)
    watch.result(at + 1208, "g", GenerateDone("stop"))
    watch.start(at + 1210, "s2", SPEAK)
    watch.delta(at + 1231, id)
    watch.delta(at + 1331, id)
    return watch.done(at + 1400, id)


def test_the_stages_of_an_ordinary_turn_follow_each_other() -> None:
    timing = ordinary(Watch())
    assert stages(timing) == (98, 17, 90, 24, 231)
    assert timing is not None
    assert (timing.response_id, timing.status, timing.reference) == ("resp_1", "completed", "speech_stopped")
    assert timing.line() == (
        "turn resp_1 completed: stt 98 ms · first token 17 ms · first clause 90 ms · voice 24 ms"
        " · first audio 231 ms after speech_stopped"
    )
    assert timing.fields()["done_ms"] == 400.0
    assert "first_text_ms" not in timing.fields()


def test_the_next_turn_starts_from_nothing() -> None:
    watch = Watch()
    assert stages(ordinary(watch)) == stages(ordinary(watch, at=10_000, id="resp_2"))


def test_work_done_on_speculation_costs_nothing_and_the_rest_is_counted_from_the_end_of_speech() -> None:
    watch = Watch()
    watch.send(0, "input_audio_buffer.speech_started")
    watch.start(800, "t", TRANSCRIBE)
    watch.result(850, "t", TranscribeDone("hi", 1.0))
    watch.start(850, "g", GENERATE)
    watch.result(950, "g", GenerateText("Hello."))
    watch.stopped(1000)
    watch.created(1000)
    watch.start(1001, "s", SPEAK)
    watch.delta(1020)
    assert stages(watch.done(1100)) == (0, 0, 1, 19, 20)


def test_speculation_that_was_taken_back_leaves_no_mark() -> None:
    watch = Watch()
    watch.send(0, "input_audio_buffer.speech_started")
    watch.start(400, "t1", TRANSCRIBE)
    watch.result(450, "t1", TranscribeDone("hi", 0.4))
    watch.start(450, "g1", GENERATE)
    watch.timeline.cancelled("g1")
    watch.result(460, "g1", GenerateText("too early"))
    watch.start(900, "t2", TRANSCRIBE)
    watch.stopped(1000)
    watch.result(1040, "t2", TranscribeDone("hi there", 0.9))
    watch.created(1040)
    watch.start(1040, "g2", GENERATE)
    watch.result(1100, "g2", GenerateText("Hello."))
    watch.start(1100, "s", SPEAK)
    watch.delta(1150)
    assert stages(watch.done(1200)) == (40, 60, 0, 50, 150)


def test_a_turn_that_the_client_ends_is_counted_from_its_commit() -> None:
    watch = Watch()
    for at, item in ((0, "item_1"), (5000, "item_2")):  # the first gets no response
        watch.start(at, "t", TRANSCRIBE)
        watch.send(at, "input_audio_buffer.committed", item_id=item)
        watch.result(at + 50, "t", TranscribeDone("hi", 1.0))
    watch.created(5060)
    watch.start(5060, "g", GENERATE)
    watch.result(5080, "g", GenerateText("Hi."))
    watch.delta(5080, kind="text")
    timing = watch.done(5200)
    assert timing is not None
    assert (timing.reference, timing.first_audio_ms) == ("committed", None)
    assert timing.first_text_ms == pytest.approx(80)
    assert timing.line() == "turn resp_1 completed: stt 50 ms · first token 20 ms · first text 80 ms after committed"


def test_a_typed_turn_has_no_time_line() -> None:
    watch = Watch()
    watch.created(0)
    watch.start(0, "g", GENERATE)
    watch.result(10, "g", GenerateText("Hi."))
    watch.start(20, "s", SPEAK)
    watch.delta(30)
    assert watch.done(100) is None


def test_a_response_of_function_calls_alone_is_waited_through_to_the_spoken_answer() -> None:
    watch = Watch()
    watch.stopped(0)
    watch.created(0)
    watch.start(0, "g1", GENERATE)
    watch.result(30, "g1", GenerateCall("call_1", "weather"))
    watch.result(40, "g1", GenerateDone("tool_calls"))
    assert watch.done(50, output=[{"type": "function_call"}]) is None
    watch.created(250, "resp_2")
    watch.start(250, "g2", GENERATE)
    watch.result(280, "g2", GenerateText("Sunny."))
    watch.start(281, "s", SPEAK)
    watch.delta(300, "resp_2")
    timing = watch.done(400, "resp_2", output=[{"type": "message"}])
    assert stages(timing) == (None, 30, 1, 19, 300)
    assert timing is not None
    assert timing.response_id == "resp_2"


def test_a_response_that_fails_before_it_says_anything_is_told_too() -> None:
    watch = Watch()
    watch.stopped(0)
    watch.created(5)
    watch.start(5, "g", GENERATE)
    watch.result(20, "g", JobFailed("out of memory"))
    timing = watch.done(21, status="failed")
    assert timing is not None
    assert timing.line() == "turn resp_1 failed: no output, done 21 ms after speech_stopped"


def test_speech_over_a_running_answer_belongs_to_the_next_turn() -> None:
    watch = Watch()
    watch.stopped(0)
    watch.created(0)
    watch.start(0, "g1", GENERATE)
    watch.result(10, "g1", GenerateText("Long"))
    watch.send(15, "input_audio_buffer.speech_started")
    watch.start(20, "s1", SPEAK)
    watch.delta(30)
    first = watch.done(40, status="cancelled")
    assert stages(first) == (None, 10, 10, 10, 30)
    watch.start(900, "t", TRANSCRIBE)
    watch.stopped(1000, "item_2")
    watch.result(1010, "t", TranscribeDone("stop", 1.0))
    watch.created(1010, "resp_2")
    watch.start(1010, "g2", GENERATE)
    watch.result(1020, "g2", GenerateText("Ok."))
    watch.start(1020, "s2", SPEAK)
    watch.delta(1050, "resp_2")
    assert stages(watch.done(1100, "resp_2")) == (10, 10, 0, 30, 50)


def test_prefill_is_no_answer_and_other_responses_are_not_the_turns() -> None:
    watch = Watch()
    watch.send(0, "input_audio_buffer.speech_started")
    watch.start(10, "p", GenerateRequest(messages=(), prefill_only=True))
    watch.result(15, "p", GenerateDone("stop"))
    watch.stopped(100)
    watch.created(100)
    watch.delta(110, "resp_other")
    assert watch.done(120, "resp_other") is None
    assert stages(watch.done(200)) == (None, None, None, None, None)


def test_no_job_is_remembered_after_its_end() -> None:
    watch = Watch()
    for number in range(100):
        ordinary(watch, at=number * 10_000, id=f"resp_{number}")
    assert watch.timeline._jobs == {}


def test_a_judgement_whether_the_turn_is_over_is_no_answer() -> None:
    watch = Watch()
    watch.start(0, "t", TRANSCRIBE)
    watch.result(50, "t", TranscribeDone("Hello.", 1.0))
    watch.start(50, "j", GenerateRequest(messages=(), judge_only=True))
    watch.result(90, "j", JudgeDone(0.5))
    watch.stopped(100)
    watch.created(100)
    watch.start(100, "g", GENERATE)
    watch.result(120, "g", GenerateText("Hi."))
    watch.start(130, "s", SPEAK)
    watch.delta(140)
    assert stages(watch.done(150))[:4] == (0.0, 20.0, 10.0, 10.0)
