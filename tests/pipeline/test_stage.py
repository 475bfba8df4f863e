from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from rtengine.models.jobs import (
    GenerateDone,
    GenerateRequest,
    GenerateText,
    Job,
    JobFailed,
    JudgeDone,
    SpeakAudio,
    SpeakDone,
    SpeakRequest,
    TranscribeDone,
    TranscribeRequest,
)
from rtengine.models.ports import Cancel, ModelFailure, Samples
from rtengine.models.scripted import ScriptedTranscriberSettings
from rtengine.pipeline.stage import SERVER_ERROR, GenerateStage, SpeakStage, load_stage

pytestmark = pytest.mark.unit

Results = Iterator[GenerateText | GenerateDone]


class Chat:
    """A chat model that does what it is given."""

    def __init__(self, act: Callable[[Cancel], Results]) -> None:
        self.act = act

    def generate(self, request: GenerateRequest, cancel: Cancel) -> Results:
        return self.act(cancel)


class Voice:
    def __init__(self, rate: int, *pieces: Samples) -> None:
        self.rate = rate
        self.pieces = pieces

    def speak(self, request: SpeakRequest, cancel: Cancel) -> Iterator[Samples]:
        return iter(self.pieces)


GENERATE = Job("j1", "s1", GenerateRequest(({"role": "user", "content": "Hi"},)))


def say(cancel: Cancel) -> Results:
    yield GenerateText("Hello")
    yield GenerateDone("stop")
    yield GenerateText("too late")


def fail_as_told(cancel: Cancel) -> Results:
    yield GenerateText("Hello")
    raise ModelFailure("Too many requests.", "rate_limit_exceeded", "rate_limit_error")


def fail_by_surprise(cancel: Cancel) -> Results:
    raise ZeroDivisionError("secret /home/path")
    yield


def forget_to_end(cancel: Cancel) -> Results:
    yield GenerateText("Hello")


def test_a_job_ends_with_its_first_final_result() -> None:
    assert list(GenerateStage(Chat(say)).handle(GENERATE, Cancel())) == [GenerateText("Hello"), GenerateDone("stop")]


def test_a_model_failure_reaches_the_client_as_it_is() -> None:
    results = list(GenerateStage(Chat(fail_as_told)).handle(GENERATE, Cancel()))
    assert results[-1] == JobFailed("Too many requests.", "rate_limit_exceeded", "rate_limit_error")


@pytest.mark.parametrize("act", [fail_by_surprise, forget_to_end])
def test_a_surprise_is_told_in_general_words_and_logged(
    act: Callable[[Cancel], Results], caplog: pytest.LogCaptureFixture
) -> None:
    results = list(GenerateStage(Chat(act)).handle(GENERATE, Cancel()))
    assert results[-1] == SERVER_ERROR
    assert "secret" not in SERVER_ERROR.message
    assert caplog.records[-1].levelno == logging.ERROR
    assert caplog.records[-1].exc_info


def test_a_cancelled_job_yields_nothing_more() -> None:
    cancel = Cancel()

    def endless(cancel: Cancel) -> Results:
        while True:
            yield GenerateText("more ")

    results = GenerateStage(Chat(endless)).handle(GENERATE, cancel)
    assert next(results) == GenerateText("more ")
    cancel.set()
    assert list(results) == []


def test_an_error_caused_by_the_cancel_is_no_failure() -> None:
    cancel = Cancel()

    def broken_off(cancel: Cancel) -> Results:
        cancel.set()
        raise OSError("stream closed")
        yield

    stage = GenerateStage(Chat(broken_off))
    for _ in range(5):
        assert list(stage.handle(GENERATE, cancel)) == []
    assert not stage.broken


def test_a_stage_that_fails_again_and_again_is_broken_until_it_works() -> None:
    chat = Chat(fail_by_surprise)
    stage = GenerateStage(chat)
    for _ in range(2):
        list(stage.handle(GENERATE, Cancel()))
    assert not stage.broken
    list(stage.handle(GENERATE, Cancel()))
    assert stage.broken
    chat.act = say
    list(stage.handle(GENERATE, Cancel()))
    assert not stage.broken


def test_failures_that_the_model_foresees_do_not_break_the_stage() -> None:
    stage = GenerateStage(Chat(fail_as_told))
    for _ in range(5):
        list(stage.handle(GENERATE, Cancel()))
    assert not stage.broken


def test_a_request_of_another_stage_fails() -> None:
    job = Job("j1", "s1", SpeakRequest("Hi", "alloy"))
    assert list(GenerateStage(Chat(say)).handle(job, Cancel())) == [SERVER_ERROR]


def test_a_stage_is_loaded_by_adapter_name() -> None:
    stage = load_stage("transcribe", "scripted", ScriptedTranscriberSettings(transcripts=["hello"]), print)
    results = list(stage.handle(Job("j1", "s1", TranscribeRequest(bytes(3200), 16000)), Cancel()))
    assert results == [TranscribeDone("hello", 0.1)]


def speak(voice: Voice, request: SpeakRequest) -> tuple[list[SpeakAudio], bytes]:
    *audio, last = SpeakStage(voice).handle(Job("j1", "s1", request), Cancel())
    assert last == SpeakDone()
    chunks = [chunk for chunk in audio if isinstance(chunk, SpeakAudio)]
    assert len(chunks) == len(audio)
    return chunks, b"".join(chunk.audio for chunk in chunks)


@pytest.mark.parametrize("piece", [1000, 7, 24000])
def test_speech_is_cut_into_a_short_chunk_and_long_ones(piece: int) -> None:
    samples = (np.sin(np.arange(12000) / 20) * 0.5).astype(np.float32)
    pieces = [samples[start : start + piece] for start in range(0, samples.size, piece)]
    chunks, audio = speak(Voice(24000, *pieces), SpeakRequest("Hello there.", "alloy"))
    assert [chunk.duration_ms for chunk in chunks] == [60, 160, 160, 120]
    assert [chunk.text for chunk in chunks] == ["Hello there.", "", "", ""]
    heard = np.frombuffer(audio, "<i2")
    assert np.abs(heard / 32767 - samples).max() < 1 / 32767


@pytest.mark.parametrize(
    ("encoding", "rate", "size"), [("pcm", 24000, 48000), ("pcm", 8000, 16000), ("pcmu", 8000, 8000)]
)
def test_speech_has_the_encoding_and_rate_of_the_request(encoding: str, rate: int, size: int) -> None:
    tone = (np.sin(np.arange(22050) * 2 * np.pi * 440 / 22050) * 0.5).astype(np.float32)
    chunks, audio = speak(Voice(22050, tone[:9000], tone[9000:]), SpeakRequest("Hi", "alloy", 1.0, encoding, rate))
    assert len(audio) == pytest.approx(size, abs=4)
    assert sum(chunk.duration_ms for chunk in chunks) == pytest.approx(1000, abs=0.2)


def test_loud_and_broken_samples_are_clipped_and_silenced() -> None:
    samples = np.array([2.0, -2.0, np.nan, 1.0, -1.0, 0.0], np.float32)
    _, audio = speak(Voice(24000, samples), SpeakRequest("Hi", "alloy"))
    assert np.frombuffer(audio, "<i2").tolist() == [32767, -32767, 0, 32767, -32767, 0]


def test_a_voice_that_returns_one_array_is_told_what_is_wanted(caplog: pytest.LogCaptureFixture) -> None:
    class OneArray(Voice):
        def speak(self, request: SpeakRequest, cancel: Cancel) -> Any:
            return self.pieces[0]

    job = Job("j1", "s1", SpeakRequest("Hi", "alloy"))
    assert list(SpeakStage(OneArray(24000, np.zeros(10, np.float32))).handle(job, Cancel())) == [SERVER_ERROR]
    assert caplog.records[-1].exc_info
    assert "a voice yields arrays of samples" in str(caplog.records[-1].exc_info[1])


def test_a_clause_without_sound_keeps_its_text() -> None:
    chunks, _ = speak(Voice(24000), SpeakRequest("…", "alloy"))
    assert chunks == [SpeakAudio(b"", 0.0, "…")]


JUDGE = Job("j1", "s1", GenerateRequest(({"role": "user", "content": "Tell me about the"},), judge_only=True))


class Judge(Chat):
    def __init__(self, probability: float | None) -> None:
        super().__init__(say)
        self.probability = probability

    def judge(self, text: str, cancel: Cancel) -> float | None:
        assert text == "Tell me about the"
        return self.probability


def test_a_chat_model_that_can_judges_whether_the_user_has_finished() -> None:
    assert list(GenerateStage(Judge(0.07)).handle(JUDGE, Cancel())) == [JudgeDone(0.07)]


@pytest.mark.parametrize("model", [Chat(say), Judge(None)])
def test_where_it_cannot_the_form_of_the_words_decides(model: Chat) -> None:
    assert list(GenerateStage(model).handle(JUDGE, Cancel())) == [JudgeDone(0.0)]
