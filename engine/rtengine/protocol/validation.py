"""A pydantic ``ValidationError``, said as the API says it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from rtengine.protocol.errors import APIError, api_error, listed, unsupported_value

Path = tuple[str | int, ...]

_EXPECTED = {
    "int_type": "an integer",
    "float_type": "a decimal",
    "bool_type": "a boolean",
    "string_type": "a string",
    "list_type": "an array",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
}
_BOUNDS = {
    "greater_than_equal": ("below_min_value", "ge"),
    "greater_than": ("below_min_value", "gt"),
    "less_than_equal": ("above_max_value", "le"),
    "less_than": ("above_max_value", "lt"),
}
_MOST_ERRORS = 1000
"""Pydantic lists them all or none, and a list of a million takes seconds."""
_QUOTED = re.compile(r"'([^']*)'")
_FLAGS: dict[str, list[bool]] = {"False": [False], "True": [True]}
"""What pydantic expects of a flag that may only be off, or on."""


def dotted(path: Iterable[str | int]) -> str:
    """``item.content[0].text``"""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def api_error_of(failure: ValidationError, prefix: Path = (), skip: int = 0) -> APIError:
    """The first of the failure's errors; ``prefix`` goes before its place, ``skip`` steps of its place are left out."""
    if failure.error_count() > _MOST_ERRORS:
        return api_error("too_many_mistakes", count=failure.error_count())
    details = failure.errors(include_url=False)[0]
    place = details["loc"][skip:]
    kind = details["type"]
    keep_last = kind == "extra_forbidden"  # a key that a client chose may begin with "$", as our tags do
    steps = [
        step
        for at, step in enumerate(place)
        if not (isinstance(step, str) and step.startswith("$")) or (keep_last and at == len(place) - 1)
    ]
    return _translated(details, (*prefix, *steps))


def _translated(details: ErrorDetails, path: Path) -> APIError:
    kind, value, context = details["type"], details["input"], details.get("ctx", {})
    param = dotted(path)
    if kind == "missing":
        return api_error("missing_required_parameter", param=param)
    if kind == "extra_forbidden":
        return api_error("unknown_parameter", param=param)
    if kind in _EXPECTED:
        return _wrong_type(param, _EXPECTED[kind], value)
    if kind in _BOUNDS:
        bound, key = _BOUNDS[kind]
        number = "integer" if isinstance(context[key], int) and isinstance(value, int) else "decimal"
        return api_error(f"{number}_{bound}", param=param, limit=f"{context[key]:.15g}", value=value)
    if kind == "literal_error":
        expected = context["expected"]
        return _not_listed(param, _QUOTED.findall(expected) or _FLAGS.get(expected, [expected]), value)
    if kind == "unsupported_tag":
        return _untagged(path, context, value)
    if kind == "api_error":
        return _nested(path, context["api_error"])
    return _by_length(kind, path, context, value) or APIError(
        f"Invalid '{param}': {details['msg']}." if kind != "invalid_value" else details["msg"],
        code="invalid_value",
        param=param,
    )


def _by_length(kind: str, path: Path, context: dict[str, Any], value: Any) -> APIError | None:
    param = dotted(path)
    if path and path[-1] == "[key]":  # the key of a mapping, which pydantic names before this step
        param = dotted(path[:-2])
    if kind == "string_too_long":
        return api_error("string_above_max_length", param=param, limit=context["max_length"], length=len(value))
    if kind == "string_too_short":
        return api_error("empty_string", param=param, limit=context["min_length"])
    if kind == "string_pattern_mismatch":
        return api_error("invalid_pattern", param=param, pattern=context["pattern"])
    if kind == "too_short":
        return api_error("empty_array", param=param, limit=context["min_length"])
    if kind == "too_long":
        name = "object_above_max_properties" if isinstance(value, dict) else "array_above_max_length"
        return api_error(name, param=param, limit=context["max_length"], length=len(value))
    return None


def _wrong_type(param: str, expected: str, value: Any) -> APIError:
    return api_error("invalid_type", param=param, expected=expected, got=kind_of(value))


def _not_listed(param: str, supported: Sequence[str | bool], value: Any) -> APIError:
    if not isinstance(value, type(supported[0])):
        return _wrong_type(param, f"one of {listed(supported)}" if len(supported) > 1 else listed(supported), value)
    return unsupported_value(value, supported, param)


def _untagged(path: Path, context: dict[str, Any], value: Any) -> APIError:
    if not isinstance(value, dict):
        return _wrong_type(dotted(path), "an object", value)
    param = dotted((*path, context["field"]))
    tag = value.get(context["field"])
    if tag is None:
        return api_error("missing_required_parameter", param=param)
    return _not_listed(param, context["names"].split(", "), tag)


def _nested(path: Path, error: APIError) -> APIError:
    """An error of a check of our own, made where the place of the object was not known."""
    param = dotted((*path, error.param)) if error.param else dotted(path)
    return APIError(error.message.replace(f"'{error.param}'", f"'{param}'", 1), code=error.code, param=param)


def kind_of(value: Any) -> str:
    """What a JSON value is, with its article."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int):
        return "an integer"
    if isinstance(value, float):
        return "a decimal number"
    if isinstance(value, str):
        return "a string"
    return "an array" if isinstance(value, list | tuple) else "an object"
