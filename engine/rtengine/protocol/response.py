"""A Response, and what a client may ask of one."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from rtengine.protocol.formats import PCM, AudioFormat, OutputAudio, OutputModalities, spoken
from rtengine.protocol.items import Item
from rtengine.protocol.newitem import InputItem
from rtengine.protocol.tools import Tool, ToolChoice
from rtengine.protocol.usage import Usage
from rtengine.protocol.wire import STRING_OR_OBJECT, Boolean, ListOf, Metadata, NullTolerantModel, Omit, WireModel

ResponseStatus = Literal["in_progress", "completed", "cancelled", "incomplete", "failed"]


def _integer_or_word(value: Any) -> str:
    return "$word" if isinstance(value, str) else "$integer"


MaxOutputTokens = Annotated[
    Annotated[int, Field(strict=True, ge=1, le=4096), Tag("$integer")] | Annotated[Literal["inf"], Tag("$word")],
    Discriminator(_integer_or_word),
]


class Reasoning(NullTolerantModel):
    effort: Literal["minimal", "low", "medium", "high", "xhigh"] = "low"


PromptVariable = Annotated[Annotated[str, Tag("$string")] | Annotated[dict[str, Any], Tag("$object")], STRING_OR_OBJECT]
"""A string, or a content part: text, image or file."""


class Prompt(NullTolerantModel):
    """A stored prompt template."""

    id: str
    version: Omit[str] = None
    variables: Omit[dict[str, PromptVariable]] = None


# --- asked for ------------------------------------------------------------------------------------------------------


class ResponseAudioParams(NullTolerantModel):
    output: Omit[OutputAudio] = None


class ResponseCreateParams(NullTolerantModel):
    """``response`` of ``response.create``. What is not given is as the session has it."""

    foreign_nulls = False

    conversation: Omit[str] = None
    """``auto``, the default: the answer joins the conversation; ``none``: it does not."""
    input: Omit[ListOf[InputItem]] = None
    """Replaces the conversation as the model's context; ``[]`` is an empty context."""
    instructions: Omit[str] = None
    output_modalities: Omit[OutputModalities] = None
    audio: Omit[ResponseAudioParams] = None
    tools: Omit[ListOf[Tool]] = None
    tool_choice: Omit[ToolChoice] = None
    parallel_tool_calls: Omit[Boolean] = None
    reasoning: Omit[Reasoning] = None
    prompt: Omit[Prompt] = None
    max_output_tokens: Omit[MaxOutputTokens] = None
    metadata: Omit[Metadata] = None


# --- answered -------------------------------------------------------------------------------------------------------

Reason = Literal["turn_detected", "client_cancelled", "max_output_tokens", "content_filter"]


class ResponseError(WireModel):
    type: str
    code: Omit[str] = None
    message: Omit[str] = None


class StatusDetails(WireModel):
    """Why a Response did not complete; null while it runs and when it completed."""

    type: Literal["cancelled", "incomplete", "failed"]
    reason: Omit[Reason] = None
    error: Omit[ResponseError] = None

    @classmethod
    def cancelled(cls, reason: Literal["turn_detected", "client_cancelled"]) -> StatusDetails:
        """Why a response was cancelled: `turn_detected` or `client_cancelled`."""
        return cls(type="cancelled", reason=reason)

    @classmethod
    def incomplete(cls, reason: Literal["max_output_tokens", "content_filter"]) -> StatusDetails:
        """Why a response is incomplete: `max_output_tokens` or `content_filter`."""
        return cls(type="incomplete", reason=reason)

    @classmethod
    def failed(cls, message: str, code: str | None = None, type: str = "server_error") -> StatusDetails:
        """The error that a response has failed with."""
        return cls(type="failed", error=ResponseError(type=type, code=code or "server_error", message=message))


class ResponseAudioOutput(WireModel):
    format: AudioFormat = Field(default_factory=PCM)
    voice: str = ""


class ResponseAudio(WireModel):
    output: ResponseAudioOutput = Field(default_factory=ResponseAudioOutput)


class Response(WireModel):
    """One answer of the model, running or over. ``output`` holds the very items given to it."""

    object: Literal["realtime.response"] = "realtime.response"
    id: str
    status: ResponseStatus = "in_progress"
    status_details: StatusDetails | None = None
    output: list[Item] = Field(default_factory=list)
    conversation_id: str | None = None
    """None when the Response is not part of the conversation."""
    output_modalities: OutputModalities = Field(default_factory=spoken)
    max_output_tokens: MaxOutputTokens = "inf"
    audio: ResponseAudio = Field(default_factory=ResponseAudio)
    usage: Usage | None = None
    """None until the Response is over."""
    metadata: Metadata | None = None
