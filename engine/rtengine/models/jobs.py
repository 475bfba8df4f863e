"""What a session asks of the models, and what comes back.

A job is one request to one stage. Its results are small frozen dataclasses whose ``name`` is the name that machine
files use (``generate.text``). Jobs and results carry plain data only, so that a host may send them to another process.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

ChatMessage = dict[str, Any]
"""One message in the shape of the chat completions API (``role``, ``content``, ``tool_calls``, ``tool_call_id``)."""


@dataclass(frozen=True, slots=True)
class TranscribeRequest:
    """Turn one utterance into text."""

    stage: ClassVar[str] = "transcribe"
    audio: bytes
    """Mono PCM16, little endian."""
    rate: int
    """Samples per second of ``audio``: 8000, 16000 or 24000."""
    language: str | None = None
    """ISO 639-1 code given by the client; None lets the model detect it where it can."""
    languages: tuple[str, ...] | None = None
    """Where ``language`` is None: the codes to choose from."""
    prompt: str | None = None
    logprobs: bool = False


@dataclass(frozen=True, slots=True)
class GenerateRequest:
    """Answer a conversation with text and function calls."""

    stage: ClassVar[str] = "generate"
    messages: tuple[ChatMessage, ...]
    tools: tuple[dict[str, Any], ...] = ()
    """Function tools in the shape of the chat completions API: ``{"type": "function", "function": {...}}``."""
    tool_choice: str | dict[str, Any] = "auto"
    parallel_tool_calls: bool | None = None
    max_tokens: int | None = None
    reasoning_effort: str | None = None
    temperature: float | None = None
    """None: as the model's settings have it."""
    prefill_only: bool = False
    """Read the prompt into the model's cache and answer nothing: the next generation starts sooner."""
    judge_only: bool = False
    """Answer nothing: tell, as ``JudgeDone``, how likely it is that the last message is complete as it stands."""


@dataclass(frozen=True, slots=True)
class SpeakRequest:
    """Say one clause."""

    stage: ClassVar[str] = "speak"
    text: str
    voice: str
    speed: float = 1.0
    encoding: str = "pcm"
    """Encoding of the audio to return: ``pcm`` (PCM16, little endian), ``pcmu`` or ``pcma`` (G.711)."""
    rate: int = 24000
    """Samples per second of the audio to return; 8000 for G.711."""


@dataclass(frozen=True, slots=True)
class McpAddress:
    """An MCP server: one of the profile's, named by its label alone, or one that a client gave, with its URL."""

    label: str
    url: str | None = None
    authorization: str | None = field(default=None, repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """Run a tool on the server, or ask an MCP server which ones it has."""

    stage: ClassVar[str] = "tool"
    name: str | None
    """A tool of the profile, or of ``server``; None lists those of ``server``."""
    arguments: str = "{}"
    """As the chat model wrote them: a JSON object, if all is well."""
    server: McpAddress | None = None


Request = TranscribeRequest | GenerateRequest | SpeakRequest | ToolRequest


@dataclass(frozen=True, slots=True)
class Job:
    """One request of one session. Results of a job that was cancelled are dropped by whoever sees them first."""

    id: str
    session_id: str
    request: Request


@dataclass(frozen=True, slots=True)
class TranscribeDelta:
    """Words that are certain by now, while the rest is still being decoded."""

    name: ClassVar[str] = "transcribe.delta"
    delta: str
    logprobs: tuple[tuple[str, float], ...] | None = None
    """(token, log probability) pairs of these words, when asked for and told so early."""


@dataclass(frozen=True, slots=True)
class TranscribeDone:
    name: ClassVar[str] = "transcribe.done"
    transcript: str
    seconds: float
    """Length of the audio that was transcribed."""
    language: str | None = None
    """Language that was given or detected."""
    logprobs: tuple[tuple[str, float], ...] | None = None
    """(token, log probability) pairs, when asked for."""


@dataclass(frozen=True, slots=True)
class GenerateText:
    name: ClassVar[str] = "generate.text"
    text: str


@dataclass(frozen=True, slots=True)
class GenerateCall:
    """The model begins a function call; its arguments follow as ``GenerateArguments``."""

    name: ClassVar[str] = "generate.call"
    call_id: str
    function: str


@dataclass(frozen=True, slots=True)
class GenerateArguments:
    name: ClassVar[str] = "generate.arguments"
    call_id: str
    delta: str


@dataclass(frozen=True, slots=True)
class GenerateDone:
    name: ClassVar[str] = "generate.done"
    finish_reason: str
    """``stop``, ``length``, ``tool_calls`` or ``content_filter``, as in the chat completions API."""
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class JudgeDone:
    """Whether somebody who has said so much and paused has finished. Ends a job with ``judge_only``."""

    name: ClassVar[str] = "judge.done"
    probability: float
    """From 0 to 1, on the scale of a language model that goes on writing: 0.1 is as good as certain."""


@dataclass(frozen=True, slots=True)
class SpeakAudio:
    name: ClassVar[str] = "speak.audio"
    audio: bytes
    """In the encoding and rate of the request."""
    duration_ms: float
    text: str = ""
    """The clause this audio begins; empty on the clause's further chunks."""


@dataclass(frozen=True, slots=True)
class SpeakDone:
    name: ClassVar[str] = "speak.done"


@dataclass(frozen=True, slots=True)
class ToolDone:
    """A tool has run. One that went wrong has an ``error``, which the chat model is told."""

    name: ClassVar[str] = "tool.done"
    output: str = ""
    error: str | None = None
    kind: Literal["tool_execution_error", "protocol_error", "http_error"] = "tool_execution_error"
    """What went wrong: the tool itself, the MCP protocol, or the way there."""
    code: int | None = None
    """Of the MCP protocol or of HTTP."""


@dataclass(frozen=True, slots=True)
class ToolListDone:
    name: ClassVar[str] = "tool.listed"
    tools: tuple[dict[str, Any], ...]
    """Each with ``name``, ``input_schema`` and, where the server tells them, ``description`` and ``annotations``."""


@dataclass(frozen=True, slots=True)
class JobFailed:
    """The job ended without its result. Machine files see it as ``<stage>.failed``."""

    name: ClassVar[str] = "failed"
    message: str
    code: str | None = None
    type: str = "server_error"


Result = (
    TranscribeDelta
    | TranscribeDone
    | GenerateText
    | GenerateCall
    | GenerateArguments
    | GenerateDone
    | JudgeDone
    | SpeakAudio
    | SpeakDone
    | ToolDone
    | ToolListDone
    | JobFailed
)

FINAL = (TranscribeDone, GenerateDone, JudgeDone, SpeakDone, ToolDone, ToolListDone, JobFailed)
"""Exactly one of these ends every job that was not cancelled."""
