"""Values of a machine file: literals, with expressions anywhere inside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rtengine.chart.closure import Closure, compile_expression
from rtengine.chart.vocabulary import Vocabulary

if TYPE_CHECKING:
    from rtengine.chart.instance import Instance


def is_expression(value: object) -> bool:
    """A string that starts with ``=`` is an expression, wherever it stands; every other value is a literal."""
    return isinstance(value, str) and value.startswith("=")


def compile_value(value: Any, vocabulary: Vocabulary) -> Closure:
    """A closure that builds the value. Lists and dicts are new each time: what one event carries, no other shares."""
    if is_expression(value):
        return compile_expression(value[1:], vocabulary)
    if isinstance(value, Mapping):
        return compile_fields(value, vocabulary)
    if isinstance(value, list | tuple):
        parts = tuple(compile_value(part, vocabulary) for part in value)
        return lambda i, e: [part(i, e) for part in parts]
    literal = _plain(value)
    return lambda i, e: literal


def compile_fields(fields: Mapping[str, Any], vocabulary: Vocabulary) -> Closure:
    """A closure that builds a dict in the file's order: scalars are copied, the rest is evaluated."""
    fixed: dict[str, Any] = {}
    parts: list[tuple[str, Closure]] = []
    for name, value in fields.items():
        key = str(name)
        if is_expression(value) or isinstance(value, Mapping | list | tuple):
            fixed[key] = None  # keeps its place
            parts.append((key, compile_value(value, vocabulary)))
        else:
            fixed[key] = _plain(value)
    if not parts:
        return lambda i, e: fixed.copy()
    moving = tuple(parts)

    def build(i: Instance, e: Any) -> dict[str, Any]:
        built = fixed.copy()
        for key, closure in moving:
            built[key] = closure(i, e)
        return built

    return build


def _plain(value: Any) -> Any:
    """A YAML reader's scalar as Python's own: encoders may refuse subclasses of int, float and str."""
    if value is None or isinstance(value, bool):
        return value
    for kind in (int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value
