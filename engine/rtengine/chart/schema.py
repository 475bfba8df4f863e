"""The JSON Schema of machine files, for editors: the format, and the words that a vocabulary has for it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rtengine.chart.document import MachineFile
from rtengine.chart.vocabulary import Vocabulary


def machine_schema(vocabulary: Vocabulary, extensible: Mapping[str, str]) -> dict[str, Any]:
    """``extensible``: machine files that `extends` may name without a path, with what they are for."""
    schema = MachineFile.model_json_schema()
    kinds = schema["$defs"]
    _words(kinds["Emit"]["properties"]["emit"], vocabulary.emits)
    _told(kinds["Call"]["properties"]["call"], vocabulary.actions)
    _words(kinds["Invoke"]["properties"]["run"], vocabulary.services)
    _words(kinds["Events"]["properties"]["client"]["items"], vocabulary.client)
    _words(kinds["Events"]["properties"]["host"]["items"], vocabulary.host)
    known = [{"const": name, "description": doc} for name, doc in extensible.items()]
    extends = schema["properties"]["extends"]
    extends.pop("default", None)
    extends["anyOf"] = [*known, {"type": "string"}]
    schema["title"] = "rtengine machine"
    return schema


def _words(place: dict[str, Any], words: Iterable[str]) -> None:
    place.pop("pattern", None)
    place["enum"] = sorted(words)


def _told(place: dict[str, Any], functions: Mapping[str, Callable[..., Any]]) -> None:
    """Each with the first sentence of what it says of itself."""
    place.pop("type")
    place["anyOf"] = [
        {"const": name, "description": (inspect.getdoc(function) or name).partition("\n")[0]}
        for name, function in sorted(functions.items())
    ]
