"""Reads the stream of a chat completion: chunks in, results out. Pure, and forgiving where endpoints differ."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtengine.models.jobs import GenerateArguments, GenerateCall, GenerateDone, GenerateText
from rtengine.models.ports import ModelFailure

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionChunk
    from openai.types.chat.chat_completion_chunk import ChoiceDeltaToolCall

_FINISH_REASONS = {"stop", "length", "tool_calls", "content_filter"}


@dataclass(slots=True)
class _Call:
    id: str
    given: str
    """The id that the endpoint calls it by, which may be none, or another call's as well."""
    name: str = ""
    announced: bool = False
    has_arguments: bool = False


class ChatStream:
    """The state of one streamed answer."""

    def __init__(self) -> None:
        self._calls: dict[int, _Call] = {}
        self._finish_reason: str | None = None
        self._ids: set[str] = set()
        self.usage = (0, 0, 0)
        """Input, output and cached tokens, as far as told."""

    def push(self, chunk: ChatCompletionChunk) -> Iterator[GenerateText | GenerateCall | GenerateArguments]:
        if chunk.usage is not None:
            details = chunk.usage.prompt_tokens_details
            cached = (details.cached_tokens or 0) if details is not None else 0
            self.usage = (chunk.usage.prompt_tokens or 0, chunk.usage.completion_tokens or 0, cached)
        for choice in chunk.choices or ():  # the chunk that carries the usage has none
            text = (choice.delta.content or "") + (choice.delta.refusal or "")
            if text:
                yield GenerateText(text)
            for delta in choice.delta.tool_calls or ():
                yield from self._push_call(delta)
            self._finish_reason = choice.finish_reason or self._finish_reason

    def finish(self) -> Iterator[GenerateCall | GenerateArguments | GenerateDone]:
        """What is left once the stream has ended. Raises ``ModelFailure`` when it ended too early."""
        if self._finish_reason is None:
            raise ModelFailure("The chat endpoint broke off its answer.", "stream_error")
        for call in self._calls.values():
            yield from _completed(call)
        reason = self._finish_reason if self._finish_reason in _FINISH_REASONS else "stop"
        if self._ids and reason == "stop":  # some endpoints say so after calls, too
            reason = "tool_calls"
        yield GenerateDone(reason, *self.usage)

    def _new_id(self, given: str | None) -> str:
        """The id of a call of this answer: the endpoint's, if that is one of its own."""
        id = given if given and given not in self._ids else f"call_{uuid.uuid4().hex}"
        self._ids.add(id)
        return id

    def _push_call(self, delta: ChoiceDeltaToolCall) -> Iterator[GenerateCall | GenerateArguments]:
        index = delta.index or 0
        call = self._calls.get(index)
        if call is not None and delta.id and delta.id != call.given:  # every call at index 0: the id tells them apart
            yield from _completed(call)
            call = None
        if call is None:
            call = self._calls[index] = _Call(self._new_id(delta.id), delta.id or "")
        name = (delta.function.name if delta.function else None) or ""
        arguments = (delta.function.arguments if delta.function else None) or ""
        if not call.announced:
            call.name += name  # which may come in pieces: it is whole when arguments follow
        if arguments:
            yield from _announced(call)
            call.has_arguments = True
            yield GenerateArguments(call.id, arguments)


def _announced(call: _Call) -> Iterator[GenerateCall]:
    if not call.announced:
        call.announced = True
        yield GenerateCall(call.id, call.name)


def _completed(call: _Call) -> Iterator[GenerateCall | GenerateArguments]:
    """The rest of a call: no arguments at all are an empty object."""
    yield from _announced(call)
    if not call.has_arguments:
        call.has_arguments = True
        yield GenerateArguments(call.id, "{}")
