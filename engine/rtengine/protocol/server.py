"""Server events. Position fields have the API's meaning: which Response, which item of it, which part of the item."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, Tag

from rtengine.protocol.errors import ErrorBody
from rtengine.protocol.items import Item, RetrievedItem
from rtengine.protocol.mcp import (
    McpListToolsCompleted,
    McpListToolsFailed,
    McpListToolsInProgress,
    ResponseMcpCallArgumentsDelta,
    ResponseMcpCallArgumentsDone,
    ResponseMcpCallCompleted,
    ResponseMcpCallFailed,
    ResponseMcpCallInProgress,
)
from rtengine.protocol.parts import ContentPart
from rtengine.protocol.position import ContentPartFields, OutputItemFields, ServerEventFields
from rtengine.protocol.response import Response
from rtengine.protocol.session import SESSION_TYPES, RealtimeSession, TranscriptionSession
from rtengine.protocol.transcription import (
    InputAudioTranscriptionCompleted,
    InputAudioTranscriptionDelta,
    InputAudioTranscriptionFailed,
    InputAudioTranscriptionSegment,
)
from rtengine.protocol.wire import Index, Integer, Number, Omit, WireModel, one_of

AnySession = Annotated[
    Annotated[RealtimeSession, Tag("$realtime")] | Annotated[TranscriptionSession, Tag("$transcription")],
    one_of("type", *SESSION_TYPES),
]


# --- errors, the session, the conversation --------------------------------------------------------------------------


class Error(ServerEventFields):
    type: Literal["error"] = "error"
    error: ErrorBody


class SessionCreated(ServerEventFields):
    type: Literal["session.created"] = "session.created"
    session: AnySession


class SessionUpdated(ServerEventFields):
    type: Literal["session.updated"] = "session.updated"
    session: AnySession


class Conversation(WireModel):
    id: Omit[str] = None
    object: Literal["realtime.conversation"] = "realtime.conversation"


class ConversationCreated(ServerEventFields):
    """In the API's list, but its server does not send it."""

    type: Literal["conversation.created"] = "conversation.created"
    conversation: Conversation


class ConversationItemAdded(ServerEventFields):
    type: Literal["conversation.item.added"] = "conversation.item.added"
    previous_item_id: str | None = None
    item: Item


class ConversationItemDone(ServerEventFields):
    type: Literal["conversation.item.done"] = "conversation.item.done"
    previous_item_id: str | None = None
    item: Item


class ConversationItemCreated(ServerEventFields):
    """The beta's name for ``conversation.item.added``: in the API's list, but its server does not send it."""

    type: Literal["conversation.item.created"] = "conversation.item.created"
    previous_item_id: str | None = None
    item: Item


class ConversationItemRetrieved(ServerEventFields):
    """The only event that has an item's audio (``items.retrieved``)."""

    type: Literal["conversation.item.retrieved"] = "conversation.item.retrieved"
    item: RetrievedItem


class ConversationItemTruncated(ServerEventFields):
    type: Literal["conversation.item.truncated"] = "conversation.item.truncated"
    item_id: str
    content_index: Index
    audio_end_ms: Index


class ConversationItemDeleted(ServerEventFields):
    type: Literal["conversation.item.deleted"] = "conversation.item.deleted"
    item_id: str


# --- the input buffer -----------------------------------------------------------------------------------------------


class InputAudioBufferCommitted(ServerEventFields):
    type: Literal["input_audio_buffer.committed"] = "input_audio_buffer.committed"
    previous_item_id: str | None = None
    item_id: str


class InputAudioBufferCleared(ServerEventFields):
    type: Literal["input_audio_buffer.cleared"] = "input_audio_buffer.cleared"


class InputAudioBufferSpeechStarted(ServerEventFields):
    type: Literal["input_audio_buffer.speech_started"] = "input_audio_buffer.speech_started"
    audio_start_ms: Index
    """In all audio of the session; the prefix padding is in."""
    item_id: str


class InputAudioBufferSpeechStopped(ServerEventFields):
    type: Literal["input_audio_buffer.speech_stopped"] = "input_audio_buffer.speech_stopped"
    audio_end_ms: Index
    """In all audio of the session; the silence that ended the turn is in."""
    item_id: str


class InputAudioBufferTimeoutTriggered(ServerEventFields):
    type: Literal["input_audio_buffer.timeout_triggered"] = "input_audio_buffer.timeout_triggered"
    audio_start_ms: Index
    audio_end_ms: Index
    item_id: str


class InputAudioBufferDtmfEventReceived(WireModel):
    """Of SIP. The one event without ``event_id``."""

    type: Literal["input_audio_buffer.dtmf_event_received"] = "input_audio_buffer.dtmf_event_received"
    event: str
    received_at: Integer


# --- the output buffer of WebRTC and SIP ----------------------------------------------------------------------------


class OutputAudioBufferStarted(ServerEventFields):
    type: Literal["output_audio_buffer.started"] = "output_audio_buffer.started"
    response_id: str


class OutputAudioBufferStopped(ServerEventFields):
    type: Literal["output_audio_buffer.stopped"] = "output_audio_buffer.stopped"
    response_id: str


class OutputAudioBufferCleared(ServerEventFields):
    type: Literal["output_audio_buffer.cleared"] = "output_audio_buffer.cleared"
    response_id: str


# --- responses ------------------------------------------------------------------------------------------------------


class ResponseCreated(ServerEventFields):
    type: Literal["response.created"] = "response.created"
    response: Response


class ResponseDone(ServerEventFields):
    type: Literal["response.done"] = "response.done"
    response: Response


class ResponseOutputItemAdded(ServerEventFields):
    type: Literal["response.output_item.added"] = "response.output_item.added"
    response_id: str
    output_index: Index
    item: Item


class ResponseOutputItemDone(ServerEventFields):
    type: Literal["response.output_item.done"] = "response.output_item.done"
    response_id: str
    output_index: Index
    item: Item


class ResponseContentPartAdded(ContentPartFields):
    type: Literal["response.content_part.added"] = "response.content_part.added"
    part: ContentPart


class ResponseContentPartDone(ContentPartFields):
    type: Literal["response.content_part.done"] = "response.content_part.done"
    part: ContentPart


class ResponseOutputTextDelta(ContentPartFields):
    type: Literal["response.output_text.delta"] = "response.output_text.delta"
    delta: str
    obfuscation: Omit[str] = None


class ResponseOutputTextDone(ContentPartFields):
    type: Literal["response.output_text.done"] = "response.output_text.done"
    text: str


class ResponseOutputAudioTranscriptDelta(ContentPartFields):
    type: Literal["response.output_audio_transcript.delta"] = "response.output_audio_transcript.delta"
    delta: str
    obfuscation: Omit[str] = None


class ResponseOutputAudioTranscriptDone(ContentPartFields):
    type: Literal["response.output_audio_transcript.done"] = "response.output_audio_transcript.done"
    transcript: str


class ResponseOutputAudioDelta(ContentPartFields):
    type: Literal["response.output_audio.delta"] = "response.output_audio.delta"
    delta: str = Field(repr=False)
    """Base64."""


class ResponseOutputAudioDone(ContentPartFields):
    type: Literal["response.output_audio.done"] = "response.output_audio.done"


class ResponseFunctionCallArgumentsDelta(OutputItemFields):
    type: Literal["response.function_call_arguments.delta"] = "response.function_call_arguments.delta"
    call_id: str
    delta: str


class ResponseFunctionCallArgumentsDone(OutputItemFields):
    type: Literal["response.function_call_arguments.done"] = "response.function_call_arguments.done"
    call_id: str
    name: str
    arguments: str


class RateLimit(WireModel):
    name: Literal["requests", "tokens"]
    limit: Index
    remaining: Index
    reset_seconds: Number


class RateLimitsUpdated(ServerEventFields):
    type: Literal["rate_limits.updated"] = "rate_limits.updated"
    rate_limits: list[RateLimit]


_MODELS: tuple[type[WireModel], ...] = (
    Error,
    SessionCreated,
    SessionUpdated,
    ConversationCreated,
    ConversationItemAdded,
    ConversationItemDone,
    ConversationItemCreated,
    ConversationItemRetrieved,
    ConversationItemTruncated,
    ConversationItemDeleted,
    InputAudioTranscriptionDelta,
    InputAudioTranscriptionCompleted,
    InputAudioTranscriptionSegment,
    InputAudioTranscriptionFailed,
    InputAudioBufferCommitted,
    InputAudioBufferCleared,
    InputAudioBufferSpeechStarted,
    InputAudioBufferSpeechStopped,
    InputAudioBufferTimeoutTriggered,
    InputAudioBufferDtmfEventReceived,
    OutputAudioBufferStarted,
    OutputAudioBufferStopped,
    OutputAudioBufferCleared,
    ResponseCreated,
    ResponseDone,
    ResponseOutputItemAdded,
    ResponseOutputItemDone,
    ResponseContentPartAdded,
    ResponseContentPartDone,
    ResponseOutputTextDelta,
    ResponseOutputTextDone,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputAudioTranscriptDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioDone,
    ResponseFunctionCallArgumentsDelta,
    ResponseFunctionCallArgumentsDone,
    RateLimitsUpdated,
    McpListToolsInProgress,
    McpListToolsCompleted,
    McpListToolsFailed,
    ResponseMcpCallInProgress,
    ResponseMcpCallCompleted,
    ResponseMcpCallFailed,
    ResponseMcpCallArgumentsDelta,
    ResponseMcpCallArgumentsDone,
)

SERVER_EVENTS: dict[str, type[WireModel]] = {model.model_fields["type"].default: model for model in _MODELS}
"""By wire type."""
