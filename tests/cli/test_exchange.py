from __future__ import annotations

from typing import Any

import pybase64
import pytest

from rtengine_cli.exchange import Exchange, Line

pytestmark = pytest.mark.unit

VAD = {"type": "server_vad", "create_response": True}


def session(transcription: Any = None, turn_detection: Any = VAD) -> dict[str, Any]:
    audio = {"input": {"transcription": transcription, "turn_detection": turn_detection}}
    return {"type": "session.created", "session": {"type": "realtime", "audio": audio}}


def feed(exchange: Exchange, *events: dict[str, Any] | str) -> list[Line]:
    lines: list[Line] = []
    for event in events:
        lines += exchange.receive({"type": event} if isinstance(event, str) else event, 0.0)
    return lines


DONE = {"type": "response.done", "response": {"status": "completed"}}
HEARD = {"type": "conversation.item.input_audio_transcription.completed", "transcript": " Hello. "}


def test_a_spoken_turn_settles_when_it_is_answered_and_transcribed() -> None:
    exchange = Exchange()
    feed(exchange, session({"model": "whisper-1"}))
    assert exchange.settled
    feed(exchange, "input_audio_buffer.speech_started")
    assert exchange.speaking and not exchange.settled
    feed(exchange, "input_audio_buffer.speech_stopped", "input_audio_buffer.committed")
    assert not exchange.speaking and not exchange.settled
    feed(exchange, "response.created", DONE)
    assert not exchange.settled, "the transcript is still to come"
    feed(exchange, HEARD)
    assert exchange.settled
    assert exchange.statuses == ["completed"]


def test_without_automatic_answers_a_commit_owes_nothing() -> None:
    exchange = Exchange()
    feed(exchange, session(turn_detection=None), "input_audio_buffer.committed")
    assert exchange.settled and not exchange.detects_turns and not exchange.answers_turns


def test_both_sides_become_lines() -> None:
    exchange = Exchange()
    delta = {"type": "response.output_audio_transcript.delta", "delta": "Good "}
    lines = feed(exchange, session(), HEARD, "response.created", delta, {**delta, "delta": "morning. "}, DONE)
    assert lines == [Line("you", "Hello."), Line("agent", "Good morning.")] == exchange.lines


def test_audio_is_kept_once() -> None:
    exchange = Exchange()
    delta = pybase64.b64encode(b"\1\2").decode()
    feed(exchange, {"type": "response.output_audio.delta", "delta": delta, "item_id": "item_1"})
    assert bytes(exchange.answer) == b"\1\2"
    assert exchange.events == [(0.0, {"type": "response.output_audio.delta", "item_id": "item_1"})]


def test_errors_and_failed_transcriptions_are_kept() -> None:
    exchange = Exchange()
    failed = {"type": "conversation.item.input_audio_transcription.failed", "error": {"message": "no"}}
    feed(exchange, session({"model": "whisper-1"}), "input_audio_buffer.committed", "response.created", DONE)
    feed(exchange, failed, {"type": "error", "error": {"message": "bad"}})
    assert exchange.settled
    assert [error["error"]["message"] for error in exchange.errors] == ["no", "bad"]


def test_unknown_events_are_taken_calmly() -> None:
    exchange = Exchange()
    assert feed(exchange, "rate_limits.updated", "something.new", {}) == []
    assert len(exchange.events) == 3
