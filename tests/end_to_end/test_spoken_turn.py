"""Real speech, real models, an official client: the right words arrive, and the answer says what it claims to say."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from typing import Annotated, Any

import jiwer
import numpy as np
import pytest
from openai import AsyncOpenAI
from openai.types.realtime import RealtimeServerEvent
from pydantic import Field, TypeAdapter
from tests.audio.recorded import LABELS, load

from rtengine.audio.resample import resample
from rtengine.models import whisper
from rtengine.models.jobs import TranscribeDone, TranscribeRequest
from rtengine.models.ports import Cancel
from rtengine_cli.child import Child

pytestmark = pytest.mark.models

QUESTIONS = ("capital_of_france_24k.wav", "go_somewhere_24k.wav", "cold_hearted_16k.wav")
RATE = 24000
CHUNK = RATE // 10 * 2
LAST = "rate_limits.updated"
STRICT: TypeAdapter[Any] = TypeAdapter(Annotated[RealtimeServerEvent, Field(discriminator="type")])

words = jiwer.Compose(
    [jiwer.ToLowerCase(), jiwer.RemovePunctuation(), jiwer.Strip(), jiwer.ReduceToListOfListOfWords()]
)


def word_errors(said: str, heard: str) -> float:
    return float(jiwer.wer(said, heard, reference_transform=words, hypothesis_transform=words))


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with Child("default", on_line=lambda line: None) as child:
        yield child.url.split("/v1/")[0].replace("ws://", "http://") + "/v1"


@pytest.fixture(scope="module")
def ears() -> whisper.WhisperTranscriber:
    return whisper.load(whisper.WhisperSettings(model="base"), lambda step: None)


def question(name: str) -> bytes:
    samples, rate = load(name)
    silence = np.zeros(RATE, "<i2")
    return bytes(np.concatenate([silence, resample(samples, rate, RATE), silence, silence]).astype("<i2").tobytes())


async def ask(base_url: str, audio: bytes, cut_in: bytes = b"") -> list[dict[str, Any]]:
    """Everything the server sends for a question; ``cut_in`` is spoken over the answer."""
    events: list[dict[str, Any]] = []
    client = AsyncOpenAI(base_url=base_url, api_key="none")
    async with client, client.realtime.connect(model="any") as connection:
        for at in range(0, len(audio), CHUNK):
            await connection.input_audio_buffer.append(audio=base64.b64encode(audio[at : at + CHUNK]).decode())
        async with asyncio.timeout(100):
            async for event in connection:
                events.append(event.to_dict())
                STRICT.validate_python(events[-1])
                if event.type == "response.output_audio.delta" and cut_in:
                    await connection.input_audio_buffer.append(audio=base64.b64encode(cut_in).decode())
                    cut_in = b""
                if event.type == LAST:
                    break
    return events


def one(events: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    found = [event for event in events if event["type"] == kind]
    assert len(found) == 1, [event["type"] for event in events]
    return found[0]


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_right_words_go_in_and_the_answer_is_intelligible(
    name: str, server: str, ears: whisper.WhisperTranscriber
) -> None:
    events = asyncio.run(ask(server, question(name)))
    heard = one(events, "conversation.item.input_audio_transcription.completed")["transcript"]
    assert word_errors(LABELS[name]["words"], heard) <= 0.35, heard
    assert one(events, "response.done")["response"]["status"] == "completed"
    answer = one(events, "response.output_audio_transcript.done")["transcript"]
    deltas = [event["delta"] for event in events if event["type"] == "response.output_audio.delta"]
    request = TranscribeRequest(b"".join(base64.b64decode(delta) for delta in deltas), RATE, language="en")
    *_, said = ears.transcribe(request, Cancel())
    assert isinstance(said, TranscribeDone)
    assert word_errors(answer, said.transcript) <= 0.25, (answer, said.transcript)
