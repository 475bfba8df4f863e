"""Narrowing a function's parameters to what the user said.

A small model that must fill in ``{"city": string}`` invents a city. Asked to choose among the words of the utterance,
it mostly chooses the right ones. So a schema is narrowed before it constrains the model: texts become spans of the
utterance, numbers become those that were said, and everything gets an end. What fits the narrowed schema fits the
original one.
"""

from __future__ import annotations

import math
import re
from typing import Any

from rtengine.models.ports import ModelFailure

Schema = dict[str, Any]

_MOST_WORDS = 60
_SPAN_WORDS = 4
_LONGEST_TEXT = 80
_MOST_ITEMS = 3
_MOST_STEPS = 50
_DEEPEST = 6
_BOTTOM = 24
_WORD = re.compile(r"[\w'’.@:/+-]*\w")
_DIGITS = re.compile(r"-?\d+(?:\.\d+)?")
_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_NUMBERS = {word: value for value, word in enumerate(_UNITS.split())} | {
    word: 10 * value for value, word in enumerate(_TENS.split(), 2)
}
_COUNTING = frozenset(_NUMBERS) | {"hundred", "thousand", "and"}
_DATE = "(19|20)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])"
_TIME = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z"
_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
_PATTERNS = {"date": f"^{_DATE}$", "time": f"^{_TIME}$", "date-time": f"^{_DATE}T{_TIME}$", "uuid": f"^{_UUID}$"}
_FORMATS = {"email": re.compile(r"[^\s@]+@[^\s@]+"), "uri": re.compile(r"\w+://\S+")}


def ground(parameters: Schema, said: str) -> Schema:
    """The parameters' schema, narrowed to ``said``, without references. The result is an object schema."""
    return _Grounding(parameters, said).object(parameters, 0)


def numbers(text: str) -> list[int | float]:
    """Numbers in the text, in digits or English words, each once."""
    found: list[int | float] = []
    for digits in _DIGITS.findall(text):
        found.append(float(digits) if "." in digits else int(digits))
    run: list[str] = []
    for word in [*re.findall(r"[a-z]+|\S", text.lower()), ""]:
        if word in _COUNTING and (run or word != "and"):
            run.append(word)
        elif word != "-" and run:
            value = _counted(run)
            found += [] if value is None else [value]
            run = []
    return list(dict.fromkeys(found))


def _counted(words: list[str]) -> int | None:
    total, part, seen = 0, 0, False
    for word in words:
        if word in _NUMBERS:
            part, seen = part + _NUMBERS[word], True
        elif word == "hundred":
            part, seen = max(part, 1) * 100, True
        elif word == "thousand":
            total, part, seen = total + max(part, 1) * 1000, 0, True
    return total + part if seen else None


def spans(text: str) -> list[str]:
    """Runs of up to four words of the text's last sixty, in order, each once."""
    words = _WORD.findall(text)[-_MOST_WORDS:]
    runs = (
        " ".join(words[i : i + n]) for i in range(len(words)) for n in range(1, _SPAN_WORDS + 1) if i + n <= len(words)
    )
    return list(dict.fromkeys(runs))


class _Grounding:
    def __init__(self, root: Schema, said: str) -> None:
        self._root = root
        self._said = said.lower()
        self._spans = spans(said)
        self._numbers = numbers(said)

    def schema(self, schema: Any, depth: int) -> Schema:
        if schema is True or schema == {}:
            return self.text({})
        resolved = self._resolve(schema)
        if "const" in resolved:
            return {"const": resolved["const"]}
        if "enum" in resolved:
            return {"enum": self._said_choices(resolved["enum"]) or resolved["enum"]}
        for key in ("anyOf", "oneOf"):
            if branches := resolved.get(key):
                return self._branch(resolved, branches, depth)
        kind = resolved.get("type", "object" if "properties" in resolved else "string")
        if isinstance(kind, list):
            return self._branch(resolved, [{"type": one} for one in kind], depth)
        match kind:
            case "object":
                return self.object(resolved, depth)
            case "array":
                return self._array(resolved, depth)
            case "integer" | "number":
                return self._number(resolved, kind)
            case "string":
                return self.text(resolved)
            case _:
                return {"type": kind}

    def object(self, schema: Schema, depth: int) -> Schema:
        """Required properties, and optional ones that the utterance speaks of."""
        if depth > _BOTTOM:
            raise ModelFailure("The parameters of the function have no end.", "invalid_value", "invalid_request_error")
        schema = self._resolve(schema)
        properties: dict[str, Any] = schema.get("properties") or {}
        required = [name for name in schema.get("required") or () if name in properties]
        kept = [
            name for name in properties if name in required or self._spoken_of(properties[name], bool(required), depth)
        ]
        return {
            "type": "object",
            "properties": {name: self.schema(properties[name], depth + 1) for name in kept},
            "required": kept,
            "additionalProperties": False,
        }

    def text(self, schema: Schema) -> Schema:
        shortest, longest = schema.get("minLength", 0), schema.get("maxLength", _LONGEST_TEXT)
        fitting = [span for span in self._spans if shortest <= len(span) <= longest]
        if form := _FORMATS.get(schema.get("format", "")):
            fitting = [span for span in fitting if form.fullmatch(span)]
        pattern = schema.get("pattern") or _PATTERNS.get(schema.get("format", ""))
        if pattern:
            fitting = [span for span in fitting if _matches(pattern, span)]
        if fitting:
            return {"enum": fitting}
        shaped = {"pattern": pattern} if pattern else {}
        return {
            "type": "string",
            "minLength": shortest,
            "maxLength": max(shortest, min(longest, _LONGEST_TEXT)),
        } | shaped

    def _array(self, schema: Schema, depth: int) -> Schema:
        least = schema.get("minItems", 0)
        most = min(schema.get("maxItems", _MOST_ITEMS), max(least, _MOST_ITEMS))
        if depth >= _DEEPEST:
            most = least
        if prefix := schema.get("prefixItems"):
            places = [self.schema(item, depth + 1) for item in prefix[: schema.get("maxItems", len(prefix))]]
            return {"type": "array", "prefixItems": places, "minItems": len(places), "maxItems": len(places)}
        if not most:
            return {"type": "array", "items": {"type": "null"}, "maxItems": 0}
        items = self.schema(schema.get("items", {}), depth + 1)
        if schema.get("uniqueItems"):
            # A grammar cannot tell whether items differ, so each place has choices of its own.
            most = max(least, 1)
            if most > 1 and len(items.get("enum", ())) >= most:
                places = [{"enum": items["enum"][place::most]} for place in range(most)]
                return {"type": "array", "prefixItems": places, "minItems": most, "maxItems": most}
        return {"type": "array", "items": items, "minItems": max(least, 1), "maxItems": most}

    def _number(self, schema: Schema, kind: str) -> Schema:
        said = [number for number in self._numbers if _allowed(number, schema, kind)]
        if said:
            return {"enum": said}
        if step := schema.get("multipleOf"):
            first = math.ceil(schema.get("minimum", schema.get("exclusiveMinimum", 0)) / step)
            return {"enum": [n * step for n in range(first, first + _MOST_STEPS) if _allowed(n * step, schema, kind)]}
        limits = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
        return {"type": kind} | {key: schema[key] for key in limits if key in schema}

    def _branch(self, schema: Schema, branches: list[Any], depth: int) -> Schema:
        """The first branch that is not null: one shape is easier to fill in than a choice. In the depth, null."""
        shared = {key: value for key, value in schema.items() if key not in ("anyOf", "oneOf", "type")}
        nulls = [branch for branch in branches if self._resolve(branch).get("type") == "null"]
        if nulls and depth >= _DEEPEST:
            return {"type": "null"}
        chosen = next((branch for branch in branches if branch not in nulls), branches[0])
        return self.schema(shared | self._resolve(chosen), depth)

    def _spoken_of(self, schema: Any, others: bool, depth: int) -> bool:
        """Whether to fill in an optional property. ``others``: the object has required ones."""
        if depth >= _DEEPEST:
            return False
        resolved = self._resolve(schema)
        if "enum" in resolved:
            return bool(self._said_choices(resolved["enum"]))
        for branch in [*resolved.get("anyOf", ()), *resolved.get("oneOf", ())]:
            if self._resolve(branch).get("type") != "null":
                return self._spoken_of(branch, others, depth + 1)
        kind = resolved.get("type")
        kinds = kind if isinstance(kind, list) else [kind]
        if "integer" in kinds or "number" in kinds:
            return any(
                _allowed(number, resolved, "integer" if "integer" in kinds else "number") for number in self._numbers
            )
        return not others and "string" in kinds and bool(self._spans)

    def _said_choices(self, choices: list[Any]) -> list[Any]:
        return [
            choice
            for choice in choices
            if (isinstance(choice, str) and choice and choice.lower().replace("_", " ") in self._said)
            or (choice in self._numbers and not isinstance(choice, bool))
        ]

    def _resolve(self, schema: Any) -> Schema:
        """The schema with its reference followed and its ``allOf`` merged."""
        found: Schema = dict(schema) if isinstance(schema, dict) else {}
        for _ in range(20):
            reference = found.pop("$ref", None)
            if reference is None:
                break
            target: Any = self._root
            for part in str(reference).removeprefix("#").strip("/").split("/"):
                target = target.get(part.replace("~1", "/").replace("~0", "~"), {}) if part else target
            found = dict(target) | found
        for part in found.pop("allOf", ()):
            merged = self._resolve(part)
            properties = (found.get("properties") or {}) | (merged.get("properties") or {})
            required = [*(found.get("required") or ()), *(merged.get("required") or ())]
            found = found | merged
            if properties:
                found |= {"properties": properties, "required": required}
        return found


def _matches(pattern: str, text: str) -> bool:
    try:
        return re.search(pattern, text) is not None
    except re.error:  # the patterns of JSON Schema are those of ECMAScript
        return False


def _allowed(number: float, schema: Schema, kind: str) -> bool:
    step = schema.get("multipleOf")
    return (
        (kind == "number" or isinstance(number, int))
        and number >= schema.get("minimum", number)
        and number <= schema.get("maximum", number)
        and number > schema.get("exclusiveMinimum", number - 1)
        and number < schema.get("exclusiveMaximum", number + 1)
        and (step is None or number % step == 0)
    )
