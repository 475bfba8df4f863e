"""The parts of a profile that the server and the sessions read as they are."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServerSettings(Settings):
    """Where the server listens, and whom it lets in."""

    host: str = Field("127.0.0.1", description="Address to listen on")
    port: int = Field(8765, ge=0, le=65535, description="Port for WebSocket and HTTP; 0 takes a free one")
    origins: list[str] = Field(
        default_factory=list,
        description="Browser origins let in besides the server's own, such as `https://app.example`",
    )
    hosts: list[str] = Field(
        default_factory=list,
        description="Host names answered to besides this machine's own. With none, a server that listens on loopback "
        "answers to no other, and one that listens beyond it to every name",
    )
    open: bool = Field(
        False, description="Let anyone in without a key, also when listening beyond loopback; useless with `keys`"
    )
    talk: bool | None = Field(
        None,
        description="Serve the page to talk with in a browser, at `/talk`; without a word, where the server listens on "
        "loopback. A client like any other: where there are `keys`, it asks for one",
    )
    models: list[str] = Field(
        default_factory=list, description="Model names that clients may ask for; with none, any name will do"
    )
    secrets: int = Field(
        10_000, ge=1, description="Client secrets valid at once; more are refused until one has expired"
    )
    counters: str = Field(
        "memory://",
        repr=False,  # it may hold a password
        pattern=r"^(memory://$|(redis|rediss|redis\+unix)://)",
        description="Where the rates of keys are counted: `memory://`, or a Redis URL that several servers share",
    )
    traces: str | None = Field(
        None,
        description="Folder for the traces of sessions that have `tracing`, relative to the working directory; "
        "without it, they go into the log at level debug",
    )
    drain_seconds: float = Field(20, ge=0, description="How long running responses may finish after SIGTERM")


class KeyLimits(Settings):
    """What one API key may use. Clients without a key share one set of these. Null is no limit."""

    requests_per_minute: int | None = Field(None, ge=1, description="Responses begun in any 60 seconds")
    tokens_per_minute: int | None = Field(
        None, ge=1, description="Tokens of responses in a minute; once they are spent, responses fail until it is over"
    )
    sessions: int | None = Field(None, ge=1, description="Sessions at once")


class Limits(Settings):
    """What one server and one session may use."""

    per_key: KeyLimits = Field(default_factory=KeyLimits, description="What each API key may use")

    sessions: int = Field(64, ge=1, description="Sessions at once; more are refused with HTTP 503")
    session_seconds: float = Field(3600, gt=0, description="A session ends after this, with `session_expired`")
    response_seconds: float = Field(120, gt=0, description="A response that takes longer fails")
    transcription_seconds: float = Field(30, gt=0, description="A transcription that takes longer fails")
    speculative_answers: bool = Field(
        True,
        description="Begin the answer in the pause before a turn is over; if the user goes on, its tokens are wasted",
    )
    tool_seconds: float = Field(30, gt=0, description="A call on an MCP server that a client named fails after this")
    tool_rounds: int = Field(
        8, ge=1, description="Answers in a row that may call tools of the server; the next one has to do without"
    )
    message_bytes: int = Field(24 << 20, ge=1 << 16, description="Largest frame a client may send")
    buffer_seconds: float = Field(600, gt=0, description="Audio the input buffer holds before a commit")
    write_buffer_bytes: int = Field(
        16 << 20, ge=1 << 16, description="Unsent output that drops a client; one event may go beyond it"
    )
    request_bytes: int = Field(1 << 20, ge=1 << 10, description="Largest body of an HTTP request")
    request_seconds: float = Field(10, gt=0, description="An HTTP request, or a handshake, must be complete by then")
    context_tokens: int = Field(
        1800, ge=128, description="History given to the chat model, estimated; the oldest items are left out first"
    )


class Workers(Settings):
    """How many jobs of each stage run at once."""

    transcribe: int = Field(2, ge=1, le=256, description="Utterances turned into text at once")
    generate: int = Field(8, ge=1, le=1024, description="Answers generated at once")
    speak: int = Field(2, ge=1, le=256, description="Clauses spoken at once")
    tool: int = Field(16, ge=1, le=1024, description="Tools run at once")


class Replicas(Settings):
    """How many nodes of each stage the dataflow has; each loads the model for itself."""

    transcribe: int = Field(1, ge=1, le=64, description="Nodes that turn utterances into text")
    generate: int = Field(1, ge=1, le=64, description="Nodes that generate answers")
    speak: int = Field(1, ge=1, le=64, description="Nodes that speak clauses")


MachineId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]


class StageMachines(Settings):
    """On which machine each stage runs: the `--machine-id` of that machine's dora daemon."""

    transcribe: MachineId | None = Field(None, description="Machine of `transcribe`; the server's own by default")
    generate: MachineId | None = Field(None, description="Machine of `generate`; the server's own by default")
    speak: MachineId | None = Field(None, description="Machine of `speak`; the server's own by default")


class PipelineSettings(Settings):
    """Where the models run."""

    host: Literal["local", "dora"] = Field(
        "local", description="`local`: threads of the server's own process; `dora`: a process per stage, in a dataflow"
    )
    workers: Workers = Field(
        default_factory=Workers, description="How many jobs of each stage run at once, in each of its nodes"
    )
    replicas: Replicas = Field(
        default_factory=Replicas, description="How many nodes of each stage `dora` runs; sessions are spread over them"
    )
    machines: StageMachines = Field(
        default_factory=StageMachines, description="On which machines `dora` runs the stages"
    )
    dataflow: str | None = Field(
        None,
        description="Dataflow file that `dora` runs, relative to this file; one is written without it",
    )
    listen: str = Field(
        "127.0.0.1", description="Address of this machine where the dora daemons of other machines report to the server"
    )
    listen_port: int = Field(
        0, ge=0, le=65535, description="Port for the daemons of other machines; 0 takes a free one"
    )
