"""A chat model in GGUF format on the CPU, through llama.cpp (xllamacpp): by default SmolLM2-135M.

The default model is for demonstrations and tests: it writes fluent short answers, and knows little. Functions are
chosen by ``tool_router`` and their arguments written under a JSON schema, because it cannot do either on its own.
"""

from __future__ import annotations

import atexit
import json
import math
import re
import secrets
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from rtengine.errors import ModelError
from rtengine.models import weights
from rtengine.models.chat_history import PlainMessage, estimate, fit, last_user_text, plain
from rtengine.models.grounding import ground
from rtengine.models.jobs import (
    GenerateArguments,
    GenerateCall,
    GenerateDone,
    GenerateRequest,
    GenerateText,
)
from rtengine.models.ports import Cancel, ModelFailure
from rtengine.models.tool_router import Function, choose

_WEIGHTS = "smollm2-135m"
_ARGUMENT_TOKENS = 512
_SLOT_POLL_SECONDS = 0.02

_CHATML = b"<|im_start|>"
_HEADER_BYTES = 16 << 20
"""The vocabulary of a GGUF file stands at its beginning."""
_UNFINISHED = "<|im_start|>system\nYou are a helpful voice assistant.<|im_end|>\n<|im_start|>user\n{}"
_ENDINGS = frozenset(("<|im_end|>", ".", "?", "!"))
_CANDIDATES = 200
_TRAILING = re.compile(r"[\s.?!…]+$")
"""Transcribers write a full stop after anything: it tells nothing."""

Chunk = dict[str, Any]
"""A chat completion chunk of the API, or ``{"error": {...}}``."""


class LlamaSettings(BaseModel):
    """A chat model in GGUF format on this machine's CPU."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Path | None = Field(None, description="A GGUF file of your own; without it, the embedded SmolLM2-135M")
    slots: int = Field(8, ge=1, description="Answers written at once; each keeps the prompt of its last conversation")
    context: int = Field(2048, ge=256, description="Tokens of prompt and answer together, for each slot")
    threads: int = Field(1, ge=1, description="CPU threads; more than one suffers when other models share the CPU")
    batch: int = Field(128, ge=16, description="Prompt tokens read at a time; other answers pause meanwhile")
    max_tokens: int = Field(256, ge=1, description="Longest answer where the client sets no limit")
    temperature: float = Field(0, ge=0, le=2, description="Sampling temperature; 0 always takes the likeliest token")
    top_p: float = Field(0.9, gt=0, le=1, description="Sample among the likeliest tokens that make up this share")
    seed: int | None = Field(None, ge=0, description="Fix the sampling")

    @property
    def required_weights(self) -> tuple[str, ...]:
        """Names in the manifest of weights."""
        return () if self.path else (_WEIGHTS,)


class LlamaChat:
    """The ``ChatModel`` port. Safe to call from any number of threads; ``slots`` of them are served at once."""

    def __init__(self, server: Any, settings: LlamaSettings, chatml: bool = True) -> None:
        """``chatml``: the model marks the turns of a conversation as ChatML does."""
        self._server = server
        self._chatml = chatml
        self._judging = threading.Lock()
        """One judgement at a time: each takes some 40 ms, on a slot of its own."""
        self._settings = settings
        self._free = threading.Semaphore(settings.slots)
        self._running: set[threading.Thread] = set()
        self._closed = threading.Event()
        # A thread that is inside llama.cpp when the interpreter ends would take the whole process down with it.
        atexit.register(self.close)

    @property
    def slots(self) -> int:
        return self._settings.slots

    def close(self) -> None:
        """Stop what is running, each after its next token or batch of prompt, and wait for it."""
        self._closed.set()
        with self._judging:
            pass
        for thread in tuple(self._running):
            thread.join()
        atexit.unregister(self.close)

    def generate(
        self, request: GenerateRequest, cancel: Cancel
    ) -> Iterator[GenerateText | GenerateCall | GenerateArguments | GenerateDone]:
        """An answer in words, or one function call. After ``cancel`` at most one more token is computed.

        Raises ``ModelFailure`` when the last message does not fit in the context, or a tool cannot be called.
        """
        messages = plain(request.messages) or [{"role": "user", "content": " "}]
        if request.prefill_only:
            yield from self._prefill(messages, cancel)
            return
        # A function's result is there to be told, so only a choice that demands a call leads to another one.
        answers_result = messages[-1]["role"] == "tool" and request.tool_choice == "auto"
        said = last_user_text(messages)
        function = None if answers_result else choose(request.tools, request.tool_choice, said)
        if function is None:
            yield from self._answer(messages, request, cancel)
        else:
            yield from self._call(function, said, request.max_tokens, cancel)

    def judge(self, text: str, cancel: Cancel) -> float | None:
        """The share of the model's next tokens that end the user's message: its end mark, or a closing full stop.

        None for a model without ChatML, and for text after which the model would write half a character.
        """
        said = _TRAILING.sub("", text).replace("<|", "< |")
        body = {"prompt": _UNFINISHED.format(said), "max_tokens": 1, "temperature": 0.0, "logprobs": _CANDIDATES}
        with self._judging:
            if cancel or self._closed.is_set() or not self._chatml:
                return None
            [choice] = self._server.handle_completions(body)["choices"]
        if choice["logprobs"] is None:
            return None
        [token] = choice["logprobs"]["content"]
        candidates = token["top_logprobs"]
        return min(1.0, sum(math.exp(each["logprob"]) for each in candidates if each["token"].strip() in _ENDINGS))

    def _prefill(self, messages: list[PlainMessage], cancel: Cancel) -> Iterator[GenerateDone]:
        # llama.cpp writes one token even where none is asked for.
        usage = GenerateDone("stop")
        for chunk in self._fitting(messages, {"max_tokens": 1}, cancel):
            usage = _done("stop", chunk) or usage
        if not cancel:
            yield GenerateDone("stop", usage.input_tokens, 0, usage.cached_tokens)

    def _answer(
        self, messages: list[PlainMessage], request: GenerateRequest, cancel: Cancel
    ) -> Iterator[GenerateText | GenerateDone]:
        settings = self._settings
        temperature = settings.temperature if request.temperature is None else request.temperature
        limit = request.max_tokens or settings.max_tokens
        body = {"max_tokens": limit, "temperature": temperature, "top_p": settings.top_p}
        if settings.seed is not None:
            body["seed"] = settings.seed
        reason = "stop"
        for chunk in self._fitting(messages, body, cancel):
            for choice in chunk["choices"]:
                if text := choice["delta"].get("content"):
                    yield GenerateText(text)
                reason = choice["finish_reason"] or reason
            if done := _done(reason, chunk):
                yield done

    def _call(
        self, function: Function, said: str, max_tokens: int | None, cancel: Cancel
    ) -> Iterator[GenerateCall | GenerateArguments | GenerateDone]:
        call_id = f"call_{secrets.token_hex(8)}"
        schema = ground(function.get("parameters") or {}, said)
        if not schema["properties"]:
            yield GenerateCall(call_id, function["name"])
            yield GenerateArguments(call_id, "{}")
            yield GenerateDone("tool_calls")
            return
        task = f"Call the function {function['name']}: {function.get('description') or ''}. "
        task += "Fill in its arguments from what the user said. Answer with JSON."
        messages = [{"role": "system", "content": task}, {"role": "user", "content": said or " "}]
        body = {"grammar": _grammar(schema), "temperature": 0.0, "max_tokens": max_tokens or _ARGUMENT_TOKENS}
        reason, begun = "stop", False
        for chunk in self._fitting(messages, body, cancel):
            for choice in chunk["choices"]:
                if not begun:
                    begun = True
                    yield GenerateCall(call_id, function["name"])
                if text := choice["delta"].get("content"):
                    yield GenerateArguments(call_id, text)
                reason = choice["finish_reason"] or reason
            if done := _done("tool_calls" if reason == "stop" else reason, chunk):
                yield done

    def _fitting(self, messages: list[PlainMessage], body: dict[str, Any], cancel: Cancel) -> Iterator[Chunk]:
        """Chunks of the completion, after leaving out as many of the oldest messages as the context demands."""
        context = self._settings.context
        budget: float = context - min(body["max_tokens"], context // 4)
        while True:
            kept = fit(messages, budget)
            overflow: Chunk | None = None
            for chunk in self._stream({"messages": kept} | body, cancel):
                overflow = chunk.get("error")
                if overflow is None:
                    yield chunk
                elif overflow.get("type") != "exceed_context_size_error":
                    raise ModelFailure(f"The chat model failed: {overflow.get('message')}")
            if overflow is None:
                return
            # The estimate was too low for this text: make it smaller by as much as the model says, and a little more.
            smaller = fit(messages, 0.9 * estimate(kept) * budget / overflow["n_prompt_tokens"])
            if len(smaller) == len(kept):
                raise ModelFailure(
                    f"The last message does not fit in the chat model's context of {context} tokens.",
                    "context_length_exceeded",
                    "invalid_request_error",
                )
            messages = smaller

    def _stream(self, body: dict[str, Any], cancel: Cancel) -> Iterator[Chunk]:
        """Chunks as the model writes them. Its call blocks, so it runs in a thread of its own until the next token."""
        while not self._free.acquire(timeout=_SLOT_POLL_SECONDS):
            if cancel:
                return
        if cancel:
            self._free.release()
            return
        chunks: SimpleQueue[Chunk | Exception | None] = SimpleQueue()
        abandoned = threading.Event()

        def on_chunk(chunk: Chunk) -> bool:
            chunks.put(chunk)
            return bool(cancel) or abandoned.is_set() or self._closed.is_set()

        def complete() -> None:
            try:
                # Progress chunks let a cancel stop the reading of a long prompt as well.
                options = {"stream": True, "return_progress": True, "stream_options": {"include_usage": True}}
                self._server.handle_chat_completions(body | options, on_chunk)
            except Exception as error:
                chunks.put(error)
            finally:
                self._running.discard(thread)
                self._free.release()
                chunks.put(None)

        cancel.on_set(lambda: chunks.put(None))
        thread = threading.Thread(target=complete, name="llama", daemon=True)
        self._running.add(thread)
        thread.start()
        try:
            while (chunk := chunks.get()) is not None and not cancel:
                if isinstance(chunk, Exception):
                    raise ModelFailure(f"The chat model failed: {chunk}") from chunk
                yield chunk
        finally:
            abandoned.set()


def _grammar(schema: dict[str, Any]) -> str:
    """JSON of the schema without white space: half the tokens, and half the time, of what the model likes to write."""
    compact = schema | {"x-guidance": {"whitespace_flexible": False}}
    return f"%llguidance {{}}\nstart: %json {json.dumps(compact)}"


def _done(reason: str, chunk: Chunk) -> GenerateDone | None:
    usage = chunk.get("usage")
    if not usage:
        return None
    cached = usage.get("prompt_tokens_details", {}).get("cached_tokens", 0)
    return GenerateDone(reason, usage["prompt_tokens"], usage["completion_tokens"], cached)


def load(settings: LlamaSettings, progress: Callable[[str], None]) -> LlamaChat:
    """Load the model. Raises ``ModelError`` when its weights or xllamacpp are missing, or the file is no GGUF."""
    path = settings.path or next(weights.locate(_WEIGHTS).glob("*.gguf"))
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except OSError as error:
        raise ModelError(f"The chat model's weights cannot be read: {error}") from error
    if not header.startswith(b"GGUF"):
        raise ModelError(f"{path} is not a GGUF file")
    progress(f"loading the chat model {path.name}")
    try:
        import xllamacpp
    except ImportError as error:
        raise ModelError("xllamacpp is not installed", hint="run `pip install 'rtengine[local]'`") from error
    try:
        server = xllamacpp.Server(_params(xllamacpp.CommonParams(), path, settings))
    except RuntimeError as error:
        raise ModelError(f"The chat model could not be loaded from {path}: {error}") from error
    return LlamaChat(server, settings, _CHATML in header)


def _params(params: Any, path: Path, settings: LlamaSettings) -> Any:
    params.model.path = str(path)
    params.n_parallel = settings.slots + 1  # one more for judgements, which then push no conversation out of its slot
    params.n_ctx = params.n_parallel * settings.context
    params.n_batch = params.n_ubatch = settings.batch
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = settings.threads
    params.cache_ram_mib = 64
    params.prefill_assistant = False
    params.verbosity = 0
    params.warmup = True
    # xllamacpp opens an HTTP port on the loopback interface beside the calls made here: nobody is to use it.
    params.api_keys = [secrets.token_hex(16)]
    params.endpoint_slots = params.endpoint_props = params.ui = False
    return params
