"""What models produce in a scenario."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ModelWrapValidatorHandler, PrivateAttr, model_validator

from rtengine.models import jobs


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Transcribed(Shape):
    transcript: str = Field(description="What was said")
    seconds: float = Field(1.0, description="Length of the audio")
    language: str | None = Field(None, description="Language that was given or detected")
    logprobs: tuple[tuple[str, float], ...] | None = Field(None, description="Token and log probability, each")


class TranscribedWords(Shape):
    delta: str = Field(description="The words")
    logprobs: tuple[tuple[str, float], ...] | None = Field(None, description="Token and log probability, each")


class Call(Shape):
    call_id: str = Field(description="Id of the call, by the chat model")
    function: str = Field(description="Name of the function")


class Arguments(Shape):
    call_id: str = Field(description="Id of the call")
    delta: str = Field(description="The arguments, or a part of them")


class Counted(Shape):
    finish_reason: str = Field(description="stop, length, tool_calls or content_filter")
    input_tokens: int = Field(0, description="Tokens read")
    output_tokens: int = Field(0, description="Tokens written")
    cached_tokens: int = Field(0, description="Tokens read that were known")


class Results(Shape):
    """One key or more, each a result."""

    transcript: str | None = Field(None, description="The transcript of a second of speech")
    transcribed: Transcribed | None = Field(None, description="The transcript, with what else is known of it")
    transcribe_delta: str | TranscribedWords | None = Field(None, description="Words that are certain by now")
    text: str | None = Field(None, description="Text that the chat model writes")
    call: Call | None = Field(None, description="The chat model begins a function call")
    arguments: Arguments | None = Field(None, description="Arguments of a function call, or a part of them")
    done: str | None = Field(None, description="The chat model has finished: stop, length, tool_calls, content_filter")
    counted: Counted | None = Field(None, description="The chat model has finished, and has counted its tokens")
    failed: str | None = Field(None, description="The chat model fails, with this message")
    judged: float | None = Field(None, description="How likely the words are complete, from 0 to 1")
    judge_failed: str | None = Field(None, description="The chat model cannot judge, with this message")

    _order: tuple[str, ...] = PrivateAttr(())

    @model_validator(mode="wrap")
    @classmethod
    def _keep_order(cls, given: Any, handler: ModelWrapValidatorHandler[Results]) -> Results:
        results = handler(given)
        results._order = tuple(given) if isinstance(given, dict) else ()
        return results

    def __iter__(self) -> Iterator[tuple[str, Any]]:  # type: ignore[override]
        """Kind and value, in the order they are written."""
        return ((kind, getattr(self, kind)) for kind in self._order)


STAGES = {
    "transcript": "transcribe",
    "transcribed": "transcribe",
    "transcribe_delta": "transcribe",
    "judged": "judge",
    "judge_failed": "judge",
}


def stage_of(kind: str) -> str:
    """The stage whose job such a result is of."""
    return STAGES.get(kind, "generate")


def produced(kind: str, value: Any) -> jobs.Result:
    """The result a job gets."""
    match kind:
        case "transcript":
            return jobs.TranscribeDone(value, seconds=1.0)
        case "transcribed":
            return jobs.TranscribeDone(**dict(value))
        case "transcribe_delta":
            return jobs.TranscribeDelta(value) if isinstance(value, str) else jobs.TranscribeDelta(**dict(value))
        case "text":
            return jobs.GenerateText(value)
        case "call":
            return jobs.GenerateCall(**dict(value))
        case "arguments":
            return jobs.GenerateArguments(**dict(value))
        case "done":
            return jobs.GenerateDone(value, input_tokens=20, output_tokens=5)
        case "counted":
            return jobs.GenerateDone(**dict(value))
        case "judged":
            return jobs.JudgeDone(value)
        case _:
            return jobs.JobFailed(value)
