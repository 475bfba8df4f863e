"""Strands Agents: its bidirectional agent, with OpenAI's model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import turns
from strands import tool
from strands.bidi import BidiAgent
from strands.bidi.models.openai import realtime
from strands.bidi.types.media import AudioDelta

realtime.OPENAI_REALTIME_URL = f"{turns.WS}/realtime"  # it has no setting for it
asked: list[str] = []


@tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    asked.append(city)
    return "sunny"


@asynccontextmanager
async def talking(modality: str, messages: list[Any] | None = None) -> AsyncIterator[tuple[Any, list[Any]]]:
    model = realtime.OpenAIRealtimeModel(
        model_id=turns.MODEL,
        api_key="none",
        transcription_model_id="whisper-1",
        params={"output_modalities": [modality]},
    )
    agent = BidiAgent(model=model, tools=[get_weather], system_prompt="Be brief.", messages=messages)
    events: list[Any] = []

    async def read() -> None:
        async for event in agent.receive():
            events.append(event)

    await agent.start()
    reader = asyncio.ensure_future(read())
    try:
        yield agent, events
        assert not reader.done(), reader.exception()
    finally:
        reader.cancel()
        with suppress(asyncio.CancelledError):
            await reader
        await agent.stop()


def named(events: list[Any], name: str) -> list[Any]:
    return [event for event in events if type(event).__name__ == name]


def blocks(events: list[Any], role: str = "assistant") -> list[str]:
    """Every whole text or transcript."""
    transcripts = [event for event in named(events, "BidiTranscriptBlockEvent") if event["role"] == role]
    texts = named(events, "BidiTextBlockEvent") if role == "assistant" else []
    return [event.get("text") or event["transcript"] for event in texts + transcripts]


async def speak(agent: Any, name: str) -> None:
    for frame in turns.frames(name):
        await agent.send(AudioDelta(format="pcm", source={"bytes": frame}))


async def text() -> None:
    async with talking("text") as (agent, events):
        await agent.send("Good morning")
        await turns.until(lambda: blocks(events) == ["You said: Good morning"], "the answer")
        await turns.until(lambda: named(events, "BidiUsageEvent"), "the usage")


async def audio() -> None:
    async with talking("audio") as (agent, events):
        await speak(agent, "question")
        await speak(agent, "silence")
        await turns.until(lambda: any("seconds of audio" in each for each in blocks(events)), "the answer")
        assert named(events, "BidiAudioDeltaEvent")
        await turns.until(lambda: blocks(events, "user"), "the transcript")


async def function() -> None:
    async with talking("text") as (agent, events):
        await agent.send("What is the weather in Oslo?")
        await turns.until(lambda: any(each.startswith("The weather is") for each in blocks(events)), "the answer")
        assert asked == ["Oslo"], asked


async def interruption() -> None:
    async with talking("audio") as (agent, events):
        await agent.send("Tell me a story")
        await turns.until(lambda: named(events, "BidiAudioDeltaEvent"), "the story's sound")
        await speak(agent, "stop")
        await turns.until(lambda: named(events, "BidiBargeInEvent"), "the interruption")
        await speak(agent, "silence")
        await turns.until(lambda: any("seconds of audio" in each for each in blocks(events)), "the next answer")


async def history() -> None:
    """What was said before it connected, a call and its output among it."""
    call = {
        "toolUseId": "call_that_was_made_long_before_this_session",
        "name": "get_weather",
        "input": {"city": "Rome"},
    }
    result = {"toolUseId": call["toolUseId"], "status": "success", "content": [{"text": "rain"}]}
    said = [
        {"role": "user", "content": [{"text": "What is the weather in Rome?"}]},
        {"role": "assistant", "content": [{"toolUse": call}]},
        {"role": "user", "content": [{"toolResult": result}]},
        {"role": "assistant", "content": [{"text": "It rains."}]},
    ]
    async with talking("text", said) as (agent, events):
        await agent.send("Good morning")
        await turns.until(lambda: blocks(events) == ["You said: Good morning"], "the answer")


turns.run(text=text, audio=audio, function=function, interruption=interruption, history=history)
