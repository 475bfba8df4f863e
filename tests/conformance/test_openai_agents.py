"""OpenAI's Agents SDK: it checks every event with strict types, runs tools by itself, and truncates by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from agents import function_tool
from agents.realtime import RealtimeAgent, RealtimeRunner, RealtimeSession
from agents.voice import StreamedAudioInput, STTModelSettings
from agents.voice.models.openai_stt import OpenAISTTModel
from openai import AsyncOpenAI
from tests.conformance.relay import Relay
from tests.conformance.speech import RATE, frames, spoken
from tests.conformance.tape import Tape

pytestmark = pytest.mark.conformance

asked: list[str] = []


@function_tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    asked.append(city)
    return "sunny"


@asynccontextmanager
async def talking(relay: Relay, **settings: Any) -> AsyncIterator[RealtimeSession]:
    agent = RealtimeAgent(name="Server", instructions="Be brief.", tools=[get_weather])
    runner = RealtimeRunner(agent, config={"tracing_disabled": "tracing" not in settings})
    url = f"ws://{relay.address}/v1/realtime?model=gpt-realtime"
    session = await runner.run(
        model_config={"url": url, "api_key": "none", "initial_model_settings": settings}  # type: ignore[typeddict-item]
    )
    async with session:
        yield session


async def until(session: RealtimeSession, true: Callable[[Any], bool]) -> list[Any]:
    """The session's events up to one of which ``true`` is. No error may be among them."""
    events = []
    async with asyncio.timeout(60):
        async for event in session:
            events.append(event)
            assert event.type != "error", event.error  # type: ignore[union-attr]
            if true(event):
                return events
    raise AssertionError("the session ended")


def server_event(kind: str, **fields: Any) -> Callable[[Any], bool]:
    """Whether an event is that event of the server, with those values in its response."""

    def true(event: Any) -> bool:
        if event.type != "raw_model_event" or event.data.type != "raw_server_event":
            return False
        data = event.data.data
        return bool(data["type"] == kind and all(data.get("response", {}).get(k) == v for k, v in fields.items()))

    return true


def tape(relay: Relay) -> Tape:
    (only,) = relay.tapes
    return only


async def test_a_written_question_is_answered_in_writing(relay: Relay) -> None:
    async with talking(relay, modalities=["text"]) as session:
        await session.send_message("Good morning")
        await until(session, lambda event: event.type == "agent_end")
    [done] = tape(relay).named("response.done")
    assert done["response"]["output"][0]["content"] == [{"type": "output_text", "text": "You said: Good morning"}]
    assert tape(relay).errors() == []


@pytest.mark.parametrize(
    "tracing", ["auto", {"workflow_name": "hotel", "group_id": "night", "metadata": {"room": "12"}}]
)
async def test_the_trace_it_asks_for_is_the_session_s(relay: Relay, tracing: Any) -> None:
    async with talking(relay, modalities=["text"], tracing=tracing) as session:
        await session.send_message("Good morning")
        await until(session, lambda event: event.type == "agent_end")
    assert tracing in [event["session"]["tracing"] for event in tape(relay).named("session.updated")]
    assert tape(relay).errors() == []


async def test_a_spoken_question_is_answered_in_speech(relay: Relay) -> None:
    detection = {"type": "server_vad", "interrupt_response": True}
    async with talking(relay, turn_detection=detection) as session:
        for frame in frames(spoken()):
            await session.send_audio(frame)
        events = await until(session, lambda event: event.type == "audio_end")
    heard = sum(len(event.audio.data) for event in events if event.type == "audio")
    [done] = tape(relay).named("response.output_audio_transcript.done")
    assert heard == 50 * len(done["transcript"]) * 48
    assert tape(relay).errors() == []


async def test_a_tool_runs_once_and_its_output_is_answered(relay: Relay) -> None:
    asked.clear()
    async with talking(relay, modalities=["text"]) as session:
        await session.send_message("What is the weather in Oslo?")
        await until(session, lambda event: event.type == "tool_end")
        await until(session, server_event("response.done"))
        if len(tape(relay).named("response.done")) < 2:
            await until(session, server_event("response.done"))
    assert asked == ["Oslo"]
    assert tape(relay).named("response.output_text.done")[0]["text"] == "The weather is sunny."
    assert tape(relay).errors() == []


@pytest.mark.parametrize("by_server", [True, False])
async def test_speech_interrupts_an_answer(relay: Relay, by_server: bool) -> None:
    """Where the server does not interrupt by itself, the SDK cancels and truncates."""
    detection = {"type": "server_vad", "interrupt_response": by_server}
    async with talking(relay, turn_detection=detection) as session:
        await session.send_message("Tell me a story")
        await until(session, lambda event: event.type == "audio")
        for frame in frames(spoken("please_stop_24k.wav", silence_seconds=0)):
            await session.send_audio(frame)
        events = await until(session, lambda event: event.type == "audio_interrupted")
        if not any(map(server_event("response.done", status="cancelled"), events)):
            await until(session, server_event("response.done", status="cancelled"))
        for frame in frames(bytes(RATE * 2)):
            await session.send_audio(frame)
        await until(session, server_event("response.done", status="completed"))
    first = tape(relay).named("response.done")[0]["response"]
    reason = "turn_detected" if by_server else "client_cancelled"
    assert first["status_details"] == {"type": "cancelled", "reason": reason}
    [truncated] = tape(relay).named("conversation.item.truncated")
    retrieved = tape(relay).named("conversation.item.retrieved")  # it asks for the item when that has been cut
    assert truncated["item_id"] in [event["item"]["id"] for event in retrieved]
    assert tape(relay).errors() == []


async def test_its_speech_to_text_hears_turn_by_turn(relay: Relay) -> None:
    """A transcription session, with the semantic_vad that it asks for by itself."""
    heard = StreamedAudioInput()
    async with AsyncOpenAI(api_key="none", base_url=f"http://{relay.address}/v1") as client:
        model = OpenAISTTModel("gpt-4o-transcribe", client)
        session = await model.create_session(heard, STTModelSettings(), False, False)
        for frame in frames(spoken(silence_seconds=9)):
            await heard.add_audio(np.frombuffer(frame, np.int16))
        turns = session.transcribe_turns()
        async with asyncio.timeout(60):
            assert (await anext(turns)).endswith("seconds of audio")
        await session.close()
    assert tape(relay).told[0]["session"]["type"] == "transcription"
    assert tape(relay).errors() == []
