"""The official Python client, GA and beta, through all kinds of turn."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from openai import AsyncOpenAI
from openai.types.realtime import RealtimeSessionCreateResponse
from tests.conformance.relay import Relay
from tests.conformance.speech import encoded, spoken
from tests.conformance.tape import BETA_NAMES, Tape

pytestmark = pytest.mark.conformance

TOOL = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


class Talk:
    """One connection of the client, in either dialect."""

    def __init__(self, connection: Any, beta: bool) -> None:
        self.connection = connection
        self.beta = beta
        self.events: list[Any] = []

    async def until(self, kind: str, nth: int = 1) -> Any:
        """The ``nth`` event of that (GA) name, waited for."""
        async with asyncio.timeout(60):
            while len(found := [event for event in self.events if name(event) == kind]) < nth:
                self.events.append(await self.connection.recv())
                assert self.events[-1].type != "error", self.events[-1]
        return found[nth - 1]

    async def configure(self, text: bool, **settings: Any) -> Any:
        if self.beta:
            session = {"modalities": ["text"] if text else ["text", "audio"]}
        else:
            session = {"type": "realtime", "output_modalities": ["text"] if text else ["audio"]}
        await self.connection.session.update(session=session | settings)
        return await self.until("session.updated")

    async def say(self, text: str) -> None:
        content = [{"type": "input_text", "text": text}]
        await self.connection.conversation.item.create(item={"type": "message", "role": "user", "content": content})
        await self.connection.response.create()

    async def speak(self, audio: bytes) -> None:
        for piece in encoded(audio):
            await self.connection.input_audio_buffer.append(audio=piece)

    def text(self, kind: str) -> str:
        """All deltas of that (GA) name, put together."""
        return "".join(event.delta for event in self.events if name(event) == kind)


def name(event: Any) -> str:
    return BETA_NAMES.get(event.type, event.type)


@asynccontextmanager
async def talking(relay: Relay, dialect: str) -> AsyncIterator[Talk]:
    client = AsyncOpenAI(
        api_key="none", base_url=f"http://{relay.address}/v1", websocket_base_url=f"ws://{relay.address}/v1"
    )
    async with client:
        beta = dialect == "beta"
        connect = client.beta.realtime.connect if beta else client.realtime.connect
        async with connect(model="gpt-4o-realtime-preview") as connection:
            talk = Talk(connection, beta)
            await talk.until("session.created")
            yield talk


def tape(relay: Relay) -> Tape:
    (only,) = relay.tapes
    return only


@pytest.fixture(params=["ga", "beta"])
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_a_written_question_is_answered_in_writing(relay: Relay, dialect: str) -> None:
    async with talking(relay, dialect) as talk:
        await talk.configure(text=True)
        await talk.say("Good morning")
        done = await talk.until("response.done")
        assert done.response.status == "completed"
        assert talk.text("response.output_text.delta") == "You said: Good morning"
        await talk.until("rate_limits.updated")
    assert tape(relay).dialect == dialect
    assert tape(relay).errors() == []


async def test_the_temperature_of_the_beta_is_echoed(relay: Relay) -> None:
    async with talking(relay, "beta") as talk:
        assert (await talk.until("session.created")).session.temperature == 0.8
        assert (await talk.configure(text=True, temperature=0.6)).session.temperature == 0.6
        await talk.say("Good morning")
        assert (await talk.until("response.done")).response.temperature == 0.6


async def test_a_spoken_question_is_answered_in_speech(relay: Relay, dialect: str) -> None:
    async with talking(relay, dialect) as talk:
        await talk.configure(text=False)
        await talk.speak(spoken())
        await talk.until("input_audio_buffer.speech_started")
        await talk.until("input_audio_buffer.speech_stopped")
        done = await talk.until("response.done")
        assert done.response.status == "completed"
        said = talk.text("response.output_audio_transcript.delta")
        assert said.startswith("You said: ") and said.endswith(" seconds of audio")
        audio = b"".join(base64.b64decode(event["delta"]) for event in tape(relay).named("response.output_audio.delta"))
        assert len(audio) == 50 * len(said) * 48
        await talk.until("rate_limits.updated")
    assert len(tape(relay).named("conversation.item.input_audio_transcription.completed")) == 1


async def test_a_function_is_called_and_its_output_answered(relay: Relay, dialect: str) -> None:
    async with talking(relay, dialect) as talk:
        await talk.configure(text=True, tools=[TOOL])
        await talk.say("What is the weather in Oslo?")
        call = await talk.until("response.function_call_arguments.done")
        assert call.arguments == '{"city": "Oslo"}'
        done = await talk.until("response.done")
        assert [item.name for item in done.response.output] == ["get_weather"]
        output = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
        await talk.connection.conversation.item.create(item=output)
        await talk.connection.response.create()
        await talk.until("response.done", 2)
        assert talk.text("response.output_text.delta") == "The weather is sunny."


async def test_speech_interrupts_an_answer_which_is_cut_to_what_was_heard(relay: Relay, dialect: str) -> None:
    async with talking(relay, dialect) as talk:
        await talk.configure(text=False)
        await talk.say("Tell me a story")
        first = await talk.until("response.output_audio.delta")
        heard_ms = len(base64.b64decode(first.delta)) // 48
        await talk.speak(spoken("please_stop_24k.wav"))
        started = await talk.until("input_audio_buffer.speech_started")
        cancelled = (await talk.until("response.done")).response
        assert (cancelled.status, cancelled.status_details.reason) == ("cancelled", "turn_detected")
        assert [item.status for item in cancelled.output] == ["incomplete"]
        truncate = talk.connection.conversation.item.truncate
        await truncate(item_id=first.item_id, content_index=0, audio_end_ms=heard_ms)
        await talk.until("conversation.item.truncated")
        await talk.connection.conversation.item.retrieve(item_id=first.item_id)
        retrieved = await talk.until("conversation.item.retrieved")
        assert len(base64.b64decode(retrieved.item.content[0].audio)) == heard_ms * 48
        committed = await talk.until("input_audio_buffer.committed")
        assert committed.item_id == started.item_id
        await talk.until("response.done", 2)


async def test_a_transcription_session_writes_what_it_hears(relay: Relay, dialect: str) -> None:
    client = AsyncOpenAI(api_key="none", websocket_base_url=f"ws://{relay.address}/v1")
    async with client:
        beta = dialect == "beta"
        query: dict[str, Any] = {"extra_query": {"intent": "transcription"}}
        opened = client.beta.realtime.connect(model="", **query) if beta else client.realtime.connect(**query)
        async with opened as connection:
            talk = Talk(connection, beta)
            await talk.until("transcription_session.created" if beta else "session.created")
            transcription = {"model": "whisper-1", "language": "en"}
            if beta:
                await connection.transcription_session.update(session={"input_audio_transcription": transcription})
                await talk.until("transcription_session.updated")
            else:
                session = {"type": "transcription", "audio": {"input": {"transcription": transcription}}}
                await connection.session.update(session=session)
                await talk.until("session.updated")
            await talk.speak(spoken())
            done = await talk.until("conversation.item.input_audio_transcription.completed")
            assert done.transcript.endswith("seconds of audio")
    assert tape(relay).named("response.created") == []


async def test_a_client_secret_opens_the_session_it_was_made_for(upstream: str, relay: Relay) -> None:
    async with AsyncOpenAI(api_key="none", base_url=f"{upstream.replace('ws', 'http', 1)}/v1") as client:
        session: Any = {"type": "realtime", "instructions": "Be kind.", "output_modalities": ["text"], "tools": [TOOL]}
        secret = await client.realtime.client_secrets.create(session=session)
    assert isinstance(secret.session, RealtimeSessionCreateResponse)
    page = AsyncOpenAI(api_key=secret.value, websocket_base_url=f"ws://{relay.address}/v1")
    async with page, page.realtime.connect(model="gpt-realtime") as connection:
        talk = Talk(connection, beta=False)
        made = (await talk.until("session.created")).session
        assert (made.instructions, made.output_modalities) == ("Be kind.", ["text"])
        await talk.say("What is the weather in Oslo?")
        await talk.until("response.function_call_arguments.done")
        await talk.until("response.done")
