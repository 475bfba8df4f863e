"""``rtengine vocabulary``: every word that machine files may use, as a page of documentation."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import typer

from rtengine.chart.attributes import fields, own_fields, parameters, returned
from rtengine.chart.types import PLAIN as PLAIN_TYPES
from rtengine.chart.types import describe, members
from rtengine.profile.shipped import shipped_files
from rtengine.protocol.items import RetrievedItem
from rtengine.protocol.session import Session
from rtengine.session.functions import PLAIN
from rtengine.session.vocabulary import MEANINGS, VOCABULARY
from rtengine.source.file import SourceFile
from rtengine_cli.markdown import Row, code, table

HEAD = """\
<!-- Written by `make docs` from the code and the machine files. -->
# The words of machine files

[Change what the server does](machines.md) says how a machine file is written. These are the names that it may use.

"""
SECTIONS: Mapping[str, str] = {
    "Functions": "In expressions. `?` stands behind a type that may be null.",
    "Actions": "Of `call:`. The arguments stand in `with:`; a result goes `into:` a variable.",
    "Objects": "In expressions, beside `ctx` and `event`. What an object does not have is null.",
    "Client events": "Under `events: client:`. One machine claims each. `event` has these fields.",
    "Host events": "Under `events: host:`. They come from the detector, the voice and the server around the session.",
    "Services": "Of `invoke: run:`. What they send goes to the machine that started them, as long as its state lasts.",
    "Server events": "Of `emit:`. `event_id` is filled in. A field left out is taken from the variable of its name.",
    "Between the shipped machines": "Of `send:`. A machine that plays the same part has to take them.",
    "Types": f"Of variables and of the fields of events, beside {', '.join(map(code, sorted(PLAIN_TYPES)))}.",
}
ALIASES = {describe(kind): name for name, kind in (("Session", Session), ("RetrievedItem", RetrievedItem))} | {
    describe(kind): name for name, kind in VOCABULARY.types.items()
}
"""Unions that have a name."""
LEVELS = 4
"""How deep the fields of an object are listed."""


def vocabulary() -> None:
    """Print what machine files may name, in Markdown."""
    typer.echo(page(), nl=False)


def page() -> str:
    """`docs/vocabulary.md`, as the code and the shipped machines have it."""
    tables = {
        "Functions": table(("function", "gives", "what"), _functions()),
        "Actions": table(("action", "gives", "what"), _actions()),
        "Objects": table(("name", "type"), _objects()),
        "Client events": table(("event", "fields"), _events(VOCABULARY.client)),
        "Host events": table(("event", "fields", "what"), _told(VOCABULARY.host)),
        "Services": table(("service or event", "fields", "what"), _services()),
        "Server events": table(("event", "fields"), _events(VOCABULARY.emits)),
        "Between the shipped machines": table(("event", "to", "fields", "what"), _peers()),
        "Types": table(("type", "fields"), _types()),
    }
    return HEAD + "\n".join(f"## {name}\n\n{SECTIONS[name]}\n\n{found}" for name, found in tables.items())


def _functions() -> Iterator[Row]:
    known = {**VOCABULARY.functions, **VOCABULARY.pure}
    for name, function in sorted(known.items()):
        what = PLAIN.get(name) or _meaning(function)
        yield code(_signature(name, function)), "" if name in PLAIN else _shown(returned(function)), what


def _actions() -> Iterator[Row]:
    for name, action in sorted(VOCABULARY.actions.items()):
        result = returned(action)
        gives = "" if result in (None, type(None)) else _shown(result)
        yield code(_signature(name, action, skip=1)), gives, _meaning(action)


def _signature(name: str, function: Callable[..., Any], skip: int = 0) -> str:
    if name in PLAIN:
        return f"{name}(…)"
    listed = parameters(function, skip) or {}
    return f"{name}({', '.join(f'{word}: {_kind(given.annotation)}' for word, given in listed.items())})"


def _meaning(function: Callable[..., Any]) -> str:
    """What a function says of itself, in one line of Markdown."""
    return " ".join((inspect.getdoc(function) or "").replace("``", "`").replace("|", "\\|").split())


def _objects() -> Iterator[Row]:
    for name, kind in VOCABULARY.roots.items():
        found: dict[str, list[str]] = {}
        _leaves(name, kind, LEVELS, found)
        yield from ((code(path), code(" or ".join(kinds))) for path, kinds in found.items())


def _leaves(path: str, kind: Any, levels: int, found: dict[str, list[str]]) -> None:
    """The attributes below, by path; those that only one kind of an object has among them."""
    inner = [member for member in members(kind) if fields(member)] if levels else []
    if not inner:
        _note(found, path, _kind(kind))
        return
    for member in members(kind):
        if member not in inner:
            _note(found, path, _kind(member))
        for name, attribute in fields(member).items() if member in inner else ():
            _leaves(f"{path}.{name}", attribute.annotation, levels - 1, found)


def _note(found: dict[str, list[str]], path: str, kind: str) -> None:
    known = found.setdefault(path, [])
    known += [word for word in kind.split(" or ") if word not in known]
    known[:] = [word for word in known if f"{word}?" not in known]


def _events(known: Mapping[str, type]) -> Iterator[Row]:
    for name, payload in sorted(known.items()):
        yield code(name), _fields(payload, left_out=VOCABULARY.filled)


def _told(known: Mapping[str, type | None]) -> Iterator[Row]:
    for name, payload in known.items():
        yield code(name), _fields(payload), MEANINGS[name]


def _services() -> Iterator[Row]:
    for name, service in VOCABULARY.services.items():
        given = ", ".join(_field(word, kind) for word, kind in service.parameters.items())
        yield f"**{code(name)}**", given, MEANINGS[name]
        yield from _told({f"{name}.{result}": payload for result, payload in service.events.items()})


def _peers() -> Iterator[Row]:
    for machine, path in shipped_files("machines").items():
        for name, event in (SourceFile.read(path).plain().get("events", {}).get("peer") or {}).items():
            given = ", ".join(code(f"{word}: {kind}") for word, kind in (event.get("with") or {}).items())
            yield code(name), code(machine), given, str(event.get("doc", ""))


def _types() -> Iterator[Row]:
    for name, kind in VOCABULARY.types.items():
        kinds = members(kind)
        if len(kinds) == 1:
            yield code(name), _fields(kinds[0])
        else:
            yield from ((f"{code(name)}: {code(each.__name__)}", _fields(each)) for each in kinds)


def _fields(payload: type | None, left_out: AbstractSet[str] = frozenset()) -> str:
    known = own_fields(payload) if payload is not None else {}
    return ", ".join(_field(name, found.annotation) for name, found in known.items() if name not in left_out)


def _field(name: str, kind: Any) -> str:
    return code(f"{name}: {_kind(kind)}")


def _shown(kind: Any) -> str:
    return code(_kind(kind))


def _kind(kind: Any) -> str:
    """A type as machine files write it: ``str?`` may be null."""
    text = describe(kind).replace("anything", "any")
    for words, name in ALIASES.items():
        text = text.replace(words, name)
    word = text.removesuffix(" or null")
    return f"{word}?" if word != text and " " not in word else text
