"""An endpoint that speaks the OpenAI API: what its adapters for chat, speech and transcription have in common.

The official client does the work, with its retries, on an event loop of its own thread: there, a cancel ends a request
wherever it is, be it connecting, waiting to try again, or waiting for the next token.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncIterable, Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from rtengine.models.ports import Cancel, ModelFailure

if TYPE_CHECKING:
    import openai
    from openai import AsyncOpenAI

OPENAI = "https://api.openai.com/v1"
_KEEP_CONNECTION_SECONDS = 300
"""Turns are far apart, and a new TLS connection costs more than a first token."""
_CLOSE_SECONDS = 5

T = TypeVar("T")
Opening = Callable[["AsyncOpenAI"], AbstractAsyncContextManager[AsyncIterable[T]]]
"""Makes a request; what it gives are the pieces of the answer, as they come."""


class OpenAIEndpointSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(description="The model's name at the endpoint")
    base_url: str = Field(OPENAI, description="The endpoint, such as `http://127.0.0.1:11434/v1`")
    api_key: SecretStr | None = Field(None, description="The endpoint's key; local ones mostly need none")
    timeout_seconds: float = Field(
        30, gt=0, description="How long an answer may take to begin, retries included, and how long it may pause"
    )
    max_retries: int = Field(2, ge=0, le=10, description="Further tries after a failure that may pass")
    extra_body: dict[str, Any] = Field(default_factory=dict, description="More fields for every request, as they are")


class OpenAIEndpoint:
    """Any number of requests at once, from any thread.

    ``name`` is what errors call the endpoint, and ``path`` where its requests go.
    """

    def __init__(self, settings: OpenAIEndpointSettings, name: str, path: str) -> None:
        import httpx2
        from openai import AsyncOpenAI, DefaultAsyncHttpxClient

        self._settings = settings
        self._name = name
        self._path = path
        limits = httpx2.Limits(keepalive_expiry=_KEEP_CONNECTION_SECONDS)
        self._client = AsyncOpenAI(
            # Without a key, the client would look for one in the environment; whatever is sent, such endpoints ignore.
            api_key=settings.api_key.get_secret_value() if settings.api_key else "none",
            base_url=settings.base_url,
            timeout=settings.timeout_seconds,
            max_retries=settings.max_retries,
            http_client=DefaultAsyncHttpxClient(limits=limits),
        )
        # The client imports its parts when they are first asked for: better now than in the first turn.
        attrgetter(path.strip("/").replace("/", "."))(self._client)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"rtengine-{name}-endpoint", daemon=True)
        self._thread.start()

    def pieces(self, opening: Opening[T], cancel: Cancel) -> Iterator[T]:
        """The pieces of one answer, as they come; ends early when cancelled. Raises ``ModelFailure``."""
        inbox: queue.SimpleQueue[tuple[T] | None] = queue.SimpleQueue()
        request = asyncio.run_coroutine_threadsafe(
            self._request(opening, lambda piece: inbox.put((piece,))), self._loop
        )
        request.add_done_callback(lambda _: inbox.put(None))
        cancel.on_set(lambda: _cancelled(request))
        try:
            while (piece := inbox.get()) is not None:
                yield piece[0]
            request.result()
        except CancelledError:
            return
        except Exception as error:
            failure = self._failure(error)
            if failure is None:
                raise
            raise failure from error
        finally:
            request.cancel()

    def malformed(self, sentence: str, hint: str = "") -> ModelFailure:
        """An answer that came, and is not what it should be. ``sentence`` goes on from the endpoint's name."""
        asked = f"is {self._settings.base_url.rstrip('/')}{self._path} what OpenAI has under that name?"
        return self._told(sentence, hint or asked, "stream_error", "server_error")

    def unsupported(self, sentence: str, hint: str) -> ModelFailure:
        """The client wants what the endpoint does not do. ``sentence`` goes on from the endpoint's name."""
        return self._told(sentence, hint, "invalid_value", "invalid_request_error")

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result(_CLOSE_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _shut(self) -> None:
        requests = asyncio.all_tasks() - {asyncio.current_task()}
        for request in requests:
            request.cancel()
        await asyncio.gather(*requests, return_exceptions=True)
        await self._client.close()
        # A response that was left before its end is finished when its generator is: not later than the loop.
        await self._loop.shutdown_asyncgens()

    async def _request(self, opening: Opening[T], put: Callable[[T], None]) -> None:
        async with AsyncExitStack() as stack:
            async with asyncio.timeout(self._settings.timeout_seconds):
                answer = await stack.enter_async_context(opening(self._client))
            async for piece in answer:
                put(piece)

    def _failure(self, error: Exception) -> ModelFailure | None:
        """What a client sees of an error of the endpoint; what an operator needs to know is the hint.

        None for an error that is not the endpoint's, or is told already.
        """
        import httpx2
        import openai

        url = self._settings.base_url
        if isinstance(error, openai.APITimeoutError | httpx2.TimeoutException | TimeoutError):
            sentence = f"did not answer within {self._settings.timeout_seconds:g} s"
            return self._told(sentence, f"is {url} up, and is `timeout_seconds` long enough for it?", "timeout")
        if isinstance(error, openai.APIConnectionError | httpx2.TransportError):
            failure = ModelFailure(f"The connection to the {self._name} endpoint failed.", "connection_error")
            failure.hint = f"is a server listening at {url}? ({error.__cause__ or error})"
            return failure
        if isinstance(error, openai.APIStatusError):
            return self._status_failure(error)
        if isinstance(error, openai.APIError):
            return ModelFailure(f"The {self._name} endpoint failed: {self._without_key(error.message)}", error.code)
        if isinstance(error, ValueError):
            failure = self.malformed("sent something that cannot be read")
            failure.hint += f" ({error})"
            return failure
        return None

    def _status_failure(self, error: openai.APIStatusError) -> ModelFailure:
        status, code = error.status_code, None if str(error.code).isdigit() else error.code
        said = self._without_key(_sentence(error))
        told = f"HTTP {status} from {self._settings.base_url}: {said}"
        if status in (401, 403):
            return self._told("refused the server's key", f"check `api_key` ({told})", code or "invalid_api_key")
        if status == 404:
            hint = f"check `model` and `base_url`, which mostly ends in /v1 ({told})"
            return self._told(f"does not have the model '{self._settings.model}'", hint, code or "model_not_found")
        if status == 429:
            sentence = "has no quota left" if code == "insufficient_quota" else "is over its rate limit"
            return self._told(sentence, told, code or "rate_limit_exceeded", "rate_limit_error")
        if status < 500:
            return ModelFailure(said, code, "invalid_request_error")
        return self._told(f"failed (HTTP {status})", told, code)

    def _without_key(self, text: str) -> str:
        """Some endpoints repeat the key that they refuse, and what they say is logged."""
        key = self._settings.api_key
        return text.replace(key.get_secret_value(), "***") if key and key.get_secret_value() else text

    def _told(self, sentence: str, hint: str, code: str | None, type: str = "server_error") -> ModelFailure:
        failure = ModelFailure(f"The {self._name} endpoint {sentence}.", code, type)
        failure.hint = hint
        return failure


def _cancelled(request: Future[None]) -> None:
    request.cancel()


def _sentence(error: openai.APIStatusError) -> str:
    """What the endpoint says is wrong; the whole body where that is not in the API's shape."""
    body = error.body
    told = body.get("message") if isinstance(body, dict) else None
    return told if isinstance(told, str) else error.message
