"""Semantic Kernel's OpenAIRealtimeWebsocket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import turns
from openai import AsyncOpenAI
from semantic_kernel.connectors.ai import FunctionChoiceBehavior
from semantic_kernel.connectors.ai.open_ai import (
    OpenAIRealtimeExecutionSettings,
    OpenAIRealtimeWebsocket,
    SendEvents,
    TurnDetection,
)
from semantic_kernel.contents import AudioContent, RealtimeAudioEvent, RealtimeTextEvent, TextContent
from semantic_kernel.contents.realtime_events import RealtimeEvent
from semantic_kernel.functions import kernel_function

asked: list[str] = []


class weather:
    """Its name becomes part of the function's."""

    @kernel_function(name="get_weather", description="The weather in a city")
    def get_weather(self, city: str) -> str:
        asked.append(city)
        return "sunny"


@asynccontextmanager
async def talking(modalities: list[str]) -> AsyncIterator[tuple[Any, list[Any]]]:
    client = OpenAIRealtimeWebsocket(
        client=AsyncOpenAI(base_url=turns.HTTP, api_key="none"), ai_model_id=turns.MODEL, plugins=[weather()]
    )
    settings = OpenAIRealtimeExecutionSettings(
        output_modalities=modalities,
        turn_detection=TurnDetection(type="server_vad", create_response=True, silence_duration_ms=500),
        function_choice_behavior=FunctionChoiceBehavior.Auto(),
    )
    events: list[Any] = []

    async def read() -> None:
        async for event in client.receive():
            events.append(event)

    async with client(settings=settings):
        reader = asyncio.ensure_future(read())
        try:
            await turns.until(lambda: of(events, "session.updated"), "the configuration")
            yield client, events
        finally:
            reader.cancel()
            with suppress(asyncio.CancelledError):
                await reader
    assert not of(events, "error"), of(events, "error")


def of(events: list[Any], kind: str) -> list[Any]:
    return [event for event in events if event.service_type == kind]


def said(events: list[Any]) -> str:
    return "".join(event.text.text for event in events if isinstance(event, RealtimeTextEvent))


async def say(client: Any, text: str) -> None:
    await client.send(RealtimeTextEvent(text=TextContent(text=text), service_type=SendEvents.CONVERSATION_ITEM_CREATE))
    await client.send(RealtimeEvent(service_type=SendEvents.RESPONSE_CREATE))


async def speak(client: Any, name: str) -> None:
    for frame in turns.frames(name):
        audio = AudioContent(data=frame, data_format="base64")
        await client.send(RealtimeAudioEvent(audio=audio, service_type=SendEvents.INPUT_AUDIO_BUFFER_APPEND))


async def text() -> None:
    async with talking(["text"]) as (client, events):
        await say(client, "Good morning")
        await turns.until(lambda: of(events, "response.done"), "the end of the answer")
        assert said(events) == "You said: Good morning", said(events)


async def audio() -> None:
    async with talking(["audio"]) as (client, events):
        await speak(client, "question")
        await speak(client, "silence")
        await turns.until(lambda: of(events, "response.done"), "the end of the answer")
        assert said(events).endswith("seconds of audio"), said(events)
        assert any(isinstance(event, RealtimeAudioEvent) for event in events)


async def function() -> None:
    async with talking(["text"]) as (client, events):
        await say(client, "What is the weather in Oslo?")
        await turns.until(lambda: "The weather is sunny." in said(events), "the answer")
        assert asked == ["Oslo"], asked


async def interruption() -> None:
    async with talking(["audio"]) as (client, events):
        await say(client, "Tell me a story")
        await turns.until(lambda: any(isinstance(event, RealtimeAudioEvent) for event in events), "the story")
        await speak(client, "stop")
        await turns.until(lambda: of(events, "response.done"), "the end of the story")
        done = of(events, "response.done")[0].service_event.response
        assert (done.status, done.status_details.reason) == ("cancelled", "turn_detected")
        await speak(client, "silence")
        await turns.until(lambda: len(of(events, "response.done")) == 2, "the next answer")


turns.run(text=text, audio=audio, function=function, interruption=interruption)
