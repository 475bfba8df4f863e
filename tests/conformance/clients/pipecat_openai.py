"""pipecat: its realtime service in a pipeline without a transport."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import turns
from pipecat.adapters.schemas.function_schema import FunctionSchema
from pipecat.adapters.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import EndFrame, InputAudioRawFrame, LLMRunFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.openai.realtime import events
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService
from pipecat.services.openai.stt import OpenAIRealtimeSTTService
from pipecat.transcriptions.language import Language
from pipecat.workers.runner import WorkerRunner

asked: list[str] = []


class Ear(FrameProcessor):
    """Keeps every frame that comes by."""

    def __init__(self) -> None:
        super().__init__()
        self.frames: list[Any] = []

    async def process_frame(self, frame: Any, direction: Any) -> None:
        await super().process_frame(frame, direction)
        self.frames.append(frame)
        await self.push_frame(frame, direction)

    def named(self, name: str) -> list[Any]:
        return [frame for frame in self.frames if type(frame).__name__ == name]


async def get_weather(params: Any) -> None:
    asked.append(params.arguments["city"])
    await params.result_callback("sunny")


@asynccontextmanager
async def talking(modality: str, message: str) -> AsyncIterator[tuple[Any, Ear]]:
    detection = events.TurnDetection(type="server_vad", silence_duration_ms=500)
    properties = events.SessionProperties(
        output_modalities=[modality],
        audio=events.AudioConfiguration(
            input=events.AudioInput(
                turn_detection=detection, transcription=events.InputAudioTranscription(model="whisper-1")
            )
        ),
    )
    service = OpenAIRealtimeLLMService(
        api_key="none",
        base_url=f"{turns.WS}/realtime",
        settings=OpenAIRealtimeLLMService.Settings(model=turns.MODEL, session_properties=properties),
    )
    service.register_function("get_weather", get_weather)
    schema = FunctionSchema("get_weather", "The weather", {"city": {"type": "string"}}, ["city"])
    context = LLMContext([{"role": "user", "content": message}], tools=ToolsSchema([schema]))
    pair = LLMContextAggregatorPair(context)
    async with running(pair.user(), service, then=[pair.assistant()]) as (worker, ear):
        await worker.queue_frame(LLMRunFrame())
        yield worker, ear


@asynccontextmanager
async def running(*processors: Any, then: Sequence[Any] = ()) -> AsyncIterator[tuple[Any, Ear]]:
    """A pipeline, and what is heard behind the first of its processors. No error may be heard."""
    ear, errors = Ear(), Ear()
    worker = PipelineWorker(
        Pipeline([errors, *processors, ear, *then]),
        params=PipelineParams(audio_in_sample_rate=24000, audio_out_sample_rate=24000),
        cancel_on_idle_timeout=False,
    )
    started = asyncio.Event()

    @worker.event_handler("on_pipeline_started")
    async def on_started(worker: Any, frame: Any) -> None:
        started.set()

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    task = asyncio.ensure_future(runner.run())
    await started.wait()
    try:
        yield worker, ear
        found = errors.named("ErrorFrame") + ear.named("ErrorFrame")
        assert not found, found
    finally:
        await worker.queue_frame(EndFrame())
        await asyncio.wait_for(task, 10)


async def speak(worker: Any, name: str) -> None:
    for frame in turns.frames(name):
        await worker.queue_frame(InputAudioRawFrame(audio=frame, sample_rate=24000, num_channels=1))


def said(ear: Ear) -> str:
    return "".join(frame.text for frame in ear.frames if type(frame).__name__ in ("LLMTextFrame", "TTSTextFrame"))


async def text() -> None:
    async with talking("text", "Good morning") as (_, ear):
        await turns.until(lambda: "You said: Good morning" in said(ear), "the answer")
        await turns.until(lambda: ear.named("LLMFullResponseEndFrame"), "its end")


async def audio() -> None:
    async with talking("audio", "Good morning") as (worker, ear):
        await turns.until(lambda: ear.named("LLMFullResponseEndFrame"), "the greeting")
        await speak(worker, "question")
        await speak(worker, "silence")
        await turns.until(lambda: "seconds of audio" in said(ear), "the answer")
        await turns.until(lambda: ear.named("TTSAudioRawFrame"), "its sound")


async def function() -> None:
    async with talking("text", "What is the weather in Oslo?") as (_, ear):
        await turns.until(lambda: "The weather is sunny" in said(ear), "the answer")
        assert asked == ["Oslo"], asked


async def interruption() -> None:
    async with talking("audio", "Tell me a story") as (worker, ear):
        await turns.until(lambda: ear.named("TTSAudioRawFrame"), "the story's sound")
        await speak(worker, "stop")
        await turns.until(lambda: ear.named("InterruptionFrame") or ear.named("UserStartedSpeakingFrame"), "barge-in")
        await speak(worker, "silence")
        await turns.until(lambda: "seconds of audio" in said(ear), "the next answer")


async def transcription() -> None:
    """Its service for speech to text: a transcription session."""
    settings = OpenAIRealtimeSTTService.Settings(model="gpt-4o-transcribe", language=Language.EN)
    detection = {"type": "server_vad", "silence_duration_ms": 500}
    service = OpenAIRealtimeSTTService(
        api_key="none", base_url=f"{turns.WS}/realtime", turn_detection=detection, settings=settings
    )
    async with running(service) as (worker, ear):
        await speak(worker, "question")
        await speak(worker, "silence")
        await turns.until(lambda: ear.named("TranscriptionFrame"), "the transcript")
        assert "seconds of audio" in ear.named("TranscriptionFrame")[0].text
        assert ear.named("ProposedUserStoppedSpeakingFrame")


turns.run(text=text, audio=audio, function=function, interruption=interruption, transcription=transcription)
