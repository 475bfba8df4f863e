"""References to environment variables in a profile: ``${NAME}`` and ``${NAME:-default}``, as in compose files.

They are read in strings under `models`, `server`, `limits`, `pipeline`, `keys` and `tools`. What a reference stands for
is never shown: not in findings, not in logs. ``$$`` is a plain ``$``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Path = tuple[str | int, ...]

REFERENCE = re.compile(r"\$(?:\$|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}|(?P<odd>\{))")
PLACES = frozenset({"models", "server", "limits", "pipeline", "keys", "tools"})


@dataclass
class Substitution:
    """A document with its references replaced, and what happened where."""

    document: dict[str, Any]
    filled: set[Path] = field(default_factory=set)
    """Places whose value came from the environment, wholly or in part: their values are not to be shown."""
    missing: dict[Path, str] = field(default_factory=dict)
    """Place to the variable that is not set and has no default."""
    malformed: set[Path] = field(default_factory=set)
    """Places with a ``${`` that is no reference."""
    stray: set[Path] = field(default_factory=set)
    """References outside of ``PLACES``, left as they are."""


def substitute(document: Mapping[str, Any], environ: Mapping[str, str]) -> Substitution:
    """Replace the references in ``document``; the given document stays as it is."""
    result = Substitution({})
    for key, value in document.items():
        if key in PLACES:
            result.document[key] = _replaced(value, (key,), environ, result)
        else:
            result.document[key] = value
            result.stray.update(path for path, text in strings(value, (key,)) if _refers(text))
    return result


def strings(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every string in a document, with its place."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, child in value.items():
            yield from strings(child, (*path, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from strings(child, (*path, index))


def _refers(text: str) -> bool:
    return any(match["name"] for match in REFERENCE.finditer(text))


def _replaced(value: Any, path: Path, environ: Mapping[str, str], result: Substitution) -> Any:
    if isinstance(value, Mapping):
        return {key: _replaced(child, (*path, key), environ, result) for key, child in value.items()}
    if isinstance(value, list):
        return [_replaced(child, (*path, index), environ, result) for index, child in enumerate(value)]
    if not isinstance(value, str) or "$" not in value:
        return value

    def lookup(match: re.Match[str]) -> str:
        if match["odd"]:
            result.malformed.add(path)
            return match[0]
        name = match["name"]
        if name is None:
            return "$"
        result.filled.add(path)
        # As in a shell, `:-` also replaces a variable that is set to nothing.
        found = environ.get(name) or match["default"]
        if found is None:
            result.missing[path] = name
            return ""
        return found

    return REFERENCE.sub(lookup, value)
