"""A small vocabulary about telephones, for the checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from rtengine.chart.vocabulary import Service, Vocabulary


class Wire(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Sound(Wire):
    type: Literal["sound"] = "sound"
    transcript: str


class Text(Wire):
    type: Literal["text"] = "text"
    text: str


class Call(Wire):
    id: str
    status: Literal["ringing", "talking", "over"] = "ringing"
    note: str | None = None

    @property
    def short(self) -> str:
        return self.id[:4]


class Ringing(Wire):
    type: Literal["call.ringing"] = "call.ringing"
    event_id: str
    call_id: str
    volume: Annotated[int, Field(ge=0)]
    tags: list[str] = []


class Part(Wire):
    type: Literal["call.part"] = "call.part"
    event_id: str
    call_id: str
    part: Annotated[Sound | Text, Field(discriminator="type")]


class Over(Wire):
    type: Literal["call.over"] = "call.over"
    event_id: str
    call: Call
    reason: Literal["busy", "bored"] | None = None


class Dial(Wire):
    type: Literal["call.dial"] = "call.dial"
    number: str
    call: Call | None = None


class HangUp(Wire):
    type: Literal["call.hang_up"] = "call.hang_up"
    reason: Literal["busy", "bored"] | None = None


class Mute(Wire):
    type: Literal["call.mute"] = "call.mute"


@dataclass(frozen=True, slots=True)
class Tone:
    kinds: ClassVar[int] = 2
    at_ms: float
    part: Sound | Text | None = None


@dataclass(frozen=True, slots=True)
class Dialed:
    outcome: Literal["answered", "refused"]
    seconds: float


@dataclass(frozen=True, slots=True)
class Failed:
    message: str
    code: str | None = None


class Line:
    """A plain annotated class with a property."""

    name: str
    limits: dict[str, int]

    @property
    def quality(self) -> float:
        return 1.0


class Settings(BaseModel):
    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    volume: int = 3
    line: Line | None = None


class Actions:
    def log(self, instance: Any, text: str) -> None:
        del instance, text

    def make_call(self, instance: Any, number: str, loud: bool = False) -> Call:
        del instance, loud
        return Call(id=number)


class Functions:
    def new_id(self, kind: str) -> str:
        return kind

    def is_busy(self, number: str | None) -> bool:
        return number is None


def text(pattern: str, *values: Any) -> str:
    return pattern + str(values)


VOCABULARY = Vocabulary(
    emits={"call.ringing": Ringing, "call.part": Part, "call.over": Over},
    client={"call.dial": Dial, "call.hang_up": HangUp, "call.mute": Mute},
    host={"line.tone": Tone, "line.dead": None},
    services={
        "dialing": Service({"number": str, "retries": int | None}, {"done": Dialed, "failed": Failed}),
    },
    actions={"log": Actions.log, "make_call": Actions.make_call},
    functions={"new_id": Functions.new_id, "is_busy": Functions.is_busy},
    pure={"int": int, "max": max, "text": text},
    roots={"settings": Settings, "line": Line},
    types={"Call": Call},
    filled=frozenset(("type", "event_id")),
)
