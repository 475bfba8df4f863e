from __future__ import annotations

import email
import io
import json
import threading
import wave
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from tests.models.endpoint import SECONDS, Handler, Reply, Server, begin, events, loaded, refuse, send, stall, stream

from rtengine.models.jobs import TranscribeDelta, TranscribeDone, TranscribeRequest
from rtengine.models.openai_transcriptions import OpenAITranscriber, OpenAITranscriptionSettings, load
from rtengine.models.ports import Cancel, ModelFailure

pytestmark = pytest.mark.conformance

Result = TranscribeDelta | TranscribeDone
PCM = np.arange(12000, dtype="<i2").tobytes()
TOKENS = [{"token": "Hel", "logprob": -0.5, "bytes": [72]}, {"token": "lo", "logprob": -1, "bytes": [108]}]


@pytest.fixture
def transcriber(server: Server) -> Iterator[OpenAITranscriber]:
    yield from opened(server)


def opened(server: Server, **settings: Any) -> Iterator[OpenAITranscriber]:
    yield from loaded(load, OpenAITranscriptionSettings(model="m", base_url=server.url, **settings))


def heard(text: str, **fields: Any) -> Reply:
    return send("application/json", json.dumps({"text": text, **fields}).encode())


def transcribe(model: OpenAITranscriber, server: Server, reply: Reply, **fields: Any) -> list[Result]:
    server.replies.put(reply)
    return list(model.transcribe(TranscribeRequest(PCM, 24000, **fields), Cancel()))


def form(server: Server) -> dict[str, Any]:
    """The fields of the last request; each as text, the file as bytes, and those with several values as a list."""
    _, headers, body = server.requests[-1]
    head = f"content-type: {headers['content-type']}\r\n\r\n".encode()
    fields: dict[str, Any] = {}
    parts: Any = email.message_from_bytes(head + body).get_payload()
    for part in parts:
        name, value = part.get_param("name", header="content-disposition"), part.get_payload(decode=True)
        if part.get_filename():
            fields[name] = (part.get_filename(), part.get_content_type(), value)
        elif name.endswith("[]"):
            fields.setdefault(name, []).append(value.decode())
        else:
            fields[name] = value.decode()
    return fields


def test_the_turn_is_sent_as_a_wav_file(transcriber: OpenAITranscriber, server: Server) -> None:
    assert transcribe(transcriber, server, heard(" Hello. ")) == [TranscribeDone("Hello.", 0.5)]
    path, headers, _ = server.requests[0]
    assert (path, headers["authorization"]) == ("/v1/audio/transcriptions", "Bearer none")
    fields = form(server)
    name, kind, data = fields.pop("file")
    assert (name, kind) == ("turn.wav", "audio/wav")
    with wave.open(io.BytesIO(data)) as sound:
        assert (sound.getnchannels(), sound.getsampwidth(), sound.getframerate()) == (1, 2, 24000)
        assert sound.readframes(sound.getnframes()) == PCM
    assert fields == {"model": "m", "response_format": "json"}


def test_the_settings_and_the_request_shape_the_form(server: Server) -> None:
    for model in opened(server, api_key="k", logprobs=True, extra_body={"temperature": 0.2}):
        fields = {"language": "de-AT", "prompt": "Namen: Grüner.", "logprobs": True}
        [done] = transcribe(model, server, heard("Hello", logprobs=TOKENS), **fields)
    assert done == TranscribeDone("Hello", 0.5, "de", (("Hel", -0.5), ("lo", -1.0)))
    sent = form(server)
    assert (sent["language"], sent["prompt"], sent["temperature"]) == ("de", "Namen: Grüner.", "0.2")
    assert sent["include[]"] == ["logprobs"]
    assert server.requests[0][1]["authorization"] == "Bearer k"


def test_the_language_of_the_request_goes_before_that_of_the_settings(server: Server) -> None:
    for model in opened(server, language="de"):
        transcribe(model, server, heard("Hallo"))
        assert form(server)["language"] == "de"
        transcribe(model, server, heard("Salut"), language="fr")
        assert form(server)["language"] == "fr"
        [done] = transcribe(model, server, heard("Ciao"), languages=("it", "it-CH"))
        assert form(server)["language"] == "it"
        assert done == TranscribeDone("Ciao", 0.5, "it")


def test_several_languages_go_where_the_model_takes_them(server: Server) -> None:
    for model in opened(server, several_languages=True):
        reply = heard("Ciao", languages=[{"code": "it"}])
        assert transcribe(model, server, reply, languages=("it", "en-GB")) == [TranscribeDone("Ciao", 0.5, "it")]
    assert form(server)["languages[]"] == ["it", "en"]
    assert "language" not in form(server)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [({"languages": ("it", "en")}, "takes one language"), ({"logprobs": True}, "tells no log probabilities")],
)
def test_what_the_model_does_not_do_fails_before_it_is_asked(
    transcriber: OpenAITranscriber, server: Server, fields: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ModelFailure, match=f"The transcription endpoint {sentence}") as caught:
        list(transcriber.transcribe(TranscribeRequest(PCM, 24000, **fields), Cancel()))
    assert caught.value.type == "invalid_request_error"
    assert "beside `adapter: openai`" in caught.value.hint
    assert server.requests == []


def test_audio_too_short_for_words_is_not_sent(transcriber: OpenAITranscriber, server: Server) -> None:
    short = TranscribeRequest(bytes(1598), 8000, language="en")
    assert list(transcriber.transcribe(short, Cancel())) == [TranscribeDone("", 799 / 8000, "en")]
    assert server.requests == []


def test_words_are_streamed_where_the_endpoint_does(server: Server) -> None:
    done = {"type": "transcript.text.done", "text": "Hello there.", "logprobs": TOKENS}
    deltas: list[dict[str, Any]] = [
        {"type": "transcript.text.delta", "delta": "Hello", "logprobs": TOKENS},
        {"type": "transcript.text.delta", "delta": " there."},
    ]
    for model in opened(server, stream=True, logprobs=True):
        results = transcribe(model, server, stream(*deltas, done), logprobs=True)
    tokens = (("Hel", -0.5), ("lo", -1.0))
    assert results == [
        TranscribeDelta("Hello", tokens),
        TranscribeDelta(" there."),
        TranscribeDone("Hello there.", 0.5, None, tokens),
    ]
    assert form(server)["stream"] == "true"


def test_words_arrive_before_the_stream_ends(server: Server) -> None:
    read = threading.Event()

    def reply(handler: Handler) -> None:
        begin(handler, "text/event-stream", *events({"type": "transcript.text.delta", "delta": "Hi"}))
        assert read.wait(SECONDS)
        for event in events({"type": "transcript.text.done", "text": "Hi"}, "[DONE]"):
            handler.write_chunk(event)
        handler.write_chunk(b"")

    server.replies.put(reply)
    for model in opened(server, stream=True):
        results = model.transcribe(TranscribeRequest(PCM, 24000), Cancel())
        assert next(iter(results)) == TranscribeDelta("Hi")
        read.set()
        assert list(results) == [TranscribeDone("Hi", 0.5)]


def chunk(words: str, reason: str | None = None) -> dict[str, Any]:
    """As vLLM streams."""
    choice = {"delta": {"content": words}} | ({"finish_reason": reason} if reason else {})
    return {"id": "t", "object": "transcription.chunk", "created": 1, "model": "m", "choices": [choice]}


def test_chunks_in_the_shape_of_chat_completions_are_read_as_well(server: Server) -> None:
    usage = {**chunk(""), "choices": [], "usage": {"prompt_tokens": 1, "total_tokens": 2}}
    chunks = (chunk(" My"), chunk(" gosh.", "stop"), chunk(" Yes."), chunk("", "stop"), chunk(""), usage)
    for model in opened(server, stream=True):
        results = transcribe(model, server, stream(*chunks))
        assert results == [*map(TranscribeDelta, ("My", " gosh.", " Yes.")), TranscribeDone("My gosh. Yes.", 0.5)]


FAILURES = [
    (
        refuse(401, {"message": "Incorrect API key: sk-1"}),
        "invalid_api_key",
        "transcription endpoint refused the server",
    ),
    (refuse(404, {"message": "no model"}), "model_not_found", "transcription endpoint does not have the model 'm'"),
    (refuse(429, {"message": "Slow down."}), "rate_limit_exceeded", "transcription endpoint is over its rate limit"),
    (refuse(500), None, r"transcription endpoint failed \(HTTP 500\)"),
    (refuse(400, {"message": "No such language.", "code": "language"}), "language", "No such language"),
    (send("text/html", b"<html>"), "stream_error", "transcription endpoint sent no transcript"),
    (send("application/json", b"{"), "stream_error", "transcription endpoint sent something that cannot be read"),
    (send("application/json", b'{"error": {"message": "x"}}'), "stream_error", "endpoint sent no transcript"),
    (send("application/json", b'["Hello"]'), "stream_error", "endpoint sent no transcript"),
]


@pytest.mark.parametrize(("reply", "code", "sentence"), FAILURES)
def test_failures_are_told(server: Server, reply: Reply, code: str | None, sentence: str) -> None:
    for model in opened(server, max_retries=0):
        with pytest.raises(ModelFailure, match=sentence) as caught:
            transcribe(model, server, reply)
        assert caught.value.code == code
        assert "sk-1" not in caught.value.message


STREAM_FAILURES = [
    (heard("Hello"), "stream_error", "sent no transcript"),  # it does not stream
    (stream({"text": "Hello"}), "stream_error", "sent no transcript"),  # no event of this API
    (stream({"type": "transcript.text.delta", "delta": "Hel"}), "stream_error", "sent no transcript"),
    (stream(chunk(" My", "stop"), chunk(" gosh")), "stream_error", "sent no transcript"),
    (stream(chunk(" My"), whole=False), "connection_error", "The connection to the transcription endpoint failed"),
    (stream({"error": {"message": "GPU lost.", "code": "gpu"}}), "gpu", "The transcription endpoint failed: GPU lost"),
]


@pytest.mark.parametrize(("reply", "code", "sentence"), STREAM_FAILURES)
def test_a_stream_that_ends_without_its_transcript_fails(
    server: Server, reply: Reply, code: str | None, sentence: str
) -> None:
    for model in opened(server, max_retries=0, stream=True):
        with pytest.raises(ModelFailure, match=sentence) as caught:
            transcribe(model, server, reply)
        assert caught.value.code == code


@pytest.mark.parametrize("logprobs", [None, [{"token": "Hello"}]])
def test_log_probabilities_that_do_not_come_are_a_failure(server: Server, logprobs: Any) -> None:
    for model in opened(server, logprobs=True):
        with pytest.raises(ModelFailure, match="sent no log probabilities"):
            transcribe(model, server, heard("Hello", logprobs=logprobs), logprobs=True)


def test_an_endpoint_that_does_not_answer_in_time_fails(server: Server) -> None:
    for model in opened(server, timeout_seconds=0.05, max_retries=0):
        with pytest.raises(ModelFailure, match=r"The transcription endpoint did not answer within 0\.05 s"):
            transcribe(model, server, stall())


@pytest.mark.parametrize("streamed", [False, True])
def test_a_cancel_closes_the_connection_at_once(server: Server, streamed: bool) -> None:
    cancel = Cancel()
    results: list[Result] = []
    server.replies.put(stall("text/event-stream", *events(chunk("One"))) if streamed else stall())
    for model in opened(server, stream=streamed):
        answer = model.transcribe(TranscribeRequest(PCM, 24000), cancel)
        worker = threading.Thread(target=results.extend, args=(answer,))
        worker.start()
        assert server.reached.wait(SECONDS)
        cancel.set()
        worker.join(SECONDS)
        assert not worker.is_alive()
        assert server.left.wait(SECONDS)
    assert results in ([], [TranscribeDelta("One")])
