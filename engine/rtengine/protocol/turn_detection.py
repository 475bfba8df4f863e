"""Who decides that the user's turn has ended."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, Tag

from rtengine.protocol.wire import Boolean, Index, Integer, NullTolerantModel, Number, Omit, one_of

Eagerness = Literal["low", "medium", "high", "auto"]
Threshold = Annotated[Number, Field(ge=0, le=1)]
IdleTimeout = Annotated[Integer, Field(ge=5000, le=30000)]


class ServerVad(NullTolerantModel):
    """Silence of a fixed length ends the turn."""

    type: Literal["server_vad"] = "server_vad"
    threshold: Threshold = 0.5
    prefix_padding_ms: Index = 300
    """Audio before the detected speech that belongs to the turn."""
    silence_duration_ms: Index = 200
    """The reference page says 500; the wire says 200."""
    idle_timeout_ms: IdleTimeout | None = None
    create_response: Boolean = True
    interrupt_response: Boolean = True


class SemanticVad(NullTolerantModel):
    """What was said decides how long a silence ends the turn."""

    type: Literal["semantic_vad"] = "semantic_vad"
    eagerness: Eagerness = "auto"
    """Longest wait: low 8 s, medium 4 s, high 2 s; auto is medium."""
    create_response: Boolean = True
    interrupt_response: Boolean = True


TurnDetection = Annotated[
    Annotated[ServerVad, Tag("$server_vad")] | Annotated[SemanticVad, Tag("$semantic_vad")],
    one_of("type", "server_vad", "semantic_vad"),
]


class TranscriptionServerVad(NullTolerantModel):
    """Turn detection of a transcription session: there are no responses to create or to interrupt.

    Clients may say so (``create_response: false``); the flags come back only then.
    """

    type: Literal["server_vad"] = "server_vad"
    threshold: Threshold = 0.5
    prefix_padding_ms: Index = 300
    silence_duration_ms: Index = 200
    create_response: Omit[Literal[False]] = None
    interrupt_response: Omit[Literal[False]] = None


class TranscriptionSemanticVad(NullTolerantModel):
    type: Literal["semantic_vad"] = "semantic_vad"
    eagerness: Eagerness = "auto"
    create_response: Omit[Literal[False]] = None
    interrupt_response: Omit[Literal[False]] = None


TranscriptionTurnDetection = Annotated[
    Annotated[TranscriptionServerVad, Tag("$server_vad")] | Annotated[TranscriptionSemanticVad, Tag("$semantic_vad")],
    one_of("type", "server_vad", "semantic_vad"),
]
