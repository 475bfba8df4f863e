"""Which function to call, for a chat model that is too small to choose.

``auto`` calls the function whose name and description share words with what the user said, if there is one. A model of
this size cannot do better (it chooses at random); profiles for real work name a larger model.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from rtengine.models.ports import ModelFailure

Function = dict[str, Any]
"""The ``function`` part of a tool: ``name``, ``description``, ``parameters``."""

_WORD = re.compile(r"[a-z]+|\d+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_ENDINGS = ("ing", "ies", "ied", "es", "ed", "s", "e", "y")
# Words of grammar, and words that every description has.
_COMMON = (
    "a about all am an and any are as at be been but by can could current currently did do does for from function get "
    "give given had has have he her here him his how i if in into is it its just let like list make may me more my no "
    "not now of on one or our out please provide return returns s set she should so some such t tell than that the "
    "their them then there these they this those to tool up use used user users us using was we were what when where "
    "which who whom will with would you your information data call called new need needs want wants value values "
    "specific certain based whether know"
)
_STOP_WORDS = frozenset(_COMMON.split())


def choose(tools: Sequence[dict[str, Any]], tool_choice: str | dict[str, Any], said: str) -> Function | None:
    """The function to call, or None to answer in words. ``said`` is the user's last message.

    Raises ``ModelFailure`` when ``tool_choice`` asks for a function that ``tools`` does not have.
    """
    functions: list[Function] = [tool["function"] for tool in tools if tool.get("type") == "function"]
    if isinstance(tool_choice, dict):
        return _named(functions, tool_choice)
    if tool_choice == "none":
        return None
    if not functions:
        if tool_choice == "required":
            raise ModelFailure(
                "tool_choice is 'required' and there are no tools.", "invalid_value", "invalid_request_error"
            )
        return None
    words = _stems(said)
    scores = [_score(function, words) for function in functions]
    best = max(scores)
    if tool_choice == "required" or best > 0:
        return functions[scores.index(best)]
    return None


def _named(functions: list[Function], tool_choice: dict[str, Any]) -> Function:
    name = tool_choice.get("function", tool_choice).get("name")
    for function in functions:
        if function["name"] == name:
            return function
    raise ModelFailure(
        f"tool_choice names the function '{name}', which is not among the tools.",
        "invalid_value",
        "invalid_request_error",
    )


def _score(function: Function, words: frozenset[str]) -> int:
    """Shared words; those of the name count twice."""
    name = _stems(_HUMP.sub(" ", function["name"]))
    described = _stems(function.get("description") or "") | _stems(" ".join(_choices(function.get("parameters") or {})))
    return 2 * len(name & words) + len((described - name) & words)


def _choices(parameters: dict[str, Any]) -> list[str]:
    properties = parameters.get("properties") or {}
    return [
        str(choice) for schema in properties.values() if isinstance(schema, dict) for choice in schema.get("enum", ())
    ]


def _stems(text: str) -> frozenset[str]:
    return frozenset(_stem(word) for word in _WORD.findall(text.lower()) if word not in _STOP_WORDS)


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word
