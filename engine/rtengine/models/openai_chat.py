"""Any chat endpoint that speaks the OpenAI chat completions API: OpenAI, vLLM, llama-server, Ollama and others.

The official client does the work, with its retries, on an event loop of its own thread: there, a cancel ends a request
wherever it is, be it connecting, waiting to try again, or waiting for the next token.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from rtengine.models.chat_stream import ChatStream
from rtengine.models.jobs import GenerateArguments, GenerateCall, GenerateDone, GenerateRequest, GenerateText
from rtengine.models.ports import Cancel, ModelFailure

if TYPE_CHECKING:
    import openai
    from openai import AsyncOpenAI
    from openai.types.chat import ChatCompletionChunk

log = logging.getLogger(__name__)

_OPENAI = "https://api.openai.com/v1"
_KEEP_CONNECTION_SECONDS = 300
"""Turns are far apart, and a new TLS connection costs more than a first token."""
_CLOSE_SECONDS = 5

Put = Callable[["ChatCompletionChunk | None"], None]


class OpenAIChatSettings(BaseModel):
    """A chat endpoint that speaks the OpenAI API."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(description="The model's name at the endpoint")
    base_url: str = Field(_OPENAI, description="The endpoint, such as `http://127.0.0.1:11434/v1`")
    api_key: SecretStr | None = Field(None, description="The endpoint's key; local ones mostly need none")
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
    timeout_seconds: float = Field(
        30, gt=0, description="How long an answer may take to begin, retries included, and how long it may pause"
    )
    max_retries: int = Field(2, ge=0, le=10, description="Further tries after a failure that may pass")
    images: bool = Field(False, description="The model looks at images; without it, clients that send one are refused")
    reasoning: bool = Field(False, description="The model has a reasoning effort, which clients may set")
    extra_body: dict[str, Any] = Field(default_factory=dict, description="More fields for every request, as they are")


def load(settings: OpenAIChatSettings, progress: Callable[[str], None]) -> OpenAIChat:
    import httpx2
    from openai import AsyncOpenAI, DefaultAsyncHttpxClient

    progress(f"Using the chat model {settings.model} at {settings.base_url}")
    limits = httpx2.Limits(keepalive_expiry=_KEEP_CONNECTION_SECONDS)
    client = AsyncOpenAI(
        # Without a key, the client would look for one in the environment; whatever is sent, such endpoints ignore.
        api_key=settings.api_key.get_secret_value() if settings.api_key else "none",
        base_url=settings.base_url,
        timeout=settings.timeout_seconds,
        max_retries=settings.max_retries,
        http_client=DefaultAsyncHttpxClient(limits=limits),
    )
    return OpenAIChat(settings, client)


class OpenAIChat:
    """A ``ChatModel``. Any number of requests at once."""

    def __init__(self, settings: OpenAIChatSettings, client: AsyncOpenAI) -> None:
        self._settings = settings
        self._client = client
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="rtengine-openai", daemon=True)
        self._thread.start()

    def generate(
        self, request: GenerateRequest, cancel: Cancel
    ) -> Iterator[GenerateText | GenerateCall | GenerateArguments | GenerateDone]:
        if request.prefill_only and not self._settings.prefill:
            yield GenerateDone("stop")
            return
        stream = ChatStream()
        for chunk in self._chunks(_body(request, self._settings), cancel):
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
        asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result(_CLOSE_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _chunks(self, body: dict[str, Any], cancel: Cancel) -> Iterator[ChatCompletionChunk]:
        """The chunks of one completion, as they come; ends early when cancelled."""
        inbox: queue.SimpleQueue[ChatCompletionChunk | None] = queue.SimpleQueue()
        request: Future[None] = asyncio.run_coroutine_threadsafe(self._request(body, inbox.put), self._loop)
        request.add_done_callback(lambda _: inbox.put(None))
        cancel.on_set(lambda: _cancelled(request))
        try:
            while (chunk := inbox.get()) is not None:
                yield chunk
            request.result()
        except CancelledError:
            return
        except Exception as error:
            failure = _failure(error, self._settings)
            if failure is None:
                raise
            raise failure from error
        finally:
            request.cancel()

    async def _shut(self) -> None:
        requests = asyncio.all_tasks() - {asyncio.current_task()}
        for request in requests:
            request.cancel()
        await asyncio.gather(*requests, return_exceptions=True)
        await self._client.close()

    async def _request(self, body: dict[str, Any], put: Put) -> None:
        async with asyncio.timeout(self._settings.timeout_seconds):
            stream = await self._client.chat.completions.create(**body)
        async with stream:
            async for chunk in stream:
                put(chunk)


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
        default = "max_completion_tokens" if settings.base_url.startswith(_OPENAI) else "max_tokens"
        body[settings.max_tokens_field or default] = max_tokens
    temperature = settings.temperature if request.temperature is None else request.temperature
    if temperature is not None:
        body["temperature"] = temperature
    if settings.usage:
        body["stream_options"] = {"include_usage": True}
    if settings.extra_body:
        body["extra_body"] = settings.extra_body
    return body


def _cancelled(request: Future[None]) -> None:
    request.cancel()


def _failure(error: Exception, settings: OpenAIChatSettings) -> ModelFailure | None:
    """What a client sees of an error of the endpoint; what an operator needs to know is the hint.

    None for an error that is not the endpoint's.
    """
    import openai

    if isinstance(error, openai.APITimeoutError | TimeoutError):
        failure = ModelFailure(f"The chat endpoint did not answer within {settings.timeout_seconds:g} s.", "timeout")
        failure.hint = f"is {settings.base_url} up, and is `timeout_seconds` long enough for it?"
    elif isinstance(error, openai.APIConnectionError):
        failure = ModelFailure("The connection to the chat endpoint failed.", "connection_error")
        failure.hint = f"is a server listening at {settings.base_url}? ({error.__cause__})"
    elif isinstance(error, openai.APIStatusError):
        failure = _status_failure(error, settings)
    elif isinstance(error, openai.APIError):
        failure = ModelFailure(f"The chat endpoint failed: {error.message}", error.code)
    elif isinstance(error, ValueError):
        failure = ModelFailure("The chat endpoint sent something that is no chat completion.", "stream_error")
        failure.hint = f"does {settings.base_url} speak the chat completions API? ({error})"
    else:
        return None
    return failure


def _status_failure(error: openai.APIStatusError, settings: OpenAIChatSettings) -> ModelFailure:
    status = error.status_code
    told = f"HTTP {status} from {settings.base_url}: {error.message}"
    if status in (401, 403):
        failure = ModelFailure("The chat endpoint refused the server's key.", error.code or "invalid_api_key")
        failure.hint = f"check `api_key` ({told})"
    elif status == 404:
        failure = ModelFailure(
            f"The chat endpoint does not have the model '{settings.model}'.", error.code or "model_not_found"
        )
        failure.hint = f"check `model` and `base_url`, which mostly ends in /v1 ({told})"
    elif status == 429:
        used_up = error.code == "insufficient_quota"
        sentence = "The chat endpoint's quota is used up." if used_up else "The chat endpoint is over its rate limit."
        failure = ModelFailure(sentence, error.code or "rate_limit_exceeded", "rate_limit_error")
        failure.hint = told
    elif status < 500:
        failure = ModelFailure(error.message, error.code, "invalid_request_error")
    else:
        failure = ModelFailure(f"The chat endpoint failed (HTTP {status}).", error.code)
        failure.hint = told
    return failure
