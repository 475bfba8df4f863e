"""The machine file as pydantic models. The editors' JSON Schema is made from here, so every field has a description."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
EventName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$")]


class Node(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True, frozen=True)


class Variable(Node):
    """A context variable: what one instance of the machine remembers."""

    # an extending file may give but another default
    model_config = ConfigDict(json_schema_extra=lambda schema: schema.pop("required"))

    type: str = Field(description="str, int, float, bool, list, any, or a registered type; a trailing ? allows null")
    default: Any = Field(None, description="Value at the start, unless the spawner gives another")
    doc: str = Field("", description="What it is for")


class EventDeclaration(Node):
    """An event another machine of the session sends to this one, with its fields."""

    doc: str = Field("", description="What it means")
    with_: dict[Name, str] = Field(default_factory=dict, alias="with", description="Field name to type")
    offered: bool = Field(False, description="No machine here need send it: it is there for those that extend others")


class Events(Node):
    """The machine's alphabet, by who sends the events."""

    client: list[EventName] = Field(default_factory=list, description="Client events this machine answers")
    host: list[EventName] = Field(default_factory=list, description="Events of the shell and the audio front end")
    peer: dict[EventName, EventDeclaration | None] = Field(
        default_factory=dict, description="Events other machines send to this one"
    )
    internal: dict[EventName, EventDeclaration | None] = Field(
        default_factory=dict, description="Events this machine raises for itself"
    )


class Promise(Node):
    """What holds for every way through the machine. The check proves it, guards aside."""

    once: str = Field(description="Server event that is sent exactly once on every way to a final state")


class Emit(Node):
    """Send a server event to the client. A field that is not given is taken from the context variable of its name."""

    emit: str = Field(description="Type of the server event")
    with_: dict[str, Any] = Field(default_factory=dict, alias="with", description="Fields of the event")


class Set(Node):
    """Assign context variables, or fields of the objects they hold, in order."""

    set: dict[str, Any] = Field(description="Variable (or dotted path) to value")


class Call(Node):
    """Run a registered action."""

    call: str = Field(description="Name of the action")
    with_: dict[str, Any] = Field(default_factory=dict, alias="with", description="Its arguments")
    into: str | None = Field(None, description="Context variable that takes the action's result")


class Send(Node):
    """Send an event to other machines of the session; it is handled once the running step is over."""

    send: EventName = Field(description="Name of the event")
    to: str = Field(description="`parent`, or a machine: the own children of that name, else every instance of it")
    with_: dict[str, Any] = Field(default_factory=dict, alias="with", description="Fields of the event")


class Raise(Node):
    """Raise an internal event, handled before anything else that waits."""

    raise_: EventName = Field(alias="raise", description="Name of the event")
    with_: dict[str, Any] = Field(default_factory=dict, alias="with", description="Fields of the event")


class Error(Node):
    """Answer with the API's `error` event. `event_id` is that of the client event being handled."""

    error: dict[str, Any] = Field(description="code, message, and if need be type and param")


class Spawn(Node):
    """Start an instance of another machine, as a child of this one."""

    spawn: Name = Field(description="The machine to start")
    with_: dict[str, Any] = Field(default_factory=dict, alias="with", description="Its context variables")


STEPS: dict[str, type[Node]] = {
    "emit": Emit,
    "set": Set,
    "call": Call,
    "send": Send,
    "raise": Raise,
    "error": Error,
    "spawn": Spawn,
}


def verb(value: Any) -> str | None:
    """Tag of a step for pydantic's union: its verb with a ``$``, which no key of a document starts with."""
    if isinstance(value, dict):
        return next(("$" + key for key in STEPS if key in value), None)
    return next(("$" + key for key, model in STEPS.items() if isinstance(value, model)), None)


Step = Annotated[
    Annotated[Emit, Tag("$emit")]
    | Annotated[Set, Tag("$set")]
    | Annotated[Call, Tag("$call")]
    | Annotated[Send, Tag("$send")]
    | Annotated[Raise, Tag("$raise")]
    | Annotated[Error, Tag("$error")]
    | Annotated[Spawn, Tag("$spawn")],
    Discriminator(
        verb,
        custom_error_type="unknown_step",
        custom_error_message="a step has exactly one of: " + ", ".join(STEPS),
    ),
]


class Transition(Node):
    """One row: when its guard holds, go to the target and do the steps. The first row whose guard holds is taken."""

    doc: str = Field("", description="Why this row is here")
    when: str | None = Field(None, description="Guard expression; without it the row is always taken")
    target: str | None = Field(None, description="State to go to; without it the state stays as it is")
    reenter: bool = Field(False, description="Leave and enter the source state again even when the target is inside it")
    do: list[Step] = Field(default_factory=list, description="Steps between leaving and entering")


class After(Transition):
    """A row taken when the state has lasted for a while."""

    delay: str | int | float = Field(description="Seconds, or `500ms`, `8s`, `2m`, or `=expression` in seconds")


class Invoke(Node):
    """A service that runs while the state is active. Its results are `<id>.<event>`; leaving the state cancels it."""

    run: str = Field(description="Name of the service")
    id: Name | None = Field(None, description="Prefix of its events; the service's name when not given")
    with_: dict[str, Any] = Field(default_factory=dict, alias="with", description="Its request")


class State(Node):
    doc: str = Field("", description="What it means to be in this state")
    initial: Name | None = Field(None, description="Child that is entered with this state")
    final: bool = Field(False, description="Nothing follows. At the top level the instance ends here")
    output: dict[Name, Any] = Field(
        default_factory=dict, description="Of a final top-level state: fields of `<machine>.ended`, sent to the parent"
    )
    entry: list[Step] = Field(default_factory=list, description="Steps on entering")
    exit: list[Step] = Field(default_factory=list, description="Steps on leaving, whatever the reason")
    on: dict[str, list[Transition]] = Field(default_factory=dict, description="Event to rows; `*` is any other event")
    always: list[Transition] = Field(default_factory=list, description="Rows tried when the machine has come to rest")
    after: list[After] = Field(default_factory=list, description="Rows taken after a delay")
    done: list[Transition] = Field(default_factory=list, description="Rows taken when a final child has been entered")
    invoke: list[Invoke] = Field(default_factory=list, description="Services that run while this state is active")
    states: dict[Name, State] = Field(default_factory=dict, description="Child states")


def _with_extends(schema: dict[str, Any]) -> None:
    """What a file may leave out that extends another."""
    del schema["required"]
    schema["if"] = {"required": ["extends"]}
    schema["else"] = {"required": ["machine", "version", "initial", "states"], "properties": {"remove": False}}


class MachineFile(Node):
    """One machine. A file with `extends` says only what is different from the file it names."""

    model_config = ConfigDict(json_schema_extra=_with_extends)

    extends: str | None = Field(
        None, description="Machine file this one changes: the name of a shipped one, or a path relative to this file"
    )
    remove: list[str] = Field(
        default_factory=list,
        description="What to leave out of the extended file, by dotted path: `states.idle.on.vad.speech`",
    )
    machine: Name = Field(description="Name of the machine, which is its part in a session")
    version: Literal[1] = Field(description="Version of this format")
    doc: str = Field("", description="What the machine is for, in a few lines")
    context: dict[Name, Variable] = Field(default_factory=dict, description="What an instance remembers")
    events: Events = Field(default_factory=Events, description="The events it knows, by who sends them")
    promises: list[Promise] = Field(default_factory=list, description="What holds for every way through the machine")
    initial: Name = Field(description="State it starts in")
    on: dict[str, list[Transition]] = Field(default_factory=dict, description="Rows that hold in every state")
    states: dict[Name, State] = Field(description="Its states")


State.model_rebuild()
