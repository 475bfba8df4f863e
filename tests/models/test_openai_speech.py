from __future__ import annotations

import io
import struct
import threading
import wave
from collections.abc import Generator, Iterator
from typing import Any

import numpy as np
import pytest
from tests.models.endpoint import SECONDS, Handler, Reply, Server, begin, loaded, refuse, send, stall

from rtengine.models.jobs import SpeakRequest
from rtengine.models.openai_speech import OpenAISpeech, OpenAISpeechSettings, load
from rtengine.models.ports import Cancel, ModelFailure, Samples

pytestmark = pytest.mark.conformance

SAMPLES = np.arange(-6000, 6000, 7, dtype=np.int16)
PCM = SAMPLES.astype("<i2").tobytes()


@pytest.fixture
def voice(server: Server) -> Iterator[OpenAISpeech]:
    yield from opened(server)


def opened(server: Server, **settings: Any) -> Iterator[OpenAISpeech]:
    yield from loaded(load, OpenAISpeechSettings(model="m", base_url=server.url, **settings))


def said(text: str = "Good morning.", voice: str = "alloy", **fields: Any) -> SpeakRequest:
    return SpeakRequest(text, voice, **fields)


def speak(model: OpenAISpeech, server: Server, reply: Reply, request: SpeakRequest | None = None) -> Samples:
    server.replies.put(reply)
    pieces = list(model.speak(request or said(), Cancel()))
    assert all(piece.dtype == np.float32 and piece.size for piece in pieces)
    return np.concatenate(pieces)


def test_raw_samples_are_asked_for_and_come_as_floats(voice: OpenAISpeech, server: Server) -> None:
    assert voice.rate == 24000
    samples = speak(voice, server, send("audio/pcm", PCM))
    np.testing.assert_array_equal(samples, SAMPLES / np.float32(32768))
    path, headers, body = server.requests[0]
    assert (path, headers["authorization"]) == ("/v1/audio/speech", "Bearer none")
    assert body == {"model": "m", "input": "Good morning.", "voice": "alloy", "response_format": "pcm"}


def test_the_settings_and_the_request_shape_the_body(server: Server) -> None:
    settings = {"api_key": "k", "rate": 22050, "instructions": "Whisper.", "extra_body": {"lang_code": "a"}}
    for model in opened(server, **settings):
        assert model.rate == 22050
        speak(model, server, send("audio/pcm", PCM), said(speed=0.25))
    _, headers, body = server.requests[0]
    assert headers["authorization"] == "Bearer k"
    assert (body["speed"], body["instructions"], body["lang_code"]) == (0.25, "Whisper.", "a")


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1001])
def test_samples_are_put_together_however_the_body_is_cut(voice: OpenAISpeech, server: Server, size: int) -> None:
    pieces = (PCM[start : start + size] for start in range(0, len(PCM), size))
    np.testing.assert_array_equal(
        speak(voice, server, send("audio/pcm", *pieces)), SAMPLES.astype(np.float32) / np.float32(32768)
    )


def test_pieces_arrive_before_the_body_ends(voice: OpenAISpeech, server: Server) -> None:
    heard = threading.Event()

    def reply(handler: Handler) -> None:
        begin(handler, "audio/pcm", PCM[:1001])
        assert heard.wait(SECONDS)
        handler.write_chunk(PCM[1001:])
        handler.write_chunk(b"")

    server.replies.put(reply)
    pieces = voice.speak(said(), Cancel())
    first = next(pieces)
    heard.set()
    samples = np.concatenate([first, *pieces])
    assert len(first) == 500
    np.testing.assert_array_equal(samples, SAMPLES / np.float32(32768))


@pytest.mark.parametrize("size", [1, 7, 10**6])
def test_an_endpoint_without_raw_samples_is_asked_for_wav(server: Server, size: int) -> None:
    file = wav(22050)
    for model in opened(server, format="wav", rate=22050):
        pieces = (file[start : start + size] for start in range(0, len(file), size))
        np.testing.assert_array_equal(speak(model, server, send("audio/wav", *pieces)), SAMPLES / np.float32(32768))
    assert server.requests[0][2]["response_format"] == "wav"


def test_wav_may_not_know_its_length_or_have_more_than_samples(server: Server) -> None:
    head, size = wav(24000)[:40], struct.pack("<I", len(PCM))
    listed = b"LIST" + struct.pack("<I", 5) + b"hello\0"
    for file in (
        head + b"\xff\xff\xff\xff" + PCM,
        head + bytes(4) + PCM,
        head + size + PCM + listed,
        head[:12] + listed + head[12:] + size + PCM,
    ):
        for model in opened(server, format="wav"):
            samples = speak(model, server, send("audio/wav", file[:50], file[50:]))
            np.testing.assert_array_equal(samples, SAMPLES / np.float32(32768))


def wav(rate: int, channels: int = 1) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((channels, 2, rate, 0, "NONE", ""))
        sound.writeframes(PCM)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "sentence", "hint"),
    [
        (wav(16000), "sent 16000 samples per second instead of 24000", "set `rate: 16000`"),
        (wav(24000, channels=2), "one channel of 16 bits", "2 channels"),
        (PCM, "sent something that is no WAV", "response_format"),
        (wav(24000)[:30], "sent no audio", "voice"),
    ],
)
def test_wav_that_is_not_as_it_should_be_fails(server: Server, data: bytes, sentence: str, hint: str) -> None:
    for model in opened(server, format="wav"):
        with pytest.raises(ModelFailure, match=f"The speech endpoint .*{sentence}") as caught:
            speak(model, server, send("audio/wav", data))
        assert hint in caught.value.hint


def test_a_name_stands_for_the_endpoints_voice(server: Server) -> None:
    for model in opened(server, voices={"alloy": "af_heart", "ash": "am_adam"}):
        speak(model, server, send("audio/pcm", PCM), said(voice="ash"))
        with pytest.raises(ModelFailure, match="The speech endpoint has no voice 'cedar'") as caught:
            list(model.speak(said(voice="cedar"), Cancel()))
        assert caught.value.type == "invalid_request_error"
    assert [body["voice"] for _, _, body in server.requests] == ["am_adam"]


def test_the_names_that_clients_may_use_are_those_that_are_mapped() -> None:
    assert OpenAISpeechSettings(model="m").voice_names is None
    assert OpenAISpeechSettings(model="m", voices={"alloy": "af_heart"}).voice_names == frozenset(["alloy"])


@pytest.mark.parametrize("text", ["", " ", "…", "?!", "🙂"])
def test_text_without_words_is_silent_and_costs_nothing(voice: OpenAISpeech, server: Server, text: str) -> None:
    assert list(voice.speak(said(text), Cancel())) == []
    assert server.requests == []


def test_words_of_any_script_are_spoken(voice: OpenAISpeech, server: Server) -> None:
    for text in ("7", "नमस्ते", "你好", "مرحبا"):
        assert len(speak(voice, server, send("audio/pcm", PCM), said(text)))


FAILURES = [
    (
        refuse(401, {"message": "Incorrect API key: sk-1"}),
        "invalid_api_key",
        "The speech endpoint refused the server's",
    ),
    (refuse(404, {"message": "no model"}), "model_not_found", "The speech endpoint does not have the model 'm'"),
    (refuse(429, {"message": "Slow down."}), "rate_limit_exceeded", "The speech endpoint is over its rate limit"),
    (refuse(500), None, r"The speech endpoint failed \(HTTP 500\)"),
    (refuse(400, {"message": "No such voice.", "code": "voice"}), "voice", "No such voice"),
    (send("audio/pcm", PCM, whole=False), "connection_error", "The connection to the speech endpoint failed"),
    (send("audio/pcm"), "stream_error", "The speech endpoint sent no audio"),
    (send("application/json", b'{"error": "no such voice"}'), "stream_error", "sent application/json instead of audio"),
    (send("text/html; charset=utf-8", b"<html>"), "stream_error", "sent text/html instead of audio"),
    (send("audio/wav", b"RI", b"FF\x24\0\0\0WAVE"), "stream_error", "sent WAV instead of raw samples"),
    (send("audio/pcm", b"RIFF\x24\0\0\0WAVE"), "stream_error", "sent WAV instead of raw samples"),
    (send("audio/mpeg", b"ID3\x04\0\0"), "stream_error", "sent MP3 instead of raw samples"),
    (send("audio/mpeg", b"\xff\xf3\x84\xc4"), "stream_error", "sent MP3 instead of raw samples"),
]


@pytest.mark.parametrize(("reply", "code", "sentence"), FAILURES)
def test_failures_are_told(server: Server, reply: Reply, code: str | None, sentence: str) -> None:
    for model in opened(server, max_retries=0):
        with pytest.raises(ModelFailure, match=sentence) as caught:
            speak(model, server, reply)
        assert caught.value.code == code
        assert "sk-1" not in caught.value.message


def test_a_failure_hints_at_what_to_set(server: Server) -> None:
    for kind, data, hint in (("text/event-stream", b"", "stream_format"), ("audio/wav", b"RIFF", "format: wav")):
        for model in opened(server):
            with pytest.raises(ModelFailure) as caught:
                speak(model, server, send(kind, data or b"data:"))
            assert hint in caught.value.hint


def test_samples_may_look_like_a_frame_of_mp3(voice: OpenAISpeech, server: Server) -> None:
    assert len(speak(voice, server, send("audio/pcm", b"\xff\xff\xff\xfb"))) == 2


@pytest.mark.parametrize("begun", [False, True])
def test_an_endpoint_that_pauses_for_too_long_fails(server: Server, begun: bool) -> None:
    for model in opened(server, timeout_seconds=0.05, max_retries=0):
        with pytest.raises(ModelFailure, match=r"The speech endpoint did not answer within 0\.05 s") as caught:
            speak(model, server, stall("audio/pcm", PCM) if begun else stall())
        assert caught.value.code == "timeout"


@pytest.mark.parametrize("begun", [False, True])
def test_a_cancel_closes_the_connection_at_once(voice: OpenAISpeech, server: Server, begun: bool) -> None:
    cancel = Cancel()
    pieces: list[Samples] = []
    server.replies.put(stall("audio/pcm", PCM) if begun else stall())
    worker = threading.Thread(target=lambda: pieces.extend(voice.speak(said(), cancel)))
    worker.start()
    assert server.reached.wait(SECONDS)
    cancel.set()
    worker.join(SECONDS)
    assert not worker.is_alive()
    assert server.left.wait(SECONDS)


def test_whoever_stops_listening_closes_the_connection(voice: OpenAISpeech, server: Server) -> None:
    server.replies.put(stall("audio/pcm", PCM))
    pieces = voice.speak(said(), Cancel())
    assert isinstance(pieces, Generator)
    assert len(next(pieces))
    pieces.close()
    assert server.left.wait(SECONDS)


def test_the_connection_is_used_again(voice: OpenAISpeech, server: Server) -> None:
    clients: set[Any] = set()

    def tell(handler: Handler) -> None:
        clients.add(handler.client_address)
        send("audio/pcm", PCM)(handler)

    for _ in range(3):
        speak(voice, server, tell)
    assert len(clients) == 1
