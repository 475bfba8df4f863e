from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtengine.models.jobs import (
    GenerateArguments,
    GenerateCall,
    GenerateDone,
    GenerateRequest,
    GenerateText,
    Job,
    JobFailed,
    Request,
    Result,
    SpeakAudio,
    SpeakDone,
    SpeakRequest,
    TranscribeDelta,
    TranscribeDone,
    TranscribeRequest,
)
from rtengine.pipeline.dora.codec import Malformed, pack_request, pack_result, unpack_request, unpack_result
from rtengine.pipeline.dora.envelope import FRAGMENT_BYTES, Assembly, Envelope, fragments

pytestmark = pytest.mark.unit

RESULTS: list[Result] = [
    TranscribeDelta("hé"),
    TranscribeDelta("hé", (("h", -0.5), ("é", -1.0))),
    TranscribeDone("hello", 1.5, "en", (("hel", -0.5), ("lo", -0.25))),
    TranscribeDone("", 0.0),
    GenerateText("“Oh”\u2028"),
    GenerateCall("call_1", "get_weather"),
    GenerateArguments("call_1", '{"city": "Oslo"}'),
    GenerateDone("tool_calls", 10, 5, 3),
    SpeakAudio(b"\x00\xff\x80", 0.0625, "Hi."),
    SpeakAudio(b"", 0.0),
    SpeakDone(),
    JobFailed("No.", "context_length_exceeded", "invalid_request_error"),
]
REQUESTS: list[Request] = [
    TranscribeRequest(b"\x01\x02" * 10, 16000),
    TranscribeRequest(b"", 24000, "de", languages=("de", "en"), prompt="Namen: Ö", logprobs=True),
    GenerateRequest(
        ({"role": "user", "content": [{"type": "text", "text": "hi"}]},),
        ({"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}},),
        {"type": "function", "function": {"name": "f"}},
        parallel_tool_calls=False,
        max_tokens=10,
        prefill_only=True,
    ),
    GenerateRequest(()),
    SpeakRequest("Hi.", "marin", 1.5, "pcmu", 8000),
]


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: result.name)
def test_a_result_comes_back_as_it_was(result: Result) -> None:
    assert unpack_result(result.name, *pack_result(result)) == result


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: request.stage)
def test_a_request_comes_back_as_it_was(request_: Request) -> None:
    assert unpack_request(request_.stage, *pack_request(request_)) == request_


def test_audio_is_the_payload_and_nothing_else_is_in_it() -> None:
    metadata, payload = pack_result(SpeakAudio(b"\x01\x02", 5.0, "Hi."))
    assert payload == b"\x01\x02"
    assert metadata == {"duration_ms": 5.0, "text": "Hi."}


def test_metadata_holds_no_none() -> None:
    metadata, _ = pack_request(TranscribeRequest(b"", 16000))
    assert metadata == {"rate": 16000, "logprobs": False}


def test_what_has_no_audio_is_a_json_object() -> None:
    metadata, payload = pack_result(GenerateText("hi"))
    assert metadata == {}
    assert json.loads(payload) == {"text": "hi"}


@pytest.mark.parametrize(
    ("name", "payload"), [("generate.text", b"{}"), ("generate.text", b"\xff"), ("speak.audio", b""), ("nonsense", b"")]
)
def test_what_is_no_result_is_malformed_and_its_content_not_told(name: str, payload: bytes) -> None:
    with pytest.raises(Malformed):
        unpack_result(name, {}, payload)


def test_an_envelope_comes_back_as_it_was() -> None:
    envelope = Envelope("speak", "sess_1", "job_1", 7, 3, True, "ab")
    assert Envelope.read(envelope.metadata({"text": "x", "timestamp": 1})) == envelope


@pytest.mark.parametrize("metadata", [{}, {"name": 1}, {"name": "x", "seq": -1}, {"name": "x", "epoch": "1"}])
def test_an_envelope_without_sense_is_malformed(metadata: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        Envelope.read(metadata)


@given(st.integers(0, 5 * FRAGMENT_BYTES), st.integers(0, 2**32))
def test_a_long_job_is_put_together_whatever_the_order(size: int, seed: int) -> None:
    chance = random.Random(seed)
    job = Job("job_1", "sess_1", TranscribeRequest(chance.randbytes(size), 16000, prompt="p"))
    parts = list(fragments(job, 3))
    assert all(len(payload) <= FRAGMENT_BYTES for _, payload in parts)
    chance.shuffle(parts)
    assembly = Assembly()
    found = [assembly.add(Envelope.read(metadata), metadata, payload) for metadata, payload in parts]
    assert found == [None] * (len(parts) - 1) + [job]
