"""pydantic-ai: an agent in a realtime session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import turns
from openai import AsyncOpenAI
from pydantic_ai import Agent
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.realtime.openai import OpenAIRealtimeModel

asked: list[str] = []
agent = Agent(instructions="Be brief.")


@agent.tool_plain
def get_weather(city: str) -> str:
    """The weather in a city."""
    asked.append(city)
    return "sunny"


class Heard:
    def __init__(self) -> None:
        self.events: list[Any] = []

    def named(self, name: str) -> list[Any]:
        return [event for event in self.events if type(event).__name__ == name]

    async def read(self, session: Any) -> None:
        async for event in session:
            self.events.append(event)


@asynccontextmanager
async def talking() -> AsyncIterator[tuple[Any, Heard]]:
    provider = OpenAIProvider(openai_client=AsyncOpenAI(base_url=turns.HTTP, api_key="none"))
    model = OpenAIRealtimeModel(turns.MODEL, provider=provider)
    detection = {"type": "server_vad", "interrupt_response": True, "silence_duration_ms": 500}
    heard = Heard()
    async with agent.realtime(model, model_settings={"openai_turn_detection": detection}).session() as session:
        reader = asyncio.ensure_future(heard.read(session))
        try:
            yield session, heard
        finally:
            reader.cancel()
            with suppress(asyncio.CancelledError):
                await reader
    assert not heard.named("RealtimeSessionErrorEvent"), heard.named("RealtimeSessionErrorEvent")


def said(session: Any) -> str:
    return " ".join(
        str(getattr(part, "transcript", None) or getattr(part, "content", ""))
        for message in session.all_messages()
        if message.kind == "response"
        for part in message.parts
    )


async def speak(session: Any, name: str) -> None:
    for frame in turns.frames(name):
        await session.send_audio(frame)


async def text() -> None:
    async with talking() as (session, heard):
        await session.send("Good morning")
        await turns.until(lambda: heard.named("RealtimeTurnCompleteEvent"), "the end of the turn")
        assert "You said: Good morning" in said(session), session.all_messages()


async def audio() -> None:
    async with talking() as (session, heard):
        await speak(session, "question")
        await speak(session, "silence")
        await turns.until(lambda: heard.named("RealtimeTurnCompleteEvent"), "the end of the turn")
        assert "seconds of audio" in said(session), session.all_messages()


async def function() -> None:
    async with talking() as (session, _):
        await session.send("What is the weather in Oslo?")
        await turns.until(lambda: "The weather is sunny." in said(session), "the answer")
        assert asked == ["Oslo"], asked


async def interruption() -> None:
    async with talking() as (session, heard):
        await session.send("Tell me a story")
        await turns.until(lambda: heard.named("PartDeltaEvent"), "the beginning of the story")
        await speak(session, "stop")
        await turns.until(lambda: heard.named("RealtimeInputSpeechStartEvent"), "speech started")
        await session.interrupt(played_ms=50)
        await speak(session, "silence")
        await turns.until(lambda: "seconds of audio" in said(session), "the next answer")


turns.run(text=text, audio=audio, function=function, interruption=interruption)
