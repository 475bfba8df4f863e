"""Type names, the attributes of types, and what fits what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field
from tests.chart.words import VOCABULARY, Actions, Call, Dialed, Line, Part, Settings, Sound, Text, Tone, text

from rtengine.chart.attributes import fields, own_fields, parameters, returned, settable
from rtengine.chart.document import Emit, Variable
from rtengine.chart.payload import filled
from rtengine.chart.types import describe, fits, iterable_item, nullable, resolve

if TYPE_CHECKING:
    from decimal import Decimal

pytestmark = pytest.mark.unit


class Colour(StrEnum):
    RED = "red"


class Base(BaseModel):
    pass


class Derived(Base):
    pass


@dataclass
class Point:
    x: int
    y: int = 0


class Unresolvable:
    price: Decimal


def test_names_of_types_resolve_with_a_question_mark_for_null() -> None:
    assert resolve("int", VOCABULARY) is int
    assert resolve("Call", VOCABULARY) is Call
    assert resolve("Call?", VOCABULARY) == Call | None
    assert resolve("any?", VOCABULARY) == Any | None
    with pytest.raises(LookupError):
        resolve("call", VOCABULARY)


def test_fields_of_models_dataclasses_and_annotated_classes() -> None:
    assert fields(Call)["note"] == (str | None, False)
    assert fields(Call)["id"] == (str, True)
    assert fields(Call)["short"] == (str, False)
    assert set(fields(Call)) == {"id", "status", "note", "short"}
    assert fields(Tone) == {"at_ms": (float, True), "part": (Sound | Text | None, False)}
    assert fields(Line) == {"name": (str, True), "limits": (dict[str, int], True), "quality": (float, False)}
    assert fields(Call | None) == fields(Call)
    assert fields(int) == fields(dict[str, int]) == fields(Any) == {}


def test_an_object_is_made_of_its_fields_and_not_of_its_properties() -> None:
    assert set(own_fields(Call)) == {"id", "status", "note"}


def test_an_annotation_for_type_checkers_alone_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="Unresolvable cannot be resolved: name 'Decimal'"):
        fields(Unresolvable)


def test_what_can_be_assigned() -> None:
    assert settable(Call, "status")
    assert settable(Point, "x")
    assert not settable(Call, "short")
    assert not settable(Dialed, "outcome")
    assert not settable(Settings, "volume")


def test_parameters_leave_self_and_the_instance_out() -> None:
    assert parameters(Actions.make_call, skip=1) == {"number": (str, True), "loud": (bool, False)}
    assert parameters(text) == {"pattern": (str, True), "*values": (Any, False)}
    assert parameters(int) is None
    assert returned(Actions.make_call) is Call
    assert returned(Actions.log) is type(None)
    assert returned(int) is int
    assert returned(len) is Any


@pytest.mark.parametrize(
    ("got", "want"),
    [
        (int, int),
        (int, float),
        (str, str | None),
        (str | None, str),
        (type(None), str | None),
        (type(None), Any),
        (Any, int),
        (int, Any),
        (int | str, str),
        (str, Literal["a", "b"]),
        (Literal["a"], Literal["a", "b"]),
        (Literal["a", "x"], Literal["a", "b"]),
        (Literal["a"], str),
        (Derived, Base),
        (Colour, str),
        (list[int], list),
        (list[int], list[float]),
        (list, Sequence[str]),
        (tuple[int, ...], list[int]),
        (dict[str, int], Mapping[str, float]),
        (Annotated[int, Field(ge=1)], float),
        (bool, bool),
    ],
)
def test_types_that_fit(got: Any, want: Any) -> None:
    assert fits(got, want)


@pytest.mark.parametrize(
    ("got", "want"),
    [
        (float, int),
        (str, int),
        (bool, int),
        (int, bool),
        (type(None), str),
        (Literal["x"], Literal["a", "b"]),
        (Literal[1], str),
        (int, Literal["a"]),
        (Base, Derived),
        (Base, Point),
        (dict, Base),
        (Base, dict),
        (list[str], list[int]),
        (str, list[str]),
        (int | None, str),
    ],
)
def test_types_that_do_not_fit(got: Any, want: Any) -> None:
    assert not fits(got, want)


def test_on_the_wire_mappings_and_objects_are_the_same() -> None:
    assert fits(dict, Base, wire=True)
    assert fits(Base, dict[str, Any], wire=True)
    assert not fits(Base, Call, wire=True)
    assert not fits(str, Base, wire=True)


def test_types_in_words() -> None:
    assert describe(str | None) == "str or null"
    assert describe(Literal["a", "b"]) == "'a' or 'b'"
    assert describe(list[int]) == "list of int"
    assert describe(dict[str, Any]) == "dict of str, anything"
    assert describe(None) == "null"
    assert describe(Sound | Text) == "Sound or Text"


def test_nullable_looks_through_annotations_and_unions() -> None:
    assert nullable(Annotated[int | None, Field(ge=1)])
    assert nullable(Annotated[int | None, "x"] | str)
    assert not nullable(int | str)


def test_subscripts_give_items() -> None:
    assert iterable_item(list[int]) is int
    assert iterable_item(dict[str, float]) is float
    assert iterable_item(list[int] | None) is int
    assert iterable_item(str) is str
    assert iterable_item(list) is Any


def variables(**types: str) -> dict[str, Variable]:
    return {name: Variable(type=kind) for name, kind in types.items()}


def test_fields_of_an_event_are_filled_from_variables_of_their_name_and_type() -> None:
    context = variables(call_id="str", volume="int", tags="list", event_id="str", type="str", other="int")
    emit = Emit.model_validate({"emit": "call.ringing", "with": {"volume": 3}})
    assert filled(emit, VOCABULARY, context) == {"volume": 3, "call_id": "=ctx.call_id", "tags": "=ctx.tags"}
    assert emit.with_ == {"volume": 3}


def test_a_variable_of_another_type_fills_nothing() -> None:
    emit = Emit.model_validate({"emit": "call.ringing"})
    assert filled(emit, VOCABULARY, variables(call_id="int", volume="str", tags="nonsense")) == {}
    nullable_id = filled(emit, VOCABULARY, variables(call_id="str?"))
    assert nullable_id == {"call_id": "=ctx.call_id"}


def test_an_unknown_event_is_left_as_it_is() -> None:
    emit = Emit.model_validate({"emit": "nothing", "with": {"a": 1}})
    assert filled(emit, VOCABULARY, variables(call_id="str")) == {"a": 1}
    assert set(own_fields(Part)) == {"type", "event_id", "call_id", "part"}
