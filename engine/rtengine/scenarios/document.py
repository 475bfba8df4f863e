"""The scenario file as pydantic models. Every field has a description: editors show it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag

from rtengine.chart.duration import seconds
from rtengine.models.abilities import Abilities
from rtengine.profile.settings import Limits
from rtengine.protocol.tools import FunctionTool, McpTool
from rtengine.scenarios.result import Results

Seconds = Annotated[str | int | float, AfterValidator(seconds)]
Pattern = str | dict[str, Any]
EdgeKind = Literal["speech", "silence", "resumed", "ended"]


class Node(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True, frozen=True)


class Sound(Node):
    ms: int = Field(ge=0, description="How much audio is appended")
    edges: list[dict[EdgeKind, float]] = Field(
        default_factory=list,
        description="Changes in voice activity the detector finds in it: `speech: 500` is a voice that began at 500 ms",
    )
    encoding: Literal["pcm", "pcmu", "pcma"] = Field("pcm", description="Encoding of the session's input audio")


class Saying(Node):
    clauses: int = Field(1000, ge=1, description="How many clauses are said; all that wait by default")
    pieces: int = Field(1, ge=0, description="In how many pieces of sound each comes; 0: without any sound")
    unfinished: bool = Field(False, description="The last clause goes on after its pieces")


class Failure(Node):
    stage: Literal["transcribe", "generate", "speak", "judge", "tool"] = Field(description="Whose latest job fails")
    message: str = Field(description="What it says of it")
    code: str | None = Field(None, description="Code of the error")
    type: str = Field("server_error", description="Type of the error")


class ToolAnswer(Node):
    name: str | None = Field(None, description="Name of the tool; null: an MCP server is asked for its tools")
    output: str = Field("", description="What it answers")
    error: str | None = Field(None, description="What went wrong")
    kind: Literal["tool_execution_error", "protocol_error", "http_error"] = Field(
        "tool_execution_error", description="Where it went wrong: in the tool, in the MCP protocol, or on the way there"
    )
    code: int | None = Field(None, description="Code of the MCP protocol or of HTTP")
    listed: list[dict[str, Any]] | None = Field(None, description="The tools an MCP server says it has")


class Tools(Node):
    """What the server runs, as the API writes it."""

    functions: list[FunctionTool] = Field(default_factory=list, description="Functions that the server runs itself")
    servers: list[McpTool] = Field(default_factory=list, description="MCP servers of the profile")
    hosts: list[str] = Field(default_factory=list, description="Hosts of MCP servers that clients may name")


class Client(Node):
    """The client sends an event."""

    client: dict[str, Any] | str = Field(description="The event; a text is sent as it is, valid JSON or not")


class Audio(Node):
    """The client appends audio to its input buffer."""

    audio: Sound = Field(description="How much, and what the detector hears in it")


class Result(Node):
    """A model produces something for its latest job."""

    result: Results = Field(description="What it produces, in this order")


class Speak(Node):
    """The voice says what waits to be said: 50 ms of sound for each character."""

    speak: Saying | None = Field(description="How; nothing: all of it, a piece for each clause")


class Late(Node):
    """The job that was cancelled last produces something all the same."""

    late: Results = Field(description="What it produces")


class ToolStep(Node):
    """The latest job that runs a tool has its result."""

    tool: ToolAnswer = Field(description="Which tool, and its result")


class Fail(Node):
    """A model fails."""

    fail: Failure = Field(description="Which, and how")


class Break(Node):
    """The next call of an action raises, as a defect in it would make it."""

    break_: str = Field(alias="break", description="Name of the action")


class Advance(Node):
    """Time passes, and what was to happen in it happens."""

    advance: Seconds = Field(description="Seconds, or a duration such as `500ms`, `8s`, `2m`")


class Draining(Node):
    """The server is about to stop."""

    draining: None = Field(description="Nothing")


class Disconnected(Node):
    """The client is gone."""

    disconnected: None = Field(description="Nothing")


class Expect(Node):
    """All server events since the last `expect` or `includes`, in order."""

    expect: list[Pattern] = Field(
        description="Each a type, or a mapping that must be contained in the event: `$name` stands for one value "
        "wherever it occurs, `~` for a key that is left out"
    )


class Includes(Node):
    """Some of the server events since the last `expect` or `includes`, in this order; others may stand between them."""

    includes: list[Pattern] = Field(description="Patterns, as in `expect`")


class Absent(Node):
    """None of the server events since the last `expect` or `includes` is like this."""

    absent: list[Pattern] = Field(description="Patterns, as in `expect`")


class States(Node):
    """The states the machines are in."""

    states: dict[str, str | list[str]] = Field(
        description="Machine to its state; several instances have a list of states. A state around it will do"
    )


class Jobs(Node):
    """The jobs that run."""

    jobs: list[str] = Field(description="Their stages, in any order: transcribe, generate, speak, judge, tool")


class Request(Node):
    """What the latest job of a stage asks for."""

    request: dict[str, Any] = Field(description="The stage, and fields of the request that must be like this")


class Silence(Node):
    """How much silence would end the turn now."""

    silence: float = Field(description="In ms of audio")


class Closed(Node):
    """The connection has been closed by the server."""

    closed: int = Field(description="Close code")


STEPS: dict[str, type[Node]] = {
    (next(iter(model.model_fields.values())).alias or next(iter(model.model_fields))): model
    for model in (
        Client, Audio, Result, Speak, Late, ToolStep, Fail, Break, Advance, Draining, Disconnected,
        Expect, Includes, Absent, States, Jobs, Request, Silence, Closed,
    )
}  # fmt: skip


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
    | Annotated[Closed, Tag("$closed")],
    Discriminator(
        verb,
        custom_error_type="unknown_step",
        custom_error_message="a step has exactly one of: " + ", ".join(STEPS),
    ),
]


class ScenarioFile(Node):
    """What happens in one session, and what must come of it."""

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
    steps: list[Step] = Field(description="What happens, and what must come of it, in order")
