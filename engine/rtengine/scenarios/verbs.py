"""The steps of scenario files as pydantic models, by verb. Every field has a description: editors show it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from rtengine.chart.duration import seconds
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


class Deed(Node):
    """A step. Its first field of its own is its verb."""

    by: str | None = Field(None, description="Over the wire: whose step it is; that of the step before by default")


class Client(Deed):
    """The client sends an event."""

    client: dict[str, Any] | str = Field(description="The event; a text is sent as it is, valid JSON or not")


class Audio(Deed):
    """The client appends audio to its input buffer."""

    audio: Sound = Field(description="How much, and what the detector hears in it")


class Result(Deed):
    """A model produces something for its latest job."""

    result: Results = Field(description="What it produces, in this order")
    times: int = Field(1, ge=1, description="How often")


class Speak(Deed):
    """The voice says what waits to be said: 50 ms of sound for each character."""

    speak: Saying | None = Field(description="How; nothing: all of it, a piece for each clause")


class Late(Deed):
    """The job that was cancelled last produces something all the same."""

    late: Results = Field(description="What it produces")


class ToolStep(Deed):
    """The latest job that runs a tool has its result."""

    tool: ToolAnswer = Field(description="Which tool, and its result")


class Fail(Deed):
    """A model fails."""

    fail: Failure = Field(description="Which, and how")


class Break(Deed):
    """The next call of an action raises, as a defect in it would make it."""

    break_: str = Field(alias="break", description="Name of the action")


class Advance(Deed):
    """Time passes, and what was to happen in it happens."""

    advance: Seconds = Field(description="Seconds, or a duration such as `500ms`, `8s`, `2m`")


class Draining(Deed):
    """The server is about to stop."""

    draining: None = Field(description="Nothing")


class Disconnected(Deed):
    """The client is gone."""

    disconnected: None = Field(description="Nothing")


class Expect(Deed):
    """All server events since the last `expect` or `includes`, in order."""

    expect: list[Pattern] = Field(
        description="Each a type, or a mapping that must be contained in the event: `$name` stands for one value "
        "wherever it occurs, `~` for a key that is left out"
    )


class Includes(Deed):
    """Some of the server events since the last `expect` or `includes`, in this order; others may stand between them."""

    includes: list[Pattern] = Field(description="Patterns, as in `expect`")


class Absent(Deed):
    """None of the server events since the last `expect` or `includes` is like this."""

    absent: list[Pattern] = Field(description="Patterns, as in `expect`")


class States(Deed):
    """The states the machines are in."""

    states: dict[str, str | list[str]] = Field(
        description="Machine to its state; several instances have a list of states. A state around it will do"
    )


class Jobs(Deed):
    """The jobs that run."""

    jobs: list[str] = Field(description="Their stages, in any order: transcribe, generate, speak, judge, tool")


class Request(Deed):
    """What the latest job of a stage asks for."""

    request: dict[str, Any] = Field(description="The stage, and fields of the request that must be like this")


class Silence(Deed):
    """How much silence would end the turn now."""

    silence: float = Field(description="In ms of audio")


class Closed(Deed):
    """The connection has been closed by the server."""

    closed: int = Field(description="Close code")


class Handshake(Node):
    query: dict[str, str] = Field(default_factory=dict, description="Query of the URL; `model` is there already")
    headers: dict[str, str] = Field(default_factory=dict, description="Headers, such as `Authorization`")
    subprotocols: list[str] = Field(default_factory=list, description="WebSocket subprotocols that are offered")


class Connect(Deed):
    """A client connects. Over the wire only, as are the steps below."""

    connect: Handshake | None = Field(description="With what; nothing: as any client does")


class Refused(Deed):
    """The server let the client open no connection."""

    refused: dict[str, Any] = Field(description="`status` of HTTP and `error` of its body: what must be in them")


class Leave(Deed):
    """The client closes its connection."""

    leave: None = Field(description="Nothing")


class Abort(Deed):
    """The client is gone without a word."""

    abort: None = Field(description="Nothing")


class Pause(Deed):
    """The client stops reading."""

    pause: None = Field(description="Nothing")


class Resume(Deed):
    """The client reads again."""

    resume: None = Field(description="Nothing")


def verb_of(model: type[Deed]) -> str:
    """The key that says what a step does."""
    name = next(name for name in model.model_fields if name != "by")
    return model.model_fields[name].alias or name


STEPS: dict[str, type[Deed]] = {
    verb_of(model): model
    for model in (
        Client, Audio, Result, Speak, Late, ToolStep, Fail, Break, Advance, Draining, Disconnected,
        Expect, Includes, Absent, States, Jobs, Request, Silence, Closed,
        Connect, Refused, Leave, Abort, Pause, Resume,
    )
}  # fmt: skip

CONNECTION = (Connect, Refused, Leave, Abort, Pause, Resume)
"""Steps that are done over the wire alone."""
VIRTUAL = (Advance, Draining, Disconnected, States, Silence)
"""Steps that are done in virtual time alone."""
BACKSTAGE = (Result, Speak, Late, ToolStep, Fail, Break, Jobs, Request)
"""Steps behind the server's back."""
