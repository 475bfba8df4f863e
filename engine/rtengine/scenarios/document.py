"""The scenario file as pydantic models. Every field has a description: editors show it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from rtengine.models.abilities import Abilities
from rtengine.profile.settings import Limits
from rtengine.protocol.tools import FunctionTool, McpTool
from rtengine.scenarios.verbs import (
    CONNECTION,
    STEPS,
    Abort,
    Absent,
    Advance,
    Audio,
    Break,
    Client,
    Closed,
    Connect,
    Disconnected,
    Draining,
    Expect,
    Fail,
    Includes,
    Jobs,
    Late,
    Leave,
    Node,
    Pause,
    Refused,
    Request,
    Result,
    Resume,
    Silence,
    Speak,
    States,
    ToolStep,
)


class Tools(Node):
    """What the server runs, as the API writes it."""

    functions: list[FunctionTool] = Field(default_factory=list, description="Functions that the server runs itself")
    servers: list[McpTool] = Field(default_factory=list, description="MCP servers of the profile")
    hosts: list[str] = Field(default_factory=list, description="Hosts of MCP servers that clients may name")


def verb(value: Any) -> str | None:
    """Tag of a step for pydantic's union: its verb with a ``$``, which no key of a document starts with."""
    return next(("$" + key for key in STEPS if key in value), None) if isinstance(value, dict) else None


Step = Annotated[
    Annotated[Client, Tag("$client")]
    | Annotated[Audio, Tag("$audio")]
    | Annotated[Result, Tag("$result")]
    | Annotated[Speak, Tag("$speak")]
    | Annotated[Late, Tag("$late")]
    | Annotated[ToolStep, Tag("$tool")]
    | Annotated[Fail, Tag("$fail")]
    | Annotated[Break, Tag("$break")]
    | Annotated[Advance, Tag("$advance")]
    | Annotated[Draining, Tag("$draining")]
    | Annotated[Disconnected, Tag("$disconnected")]
    | Annotated[Expect, Tag("$expect")]
    | Annotated[Includes, Tag("$includes")]
    | Annotated[Absent, Tag("$absent")]
    | Annotated[States, Tag("$states")]
    | Annotated[Jobs, Tag("$jobs")]
    | Annotated[Request, Tag("$request")]
    | Annotated[Silence, Tag("$silence")]
    | Annotated[Closed, Tag("$closed")]
    | Annotated[Connect, Tag("$connect")]
    | Annotated[Refused, Tag("$refused")]
    | Annotated[Leave, Tag("$leave")]
    | Annotated[Abort, Tag("$abort")]
    | Annotated[Pause, Tag("$pause")]
    | Annotated[Resume, Tag("$resume")],
    Discriminator(
        verb,
        custom_error_type="unknown_step",
        custom_error_message="a step has exactly one of: " + ", ".join(STEPS),
    ),
]


class ScenarioFile(Node):
    """What happens in one session, or over the wire in several, and what must come of it."""

    doc: str = Field("", description="What is shown here, in a sentence")
    profile: str | None = Field(
        None,
        description="Profile whose session, limits and machines are taken: a shipped name, or a path from this file. "
        "Without one, a session of the API's own defaults",
    )
    machines: dict[str, str] = Field(
        default_factory=dict, description="Part to machine file: a shipped name, or a path relative to this file"
    )
    intent: Literal["realtime", "transcription"] = Field("realtime", description="Kind of the session")
    dialect: Literal["ga", "beta"] = Field("ga", description="Dialect of the API that the client speaks")
    session: dict[str, Any] = Field(
        default_factory=dict, description="What the session starts with, as in `session.update`"
    )
    limits: Limits | None = Field(None, description="Limits, as in a profile")
    abilities: Abilities | None = Field(None, description="What the models can do")
    tools: Tools | None = Field(None, description="Tools that the server runs, each with 10 s to run")
    models: Literal["scenario", "profile"] = Field(
        "scenario",
        description="Who plays the models: the steps (`result`, `speak`, …), or, over the wire, those of the profile",
    )
    endpoint: list[list[dict[str, Any] | str]] | None = Field(
        None,
        description="Over the wire: a chat endpoint that the profile's chat model asks instead of its own. To each "
        "request it answers the next entry, chunk by chunk as they stand here",
    )
    steps: list[Step] = Field(description="What happens, and what must come of it, in order")

    @property
    def played(self) -> bool:
        """The steps play the models."""
        return self.models == "scenario" and self.endpoint is None

    @property
    def over_wire(self) -> bool:
        """It needs a server and WebSockets: it has several clients, or steps that are about connections."""
        return not self.played or any(step.by is not None or isinstance(step, CONNECTION) for step in self.steps)
