import re
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtengine.models.grounding import ground, numbers, spans
from rtengine.models.ports import ModelFailure

Schema = dict[str, Any]


def parameters(*required: str, **properties: Any) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required)}


def narrowed(schema: Any, said: str) -> Any:
    """What one required property's schema becomes."""
    return ground(parameters("it", it=schema), said)["properties"]["it"]


@pytest.mark.unit
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("at 7 or 8.5", [7, 8.5]),
        ("twenty five minutes", [25]),
        ("twenty-five minutes", [25]),
        ("two hundred and five", [205]),
        ("three thousand two hundred", [3200]),
        ("one and two", [3]),
        ("salt and pepper", []),
        ("-3 degrees", [-3]),
        ("seven, seven and 7", [7]),
        ("", []),
    ],
)
def test_numbers_are_read_in_digits_and_words(text: str, found: list[float]) -> None:
    assert numbers(text) == found


@pytest.mark.unit
def test_spans_are_runs_of_up_to_four_words() -> None:
    assert spans("to Anna, now") == ["to", "to Anna", "to Anna now", "Anna", "Anna now", "now"]
    assert spans("a@b.com") == ["a@b.com"]
    assert max(len(span.split()) for span in spans("one two three four five six")) == 4


@pytest.mark.unit
def test_texts_become_spans_of_the_utterance() -> None:
    assert "Paris" in narrowed({"type": "string"}, "the weather in Paris")["enum"]


@pytest.mark.unit
def test_numbers_become_those_that_were_said_and_allowed() -> None:
    assert narrowed({"type": "integer", "maximum": 10}, "five of 40, or 2.5") == {"enum": [5]}


@pytest.mark.unit
def test_a_choice_that_was_said_is_taken() -> None:
    room = {"type": "string", "enum": ["kitchen", "living_room"]}
    assert narrowed(room, "in the living room")["enum"] == ["living_room"]
    assert narrowed(room, "somewhere")["enum"] == ["kitchen", "living_room"]


@pytest.mark.unit
def test_optional_properties_stay_when_the_utterance_speaks_of_them() -> None:
    schema = parameters(
        "city",
        city={"type": "string"},
        unit={"type": "string", "enum": ["celsius", "fahrenheit"]},
        days={"anyOf": [{"type": "integer"}, {"type": "null"}]},
        note={"type": "string"},
    )
    assert ground(schema, "weather in Rome")["required"] == ["city"]
    assert ground(schema, "weather in Rome for 3 days in celsius")["required"] == ["city", "unit", "days"]


@pytest.mark.unit
def test_an_email_address_is_found_in_the_utterance() -> None:
    assert narrowed({"type": "string", "format": "email"}, "my mail is a@b.com")["enum"] == ["a@b.com"]


@pytest.mark.unit
def test_a_pattern_takes_matching_words_or_stays() -> None:
    digits = {"type": "string", "pattern": "^[0-9]{5}$"}
    assert narrowed(digits, "my zip is 10115")["enum"] == ["10115"]
    assert narrowed(digits, "my zip")["pattern"] == "^[0-9]{5}$"


@pytest.mark.unit
def test_parameters_without_an_end_are_refused() -> None:
    endless = {"$defs": {"t": parameters("t", t={"$ref": "#/$defs/t"})}, "$ref": "#/$defs/t"}
    with pytest.raises(ModelFailure, match="have no end"):
        ground(endless, "anything")


@pytest.mark.unit
def test_no_parameters_are_an_empty_object() -> None:
    assert ground({}, "go")["properties"] == {}


@st.composite
def schemas(draw: st.DrawFn, depth: int = 3) -> Schema:  # noqa: PLR0911
    kinds = ["string", "integer", "number", "boolean", "enum", "const", "formatted", "nullable", "reference"]
    kind = draw(st.sampled_from([*kinds, "object", "array", "pair"] if depth else kinds))
    match kind:
        case "string":
            shortest = draw(st.integers(0, 12))
            return {"type": "string", "minLength": shortest, "maxLength": shortest + draw(st.integers(0, 100))}
        case "integer" | "number":
            low = draw(st.integers(-5, 50))
            bounds: Schema = {"type": kind, "minimum": low, "maximum": low + draw(st.integers(10, 60))}
            return bounds | ({"multipleOf": 5} if draw(st.booleans()) else {})
        case "boolean":
            return {"type": "boolean"}
        case "enum":
            return {
                "enum": draw(st.lists(st.sampled_from(["red", "deep_blue", 3, 7, None, True]), min_size=1, unique=True))
            }
        case "const":
            return {"const": draw(st.sampled_from(["x", 1, None]))}
        case "formatted":
            return {"type": "string", "format": draw(st.sampled_from(["date", "time", "date-time", "uuid"]))}
        case "nullable":
            return draw(
                st.sampled_from(
                    [
                        {"type": ["string", "null"]},
                        {"anyOf": [{"type": "integer"}, {"type": "null"}]},
                        {"oneOf": [{"type": "null"}, {"type": "boolean"}]},
                    ]
                )
            )
        case "reference":
            return {"$ref": "#/$defs/tree"}
        case "array":
            least = draw(st.integers(0, 4))
            items = draw(schemas(depth=depth - 1))
            return {"type": "array", "items": items, "minItems": least, "maxItems": least + draw(st.integers(0, 3))}
        case "pair":
            return {"type": "array", "prefixItems": [draw(schemas(depth=depth - 1)), {"type": "string"}], "minItems": 1}
    properties = draw(st.dictionaries(st.sampled_from("abcde"), schemas(depth=depth - 1), max_size=4))
    required = draw(st.lists(st.sampled_from(sorted(properties)), unique=True)) if properties else []
    return {"type": "object", "properties": properties, "required": required}


TREE = parameters("name", "left", name={"type": "string"}, left={"anyOf": [{"$ref": "#/$defs/tree"}, {"type": "null"}]})
UTTERANCES = ["", "set the deep blue one to seven", "Anna wants 3 or twenty five at 7.5, mail a@b.com", "ja"]


def values(schema: Schema) -> st.SearchStrategy[Any]:  # noqa: PLR0911
    """Values of a narrowed schema. It knows only what ``ground`` writes, and fails on anything else."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "const" in schema:
        return st.just(schema["const"])
    match schema["type"]:
        case "object":
            assert schema["required"] == list(schema["properties"])
            return st.fixed_dictionaries({name: values(inner) for name, inner in schema["properties"].items()})
        case "array" if "prefixItems" in schema:
            return st.tuples(*map(values, schema["prefixItems"])).map(list)
        case "array":
            least, most = schema.get("minItems", 0), schema["maxItems"]
            return st.lists(values(schema["items"]), min_size=least, max_size=most)
        case "string" if "pattern" in schema:
            return st.from_regex(re.compile(schema["pattern"], re.ASCII), fullmatch=True)
        case "string":
            return st.text(min_size=schema["minLength"], max_size=schema["maxLength"])
        case "integer":
            return st.integers(schema.get("minimum"), schema.get("maximum"))
        case "number":
            return st.floats(schema.get("minimum"), schema.get("maximum"), allow_nan=False, allow_infinity=False)
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
    raise AssertionError(f"{schema} is not a narrowed schema")


@pytest.mark.property
@settings(deadline=None, max_examples=150)
@given(
    st.dictionaries(st.sampled_from("abcd"), schemas(), min_size=1, max_size=4), st.sampled_from(UTTERANCES), st.data()
)
def test_what_fits_the_narrowed_schema_fits_the_original(
    properties: dict[str, Schema], said: str, data: st.DataObject
) -> None:
    required = data.draw(st.lists(st.sampled_from(sorted(properties)), unique=True))
    original = parameters(*required, **properties) | {"$defs": {"tree": TREE}}
    value = data.draw(values(ground(original, said)))
    jsonschema.Draft202012Validator(original, format_checker=jsonschema.FormatChecker(["date", "uuid"])).validate(value)
