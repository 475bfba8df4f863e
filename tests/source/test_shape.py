"""Files against pydantic models."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from rtengine.source.file import SourceFile
from rtengine.source.finding import Finding
from rtengine.source.shape import validate
from rtengine.source.suggestion import nearest, suggest

pytestmark = pytest.mark.unit


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Cat(Part):
    type: Literal["cat"]
    lives: int = 9


class Dog(Part):
    type: Literal["dog"]
    good: bool = True


class Tracing(Part):
    workflow: str
    group: str | None = None


class House(Part):
    name: Annotated[str, Field(pattern="^[a-z]+$")]
    rooms: dict[str, list[int]] = Field(default_factory=dict)
    pet: Annotated[Cat | Dog, Field(discriminator="type")] | None = None
    pets: list[Annotated[Cat | Dog, Field(discriminator="type")]] = Field(default_factory=list)
    tracing: Literal["auto"] | Tracing | None = None
    size: int | float | str = 1
    kind: Literal["flat", "castle"] = "flat"
    with_: dict[str, Any] = Field(default_factory=dict, alias="with")
    either: Cat | list[int] = Field(default_factory=list)


def findings(text: str) -> list[Finding]:
    file = SourceFile.parse(text, "f.yaml")
    model, found = validate(file, House, "PF")
    assert (model is None) == bool(found)
    return found


def only(text: str) -> Finding:
    (finding,) = findings(text)
    return finding


def test_a_good_file_is_the_model() -> None:
    file = SourceFile.parse("name: x\nwith: {a: 1}\npet: {type: cat}\n", "f.yaml")
    house, found = validate(file, House, "PF")
    assert house is not None
    assert (house.with_, house.pet, found) == ({"a": 1}, Cat(type="cat"), [])


@pytest.mark.parametrize(
    ("text", "code", "place", "message", "hint"),
    [
        ("name: x\nroms: {}\n", "PF011", (2, 1), "unknown key 'roms'", "did you mean 'rooms'?"),
        ("name: x\nwhit: {}\n", "PF011", (2, 1), "unknown key 'whit'", "did you mean 'with'?"),
        ("name: x\nqqqq: {}\n", "PF011", (2, 1), "unknown key 'qqqq'", "allowed here: name, rooms"),
        ("naem: x\n", "PF011", (1, 1), "unknown key 'naem'", "did you mean 'name'?"),
        ("kind: flat\n", "PF012", (1, 1), "the key 'name' is missing", ""),
        ("name: X\n", "PF010", (1, 7), "'X' does not match ^[a-z]+$", ""),
        ("name: 3\n", "PF010", (1, 7), "should be a string (got 3)", "quote it"),
        ("name: x\nrooms: {a: [1, b]}\n", "PF010", (2, 16), "should be an integer", ""),
        (
            "name: x\nrooms: {a: {b: 1}}\n",
            "PF010",
            (2, 12),
            "should be a list (got a mapping)",
            "start the entry with '- '",
        ),
        (
            "name: x\nkind: castel\n",
            "PF010",
            (2, 7),
            "should be 'flat' or 'castle' (got 'castel')",
            "did you mean 'castle'?",
        ),
        ("name: x\npet: {type: cta}\n", "PF013", (2, 13), "unknown type 'cta'", "did you mean 'cat'?"),
        ("name: x\npet: {lives: 3}\n", "PF012", (2, 6), "the key 'type' is missing", "known: cat, dog"),
        ("name: x\npet: {type: dog, lives: 3}\n", "PF011", (2, 18), "unknown key 'lives'", "allowed here: type, good"),
        ("name: x\npets: [{type: cat, lives: x}]\n", "PF010", (2, 27), "should be an integer", ""),
        (
            "name: x\npets: [{type: cat}, {typ: dog}]\n",
            "PF012",
            (2, 21),
            "the key 'type' is missing",
            "known: cat, dog",
        ),
        ("name: x\ntracing: atuo\n", "PF010", (2, 10), "should be 'auto' or ", ""),
        ("name: x\ntracing: {workflw: a}\n", "PF011", (2, 11), "unknown key 'workflw'", "did you mean 'workflow'?"),
        ("name: x\ntracing: {group: a}\n", "PF012", (2, 1), "the key 'workflow' is missing", ""),
        ("name: x\nsize: [1]\n", "PF010", (2, 7), "should be an integer or a number or a string (got a list)", ""),
        ("name: x\neither: [1, x]\n", "PF010", (2, 13), "should be an integer", ""),
        ("name: x\neither: {type: cat, lifes: 3}\n", "PF011", (2, 21), "unknown key 'lifes'", "did you mean 'lives'?"),
        ("name: x\npet: 3\n", "PF010", (2, 6), "should be a mapping", ""),
    ],
)
def test_each_error_is_one_finding_in_its_place(
    text: str, code: str, place: tuple[int, int], message: str, hint: str
) -> None:
    finding = only(text)
    assert (finding.code, finding.line, finding.col) == (code, *place)
    assert message in finding.message
    assert hint in finding.hint


def test_all_errors_are_found_at_once() -> None:
    found = findings("nam: x\nrooms: {a: [x], b: y}\npets: [{type: cat, x: 1}]\n")
    assert sorted((f.line, f.code) for f in found) == [(1, "PF011"), (2, "PF010"), (2, "PF010"), (3, "PF011")]


def test_a_part_of_a_file_can_be_validated_by_itself() -> None:
    file = SourceFile.parse("outer:\n  house:\n    nmae: x\n", "f.yaml")
    model, (finding,) = validate(file, House, "PF", ("outer", "house"))
    assert model is None
    assert (finding.line, finding.col, finding.path) == (3, 5, ("outer", "house", "nmae"))


def test_the_nearest_name_is_suggested_and_case_does_not_matter() -> None:
    assert nearest("Faild", ["failed", "done"]) == "failed"
    assert nearest("xyz", ["failed", "done"]) is None
    assert suggest("xyz", ["failed", "done"], "states") == "states: failed, done"
    assert suggest("x", [f"n{i}" for i in range(20)]).endswith("n11 and 8 more")
    assert suggest("x", []) == ""
