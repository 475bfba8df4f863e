"""Any chat endpoint that speaks the OpenAI chat completions API: OpenAI, vLLM, llama-server, Ollama and others."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from rtengine.models.chat_stream import ChatStream
from rtengine.models.jobs import GenerateArguments, GenerateCall, GenerateDone, GenerateRequest, GenerateText
from rtengine.models.openai_endpoint import OPENAI, OpenAIEndpoint, OpenAIEndpointSettings
from rtengine.models.ports import Cancel

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types.chat import ChatCompletionChunk


class OpenAIChatSettings(OpenAIEndpointSettings):
    """A chat endpoint that speaks the OpenAI API."""

    temperature: float | None = Field(
        None, ge=0, le=2, description="Sampling temperature; the endpoint's own if not set"
    )
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] | None = Field(
        None, description="What the endpoint calls the token limit; if not set, `max_completion_tokens` for OpenAI only"
    )
    usage: bool = Field(True, description="Ask for token counts; a few endpoints refuse `stream_options`")
    prefill: bool = Field(
        False, description="Send prompts ahead of the turn, so that the endpoint's cache is warm; costs input tokens"
    )
    images: bool = Field(False, description="The model looks at images; without it, clients that send one are refused")
    reasoning: bool = Field(False, description="The model has a reasoning effort, which clients may set")


def load(settings: OpenAIChatSettings, progress: Callable[[str], None]) -> OpenAIChat:
    progress(f"Using the chat model {settings.model} at {settings.base_url}")
    return OpenAIChat(settings, OpenAIEndpoint(settings, "chat", "/chat/completions"))


class OpenAIChat:
    """A ``ChatModel``. Any number of requests at once."""

    def __init__(self, settings: OpenAIChatSettings, endpoint: OpenAIEndpoint) -> None:
        self._settings = settings
        self._endpoint = endpoint

    def generate(
        self, request: GenerateRequest, cancel: Cancel
    ) -> Iterator[GenerateText | GenerateCall | GenerateArguments | GenerateDone]:
        if request.prefill_only and not self._settings.prefill:
            yield GenerateDone("stop")
            return
        body = _body(request, self._settings)

        @asynccontextmanager
        async def opened(client: AsyncOpenAI) -> AsyncIterator[AsyncIterable[ChatCompletionChunk]]:
            async with await client.chat.completions.create(**body) as chunks:
                yield chunks

        stream = ChatStream()
        for chunk in self._endpoint.pieces(opened, cancel):
            results = list(stream.push(chunk))
            if not request.prefill_only:
                yield from results
        if cancel:
            return
        if request.prefill_only:
            yield GenerateDone("stop", *stream.usage)
        else:
            yield from stream.finish()

    def close(self) -> None:
        self._endpoint.close()


def _body(request: GenerateRequest, settings: OpenAIChatSettings) -> dict[str, Any]:
    """The arguments of the client's call."""
    body: dict[str, Any] = {"model": settings.model, "messages": list(request.messages), "stream": True}
    if request.reasoning_effort is not None:
        body["reasoning_effort"] = request.reasoning_effort
    if request.tools:
        body |= {"tools": list(request.tools), "tool_choice": request.tool_choice}
        if request.parallel_tool_calls is not None:
            body["parallel_tool_calls"] = request.parallel_tool_calls
    max_tokens = 1 if request.prefill_only else request.max_tokens
    if max_tokens is not None:
        default = "max_completion_tokens" if settings.base_url.startswith(OPENAI) else "max_tokens"
        body[settings.max_tokens_field or default] = max_tokens
    temperature = settings.temperature if request.temperature is None else request.temperature
    if temperature is not None:
        body["temperature"] = temperature
    if settings.usage:
        body["stream_options"] = {"include_usage": True}
    if settings.extra_body:
        body["extra_body"] = settings.extra_body
    return body
