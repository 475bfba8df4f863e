"""livekit-agents with its OpenAI plugin: the realtime session, what drives it, and speech to text."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import turns
from livekit import rtc
from livekit.agents import Agent, AgentSession, llm, utils
from livekit.agents.stt import SpeechEventType
from livekit.agents.voice import io
from livekit.plugins.openai import STT, realtime
from openai.types.realtime.realtime_audio_input_turn_detection import ServerVad


class Heard:
    """What a session has told."""

    def __init__(self, session: Any) -> None:
        self.texts: list[str] = []
        self.audio: list[str] = []
        self.calls: list[Any] = []
        self.started = 0
        self.transcripts: list[str] = []
        self.errors: list[Any] = []
        self.message_ids: list[str] = []
        session.on("generation_created", lambda created: asyncio.ensure_future(self.take(created)))
        session.on("input_speech_started", lambda event: setattr(self, "started", self.started + 1))
        session.on("input_audio_transcription_completed", lambda event: self.transcripts.append(event.transcript))
        session.on("error", self.errors.append)

    async def take(self, created: Any) -> None:
        await asyncio.gather(self.messages(created), self.functions(created))

    async def messages(self, created: Any) -> None:
        async for message in created.message_stream:
            self.message_ids.append(message.message_id)
            at = len(self.texts)
            self.texts.append("")

            async def read(stream: Any, at: int = at) -> None:
                async for text in stream:
                    self.texts[at] += str(text)

            async def listen(stream: Any) -> None:
                async for frame in stream:
                    self.audio.append(frame)

            await asyncio.gather(read(message.text_stream), listen(message.audio_stream))

    async def functions(self, created: Any) -> None:
        async for call in created.function_stream:
            self.calls.append(call)


@asynccontextmanager
async def talking(modalities: list[str]) -> AsyncIterator[tuple[Any, Heard]]:
    detection = ServerVad(type="server_vad", create_response=True, interrupt_response=True, silence_duration_ms=500)
    model = realtime.RealtimeModel(
        base_url=turns.HTTP, api_key="none", model=turns.MODEL, modalities=modalities, turn_detection=detection
    )
    session = model.session()
    heard = Heard(session)
    try:
        yield session, heard
        assert not heard.errors, heard.errors
    finally:
        await session.aclose()
        await model.aclose()


async def say(session: Any, text: str) -> None:
    context = session.chat_ctx.copy()
    context.add_message(role="user", content=text)
    await session.update_chat_ctx(context)
    await session.generate_reply()


def push(session: Any, name: str) -> None:
    for frame in sound(name):
        session.push_audio(frame)


def sound(name: str) -> Iterator[Any]:
    yield from (rtc.AudioFrame(frame, 24000, 1, len(frame) // 2) for frame in turns.frames(name))


async def text() -> None:
    async with talking(["text"]) as (session, heard):
        await say(session, "Good morning")
        await turns.until(lambda: heard.texts == ["You said: Good morning"], "the answer")


async def audio() -> None:
    async with talking(["audio", "text"]) as (session, heard):
        push(session, "question")
        push(session, "silence")
        await turns.until(lambda: heard.texts and "seconds of audio" in heard.texts[0], "the answer")
        await turns.until(lambda: heard.audio and heard.transcripts, "sound and transcript")


async def function() -> None:
    @llm.function_tool
    async def get_weather(city: str) -> str:
        """The weather in a city."""
        return "sunny"

    async with talking(["text"]) as (session, heard):
        await session.update_tools([get_weather])
        await say(session, "What is the weather in Oslo?")
        await turns.until(lambda: heard.calls, "the call")
        call = heard.calls[0]
        assert (call.name, call.arguments) == ("get_weather", '{"city": "Oslo"}')
        context = session.chat_ctx.copy()
        context.items.append(
            llm.FunctionCallOutput(call_id=call.call_id, name=call.name, output="sunny", is_error=False)
        )
        await session.update_chat_ctx(context)
        await session.generate_reply()
        await turns.until(lambda: "The weather is sunny." in heard.texts, "the answer")


async def interruption() -> None:
    async with talking(["audio", "text"]) as (session, heard):
        context = session.chat_ctx.copy()
        context.add_message(role="user", content="Tell me a story")
        await session.update_chat_ctx(context)
        session.generate_reply()
        await turns.until(lambda: heard.audio, "the story's sound")
        push(session, "stop")
        await turns.until(lambda: heard.started, "speech started")
        session.truncate(message_id=heard.message_ids[0], modalities=["audio", "text"], audio_end_ms=100)
        push(session, "silence")
        await turns.until(lambda: len(heard.texts) == 2 and "seconds of audio" in heard.texts[1], "the next answer")
        assert "to this day" not in heard.texts[0]


class Ears(io.AudioInput):
    def __init__(self) -> None:
        super().__init__(label="ears")
        self.frames: asyncio.Queue[Any] = asyncio.Queue()

    async def __anext__(self) -> Any:
        return await self.frames.get()


class Speaker(io.AudioOutput):
    """Plays at once, but for what it is told to forget: of that, 100 ms have been heard."""

    def __init__(self) -> None:
        super().__init__(label="speaker", capabilities=io.AudioOutputCapabilities(pause=False), sample_rate=24000)
        self.seconds = 0.0
        self.forgotten = 0

    async def capture_frame(self, frame: Any) -> None:
        await super().capture_frame(frame)
        self.seconds += frame.duration

    def flush(self) -> None:
        super().flush()
        self.finish(self.seconds, interrupted=False)

    def clear_buffer(self) -> None:
        self.forgotten += 1
        self.finish(0.1, interrupted=True)

    def finish(self, seconds: float, interrupted: bool) -> None:
        if self.seconds:
            self.on_playback_finished(playback_position=seconds, interrupted=interrupted)
        self.seconds = 0.0


class Assistant(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="Be brief.")

    @llm.function_tool
    async def get_weather(self, city: str) -> str:
        """The weather in a city."""
        return "sunny"


async def agent() -> None:
    """An AgentSession: it runs the tool, and cuts what it said to what was heard."""
    async with utils.http_context.open():
        session = AgentSession(llm=realtime.RealtimeModel(base_url=turns.HTTP, api_key="none", model=turns.MODEL))
        session.input.audio, session.output.audio = ears, speaker = Ears(), Speaker()
        errors: list[Any] = []
        session.on("error", errors.append)
        await session.start(Assistant())

        def said() -> list[str]:
            return [each.text_content for each in session.history.items if getattr(each, "role", "") == "assistant"]

        await session.run(user_input="What is the weather in Oslo?")
        await turns.until(lambda: said() == ["The weather is sunny."], "the answer")
        session.generate_reply(user_input="Tell me a story")
        await turns.until(lambda: speaker.seconds, "the story's sound")
        for frame in sound("stop"):
            ears.frames.put_nowait(frame)
        await turns.until(lambda: speaker.forgotten, "the interruption")
        for frame in sound("silence"):
            ears.frames.put_nowait(frame)
        await turns.until(lambda: len(said()) == 3 and "seconds of audio" in said()[2], "the next answer")
        assert "to this day" not in said()[1]
        await session.aclose()
    assert not errors, errors


@asynccontextmanager
async def listening(model: str) -> AsyncIterator[tuple[Any, list[Any]]]:
    """A stream of its service for speech to text, which is a transcription session."""
    events: list[Any] = []
    async with utils.http_context.open():
        service = STT(base_url=turns.HTTP, api_key="none", model=model, use_realtime=True)
        stream = service.stream()

        async def read() -> None:
            async for event in stream:
                events.append(event)

        reader = asyncio.ensure_future(read())
        try:
            yield stream, events
            assert not reader.done(), reader.exception()
        finally:
            reader.cancel()
            await stream.aclose()
            await service.aclose()


async def transcription() -> None:
    async with listening("gpt-4o-mini-transcribe") as (stream, events):
        for frame in (*sound("question"), *sound("silence")):
            stream.push_frame(frame)
        await turns.until(lambda: finals(events), "the transcript")
        assert "seconds of audio" in finals(events)[0]


async def own_detection() -> None:
    """With this model it finds the end of a turn by itself, and takes it that the server does not."""
    async with listening("gpt-realtime-whisper") as (stream, events):
        for frame in (*sound("question"), *sound("silence")):
            stream.push_frame(frame)
            await asyncio.sleep(0.02)  # its detector hears no faster
        await turns.until(lambda: finals(events), "the transcript")
        assert len(finals(events)) == 1, finals(events)


def finals(events: list[Any]) -> list[str]:
    return [event.alternatives[0].text for event in events if event.type == SpeechEventType.FINAL_TRANSCRIPT]


turns.run(
    text=text,
    audio=audio,
    function=function,
    interruption=interruption,
    agent=agent,
    transcription=transcription,
    own_detection=own_detection,
)
