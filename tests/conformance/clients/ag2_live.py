"""AG2's LiveAgent: audio in, audio or text out."""

from __future__ import annotations

from typing import Any

import turns
from ag2.events import RecordedAudioEvent
from ag2.live.openai import InputConfig, RealTimeConfig, TextOutput
from ag2.live.realtime import LiveAgent
from openai import AsyncOpenAI

asked: list[str] = []


def get_weather(city: str = "Oslo") -> str:
    """The weather in a city."""
    asked.append(city)
    return "sunny"


def live(output: Any = None, **settings: Any) -> LiveAgent:
    detection = {"type": "server_vad", "interrupt_response": True, "create_response": True, "silence_duration_ms": 500}
    config = RealTimeConfig(
        turns.MODEL,
        output=output,
        input=InputConfig(turn_detection=detection, transcription={"model": "whisper-1"}),
        client=AsyncOpenAI(base_url=turns.HTTP, api_key="none"),
        **settings,
    )
    return LiveAgent("server", "Be brief.", config=config, tools=[get_weather])


async def speak(context: Any, name: str) -> None:
    for frame in turns.frames(name):
        await context.send(RecordedAudioEvent(frame))


def listened(context: Any) -> list[Any]:
    events: list[Any] = []
    context.stream.subscribe(lambda event: events.append(event))  # noqa: PLW0108 - what it may take is read off its signature
    return events


def named(events: list[Any], name: str) -> list[Any]:
    return [event for event in events if type(event).__name__ == name]


async def text() -> None:
    raise turns.NotPossible("it takes audio only")


async def audio() -> None:
    async with live().run() as context:
        events = listened(context)
        await speak(context, "question")
        await speak(context, "silence")
        await turns.until(lambda: named(events, "SynthesizedAudioEvent"), "the answer's sound")
        await turns.until(lambda: named(events, "TranscriptionCompletedEvent"), "the transcript")
        await turns.until(lambda: named(events, "UsageEvent"), "the usage")


async def function() -> None:
    async with live(TextOutput(), tool_choice="required").run() as context:
        events = listened(context)
        await speak(context, "question")
        await speak(context, "silence")
        await turns.until(lambda: asked, "the call")
        await turns.until(lambda: named(events, "ToolResultEvent"), "its result")


async def interruption() -> None:
    raise turns.NotPossible("it does not know that it is interrupted")


turns.run(text=text, audio=audio, function=function, interruption=interruption)
