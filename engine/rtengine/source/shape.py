"""A file against the pydantic model of its kind: every error becomes a finding at the right place, with a hint."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from rtengine.source.annotation import Spot, below, is_model, keys, labels, members, strip, tags
from rtengine.source.finding import Finding, Path
from rtengine.source.suggestion import nearest, suggest

T = TypeVar("T", bound=BaseModel)
Choices = tuple[tuple[int, str], ...]
"""Unions passed on the way: how deep in the path, and the member tried."""

_TAG_ERRORS = ("union_tag_invalid", "union_tag_not_found", "unknown_step")


@dataclass(frozen=True, slots=True)
class Mistake:
    """One error of a model, in terms of the document. ``number`` is the code without its prefix."""

    number: str
    message: str
    path: Path
    key: bool = False
    hint: str = ""
    choices: Choices = ()
    missing: str = ""


class Positioned(Protocol):
    """A document that knows where its values stand: a file, or one and those it extends."""

    def plain(self) -> Any: ...

    def finding(self, code: str, message: str, path: Path, *, key: bool = False, hint: str = "") -> Finding: ...


def validate(file: Positioned, model: type[T], prefix: str, at: Path = ()) -> tuple[T | None, list[Finding]]:
    """The value at ``at`` as a ``model``, or None and what is wrong with it. Codes are ``<prefix>010`` to ``013``."""
    value = file.plain()
    for part in at:
        value = value[part]
    try:
        return model.model_validate(value), []
    except ValidationError as error:
        mistakes = explain(error, model)
        return None, [
            file.finding(prefix + m.number, m.message, (*at, *m.path), key=m.key, hint=m.hint) for m in mistakes
        ]


def explain(error: ValidationError, model: type[BaseModel]) -> list[Mistake]:
    """The mistakes of a document that ``model`` refused; of a union's members only the one that was probably meant."""
    mistakes = _settle([_mistake(details, model) for details in error.errors(include_url=False)], 0)
    meant = {(m.path[:-1], m.hint) for m in mistakes if m.number == "011"}
    return [m for m in mistakes if not (m.number == "012" and (m.path, f"did you mean '{m.missing}'?") in meant)]


def _mistake(details: ErrorDetails, model: type[BaseModel]) -> Mistake:
    path, choices, spot = _follow(details["loc"], model, details["type"] in ("extra_forbidden", "missing"))
    kind = details["type"]
    if kind == "extra_forbidden":
        refused = strip(spot.annotation) if spot is not None else None
        known = [name for name, _ in keys(refused)] if refused is not None and is_model(refused) else []
        hint = suggest(str(path[-1]), known, "allowed here")
        return Mistake("011", f"unknown key '{path[-1]}'", path, True, hint, choices)
    if kind == "missing":
        return Mistake("012", f"the key '{path[-1]}' is missing", path[:-1], True, "", choices, str(path[-1]))
    if kind in _TAG_ERRORS:
        return _untold(details, path, spot, choices)
    if path and path[-1] == "[key]":
        return Mistake("010", f"the key {_message(details)}", path[:-1], True, "", choices)
    return Mistake("010", _message(details), path, False, _value_hint(details), choices)


def _untold(details: ErrorDetails, path: Path, spot: Spot | None, choices: Choices) -> Mistake:
    """No member of a discriminated union can be told from what is there."""
    known = [tag.removeprefix("$") for tag in tags(spot)] if spot is not None else []
    given, by = details["input"], spot.discriminator if spot is not None else None
    if isinstance(by, str) and isinstance(given, dict):
        if by not in given:
            return Mistake("012", f"the key '{by}' is missing", path, False, f"known: {', '.join(known)}", choices)
        hint = suggest(str(given[by]), known)
        return Mistake("013", f"unknown {by} {given[by]!r}", (*path, by), False, hint, choices)
    words = given if isinstance(given, dict) else {}
    near = next((found for word in words if (found := nearest(str(word), known))), None)
    return Mistake("013", _message(details), path, False, f"did you mean '{near}'?" if near else "", choices)


def _follow(loc: Sequence[str | int], model: Any, at_parent: bool) -> tuple[Path, Choices, Spot | None]:
    """Splits pydantic's location into the document's path and the union members tried, and finds the type there.

    For a missing or unknown key the type is that of the mapping it belongs to.
    """
    path: list[str | int] = []
    choices: list[tuple[int, str]] = []
    spot: Spot | None = Spot(model)
    for index, part in enumerate(loc):
        if spot is not None and len(options := members(spot.annotation)) > 1:
            key = spot.discriminator if isinstance(spot.discriminator, str) else None
            chosen = [member for member in options if str(part) in labels(member, key)]
            choices.append((len(path), str(part)))
            spot = Spot(chosen[0]) if chosen else None
            continue
        path.append(part)
        if not (at_parent and index == len(loc) - 1):
            spot = below(spot, part) if spot is not None else None
    return tuple(path), tuple(choices), spot


def _settle(mistakes: list[Mistake], depth: int) -> list[Mistake]:
    """Pydantic reports every member of a union; a person meant one. Keeps the member that got furthest."""
    kept: list[Mistake] = []
    groups: dict[Path, dict[str, list[Mistake]]] = {}
    for mistake in mistakes:
        if len(mistake.choices) <= depth:
            kept.append(mistake)
            continue
        length, label = mistake.choices[depth]
        groups.setdefault(mistake.path[:length], {}).setdefault(label, []).append(mistake)
    for place, by_label in groups.items():
        settled = {label: _settle(tried, depth + 1) for label, tried in by_label.items()}
        inner = [tried for tried in settled.values() if any(_is_inside(m, place) for m in tried)]
        kept += sorted(inner, key=len)[0] if inner else [_either([m for tried in settled.values() for m in tried])]
    return kept


def _is_inside(mistake: Mistake, place: Path) -> bool:
    """Whether a union's member was entered before the mistake was found."""
    return len(mistake.path) > len(place) or mistake.number != "010"


def _either(mistakes: Sequence[Mistake]) -> Mistake:
    """One mistake for a value that fits no member of a union."""
    messages = list(dict.fromkeys(m.message for m in mistakes))
    wanted = [text.removeprefix("should be ").split(" (got ")[0] for text in messages]
    got = messages[0].partition(" (got ")[2]
    message = "should be " + " or ".join(wanted) + (f" (got {got}" if got else "")
    return replace(mistakes[0], message=message if len(messages) > 1 else messages[0])


def _message(details: ErrorDetails) -> str:
    if details["type"] == "string_pattern_mismatch":
        return f"{details['input']!r} does not match {details['ctx']['pattern']}"
    text = details["msg"].removeprefix("Input ").removeprefix("Value error, ")
    text = text.replace("valid dictionary", "mapping").replace("a valid integer", "an integer")
    text = text.replace("a valid ", "a ").replace("a boolean, unable to interpret input", "true or false")
    if details["type"] in ("model_type", "model_attributes_type", "dataclass_type"):
        text = "should be a mapping of keys to values"
    text = text[0].lower() + text[1:]
    return text if details["type"] in _TAG_ERRORS else f"{text} (got {_shown(details['input'])})"


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "…" + text[-1]


def _value_hint(details: ErrorDetails) -> str:
    given = details["input"]
    if details["type"] == "literal_error" and isinstance(given, str):
        near = nearest(given, _quoted(details["ctx"]["expected"]))
        return f"did you mean '{near}'?" if near else ""
    if details["type"] == "list_type" and isinstance(given, dict):
        return "start the entry with '- '"
    if details["type"] == "string_type" and isinstance(given, bool | int | float):
        return "quote it"
    return ""


def _quoted(expected: str) -> Iterable[str]:
    return expected.split("'")[1::2]
