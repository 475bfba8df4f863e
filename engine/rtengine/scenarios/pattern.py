"""Whether a value is what a scenario expects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rtengine.source.finding import Path


class Mismatch(Exception):
    """Something is not as the scenario says. ``path`` leads from the step to the pattern that is not met."""

    def __init__(self, message: str, path: Path = (), hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.hint = hint


def compare(value: Any, pattern: Any, where: str, bound: dict[str, Any], path: Path = ()) -> None:
    """Raises Mismatch. ``bound`` holds what each ``$name`` stands for; ``where`` names the value."""
    if isinstance(pattern, str) and pattern.startswith("$"):
        if bound.setdefault(pattern, value) != value:
            raise Mismatch(f"{where} is {value!r}, and {pattern} was {bound[pattern]!r}", path)
    elif isinstance(pattern, Mapping):
        for key, inner in pattern.items():
            _entry(value, key, inner, where, bound, path)
    elif isinstance(pattern, list):
        if not isinstance(value, list) or len(value) != len(pattern):
            raise Mismatch(f"{where} is {_shown(value)}, not a list of {len(pattern)}", path)
        for index, inner in enumerate(pattern):
            compare(value[index], inner, f"{where}[{index}]", bound, (*path, index))
    elif value != pattern:
        raise Mismatch(f"{where} is {_shown(value)}, not {pattern!r}", path)


def matches(value: Any, pattern: Any, bound: dict[str, Any]) -> bool:
    """As ``compare``, without a word. What ``bound`` learns from a value that does not fit is forgotten."""
    tried = dict(bound)
    try:
        compare(value, pattern, "", tried)
    except Mismatch:
        return False
    bound.update(tried)
    return True


def event_pattern(pattern: str | Mapping[str, Any]) -> Mapping[str, Any]:
    """A type alone stands for any event of that type."""
    return {"type": pattern} if isinstance(pattern, str) else pattern


def _entry(value: Any, key: str, inner: Any, where: str, bound: dict[str, Any], path: Path) -> None:
    present = isinstance(value, Mapping) and key in value
    if inner == "~":
        if present:
            raise Mismatch(f"{where}.{key} is {_shown(value[key])} and should be left out", (*path, key))
    elif not present:
        raise Mismatch(f"{where} has no '{key}'", (*path, key))
    else:
        compare(value[key], inner, f"{where}.{key}", bound, (*path, key))


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else text[:119] + "…"
