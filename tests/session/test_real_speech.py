"""Real speech, in every format, through a session and a real detector."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.audio.recorded import Recording, recording
from tests.session.machines import MACHINES

from rtengine.audio import g711
from rtengine.audio.detection import detector
from rtengine.models import jobs
from rtengine.models.ports import Cancel
from rtengine.profile.settings import Limits
from rtengine.protocol.client import parse_client_event
from rtengine.protocol.formats import allowed_rates
from rtengine.protocol.ids import Ids
from rtengine.protocol.session import RealtimeSession
from rtengine.session.effects import Effect, JobResult, Send, Start
from rtengine.session.session import Session

pytestmark = pytest.mark.unit

PCM = {"type": "audio/pcm", "rate": 24000}


class Line:
    """A session that a client streams a recording to."""

    def __init__(self, format: dict[str, Any], **heard: Any) -> None:
        settings = {"format": format, "turn_detection": {"type": "server_vad", "silence_duration_ms": 500}, **heard}
        configured = RealtimeSession.model_validate(
            {"id": "sess_1", "model": "m", "audio": {"input": settings, "output": {"format": format}}},
            context=allowed_rates(),
        )
        self.session = Session(
            configured, MACHINES, lambda rate: detector("silero", rate), Limits(speculative_answers=False), Ids(seed=1)
        )
        self.sent: list[dict[str, Any]] = []
        self.jobs: list[jobs.Job] = []
        self.perform(self.session.start(0.0))

    def perform(self, effects: list[Effect]) -> None:
        self.sent += [effect.event for effect in effects if isinstance(effect, Send)]
        self.jobs += [effect.job for effect in effects if isinstance(effect, Start)]

    def client(self, text: str) -> None:
        self.perform(self.session.receive(parse_client_event(text), 0.0))

    def append(self, audio: bytes) -> None:
        self.client(appending(audio))
        while self.session.behind:
            self.perform(self.session.go_on(0.0))

    def stream(self, audio: bytes, piece: int) -> None:
        for at in range(0, len(audio), piece):
            self.append(audio[at : at + piece])

    def deliver(self, result: jobs.Result) -> None:
        self.perform(self.session.receive(JobResult(self.jobs[-1].id, result), 0.0))

    def event(self, name: str) -> dict[str, Any]:
        (found,) = [event for event in self.sent if event["type"] == name]
        return found

    @property
    def request(self) -> Any:
        return self.jobs[-1].request


def appending(audio: bytes) -> str:
    return f'{{"type":"input_audio_buffer.append","audio":"{base64.b64encode(audio).decode()}"}}'


def heard_turn(line: Line, heard: Recording, tail_ms: float = 60) -> jobs.TranscribeRequest:
    """The request for the words of the one turn that is in the recording, found where it is.

    ``tail_ms``: how much of a faint last sound may be lost.
    """
    started = line.event("input_audio_buffer.speech_started")
    stopped = line.event("input_audio_buffer.speech_stopped")
    assert started["audio_start_ms"] == pytest.approx(heard.onset_ms - 300, abs=60)
    assert stopped["audio_end_ms"] == pytest.approx(heard.end_ms + 500, abs=tail_ms)
    return next(job.request for job in line.jobs if isinstance(job.request, jobs.TranscribeRequest))


def after_start(samples: NDArray[np.int16], line: Line, rate: int) -> bytes:
    start = line.event("input_audio_buffer.speech_started")["audio_start_ms"]
    return samples[round(start * rate / 1000) :].astype("<i2").tobytes()


def answer(line: Line) -> None:
    line.deliver(jobs.TranscribeDone("Go forward ten meters.", 2.0))
    line.deliver(jobs.GenerateText("Going."))
    line.deliver(jobs.GenerateDone("stop"))


@pytest.mark.parametrize("encoding", ["pcmu", "pcma"])
def test_a_telephone_turn_is_found_and_transcribed_from_exactly_what_was_sent(encoding: Any) -> None:
    heard = recording("go_forward_16k.wav", 8000)
    sent = g711.encode(heard.samples, encoding)
    line = Line({"type": f"audio/{encoding}"})
    line.stream(sent, 160)
    request = heard_turn(line, heard)
    assert request.rate == 8000
    assert len(request.audio) > 8000 * 2
    assert after_start(g711.decode(sent, encoding), line, 8000).startswith(request.audio)
    answer(line)
    assert (line.request.encoding, line.request.rate) == (encoding, 8000)


@pytest.mark.parametrize("rate", [8000, 16000])
def test_a_profile_may_give_its_sessions_another_rate(rate: int) -> None:
    heard = recording("go_forward_16k.wav", rate)
    line = Line({"type": "audio/pcm", "rate": rate})
    assert line.sent[0]["session"]["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": rate}
    line.stream(heard.samples.astype("<i2").tobytes(), rate // 25)
    request = heard_turn(line, heard)
    assert request.rate == rate
    assert len(request.audio) > rate * 2
    assert after_start(heard.samples, line, rate).startswith(request.audio)
    answer(line)
    assert (line.request.encoding, line.request.rate) == ("pcm", rate)
    line.client('{"type":"session.update","session":{"type":"realtime","instructions":"Be brief."}}')
    assert line.event("session.updated")["session"]["audio"]["input"]["format"]["rate"] == rate


def test_one_long_append_is_heard_as_the_same_audio_in_small_ones_is() -> None:
    clips = [recording("please_stop_24k.wav"), recording("ten_of_clubs_16k.wav")] * 2
    audio = b"".join(clip.samples.astype("<i2").tobytes() for clip in clips)
    whole, pieces = Line(PCM), Line(PCM)
    whole.append(audio)
    pieces.stream(audio, 1920)

    def told(line: Line) -> list[tuple[str, Any]]:
        return [
            (event["type"], event.get("audio_start_ms", event.get("audio_end_ms")))
            for event in line.sent
            if "speech_st" in event["type"]
        ]

    assert len(told(whole)) == 8
    assert told(whole) == told(pieces)


def test_a_long_append_is_heard_in_portions_and_nothing_overtakes_it() -> None:
    line = Line(PCM)
    line.client(appending(bytes(48000 * 20)))
    for _ in range(10):
        assert line.session.behind
        line.perform(line.session.go_on(0.0))
    assert line.session.data.input.buffer.total_ms == 11_000
    line.client('{"type":"input_audio_buffer.clear"}')
    assert line.session.data.input.buffer.total_ms == 20_000
    assert not line.session.behind
    line.event("input_audio_buffer.cleared")


def test_noise_reduction_changes_what_is_transcribed_and_the_turn_is_still_found() -> None:
    heard = recording("go_forward_16k.wav", room_dbfs=-45)
    plain, clean = Line(PCM), Line(PCM, noise_reduction={"type": "near_field"})

    def noise_after(line: Line) -> float:
        line.stream(heard.samples.astype("<i2").tobytes(), 1920)
        samples = np.frombuffer(heard_turn(line, heard, tail_ms=250).audio, "<i2").astype(float)
        return float(np.sqrt(np.mean(np.square(samples[-24 * 60 :]))))

    assert noise_after(clean) < noise_after(plain) * 0.7


def judged(line: Line, heard: Recording, transcript: str, probability: float) -> None:
    """The recording with all of its silence, before the model has judged anything."""
    line.append(heard.samples.astype("<i2").tobytes())
    line.deliver(jobs.TranscribeDone(transcript, 2.0))
    assert line.request.judge_only
    line.deliver(jobs.JudgeDone(probability))


def test_a_silence_that_was_long_enough_when_it_was_judged_ends_the_turn_at_once() -> None:
    heard = recording("go_forward_16k.wav")
    line = Line(PCM, turn_detection={"type": "semantic_vad", "eagerness": "high"})
    judged(line, heard, "Go forward ten meters.", 0.5)
    stopped = line.event("input_audio_buffer.speech_stopped")
    assert stopped["audio_end_ms"] == pytest.approx(heard.end_ms + 200, abs=60)


def test_a_cut_sentence_is_waited_for() -> None:
    heard = recording("go_forward_16k.wav")
    line = Line(PCM, turn_detection={"type": "semantic_vad", "eagerness": "high"})
    judged(line, heard, "Go forward ten", 0.0)
    assert not [event for event in line.sent if event["type"] == "input_audio_buffer.speech_stopped"]
    line.append(bytes(48 * 600))
    stopped = line.event("input_audio_buffer.speech_stopped")
    assert stopped["audio_end_ms"] == pytest.approx(heard.end_ms + 2000, abs=60)


@pytest.mark.models
@pytest.mark.parametrize("encoding", ["pcmu", "pcma"])
def test_words_survive_the_telephone(encoding: Any) -> None:
    from rtengine.models.whisper import WhisperSettings, load

    heard = recording("go_forward_16k.wav", 8000)
    line = Line({"type": f"audio/{encoding}"})
    line.stream(g711.encode(heard.samples, encoding), 160)
    request = heard_turn(line, heard)
    [done] = load(WhisperSettings(language="en", detect_language=False), lambda step: None).transcribe(
        request, Cancel()
    )
    assert isinstance(done, jobs.TranscribeDone)
    words = done.transcript.lower().replace(".", "").replace("10", "ten").split()
    assert words[:3] == ["go", "forward", "ten"]
