"""The types of values: from names in a file to annotations, and what fits what."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from rtengine.chart.vocabulary import Vocabulary

PLAIN: Mapping[str, Any] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": bool,
    "list": list,
    "dict": dict,
    "any": Any,
}
"""Type names that need no registration."""


def resolve(name: str, vocabulary: Vocabulary) -> Any:
    """The annotation a type name of a machine file stands for; ``name?`` allows null. Raises LookupError."""
    bare = name.removesuffix("?")
    if bare in PLAIN:
        annotation = PLAIN[bare]
    elif bare in vocabulary.types:
        annotation = vocabulary.types[bare]
    else:
        raise LookupError(bare)
    return annotation | None if name.endswith("?") else annotation


def names(vocabulary: Vocabulary) -> list[str]:
    """Every type name a file may use."""
    return [*PLAIN, *vocabulary.types]


def strip(annotation: Any) -> Any:
    """Without ``Annotated``, aliases and NewTypes, and without None where there is one other member."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif isinstance(annotation, typing.NewType):
            annotation = annotation.__supertype__
        elif hasattr(annotation, "__value__"):
            annotation = annotation.__value__
        elif _is_union(annotation) and len(others := _without_none(annotation)) == 1:
            annotation = others[0]
        else:
            return annotation


def members(annotation: Any) -> list[Any]:
    """The members of a union, nested ones too, besides None; a plain type is its own only member."""
    bare = strip(annotation)
    if not _is_union(bare):
        return [bare]
    return [inner for member in _without_none(bare) for inner in members(member)]


def nullable(annotation: Any) -> bool:
    """Whether null is a value of the type."""
    while get_origin(annotation) is Annotated or hasattr(annotation, "__value__"):
        annotation = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation.__value__
    if annotation in (Any, None, type(None), object):
        return True
    return _is_union(annotation) and any(nullable(member) for member in get_args(annotation))


def fits(got: Any, want: Any, wire: bool = False) -> bool:
    """Whether a value of type ``got`` may stand where ``want`` is asked.

    Null of a nullable ``got`` is let pass: null propagates through expressions, and the checks cannot follow guards.
    Of a union one member that fits is enough. On the ``wire`` objects and mappings are the same, JSON objects.
    """
    if got in (None, type(None)):
        return nullable(want)
    return any(_fits_one(one, other, wire) for one in members(got) for other in members(want))


def _fits_one(got: Any, want: Any, wire: bool) -> bool:
    if _is_open(got) or _is_open(want):
        return True
    if get_origin(want) is Literal:
        values = get_args(want)
        if get_origin(got) is Literal:
            return any(value in values for value in get_args(got))
        return any(isinstance(value, got) for value in values) if isinstance(got, type) else False
    if get_origin(got) is Literal:
        return any(_fits_one(type(value), want, wire) for value in get_args(got))
    got_class, want_class = _class(got), _class(want)
    if got_class is None or want_class is None:
        return True
    if wire and _is_object(got_class) and _is_object(want_class):
        return got_class is dict or want_class is dict or issubclass(got_class, want_class)
    if got_class is bool or want_class is bool:
        return got_class is want_class
    if want_class is float and got_class is int:
        return True
    if want_class is list and got_class is tuple:
        want_class = tuple
    if not issubclass(got_class, want_class):
        return False
    inner_got, inner_want = _inner(got), _inner(want)
    return all(fits(a, b, wire) for a, b in zip(inner_got, inner_want, strict=False))


def _inner(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) is None:
        return ()
    arguments = get_args(annotation)
    return arguments[:1] if arguments[-1:] == (...,) else arguments


def _is_open(annotation: Any) -> bool:
    """Types the checks do not look into."""
    return annotation in (Any, object) or isinstance(annotation, typing.TypeVar) or _is_protocol(annotation)


def _is_protocol(annotation: Any) -> bool:
    return bool(getattr(annotation, "_is_protocol", False)) and annotation.__module__ != "collections.abc"


def _class(annotation: Any) -> type | None:
    origin = get_origin(annotation) or annotation
    return origin if isinstance(origin, type) else None


def _is_object(kind: type) -> bool:
    return issubclass(kind, Mapping) or issubclass(kind, BaseModel) or dataclasses.is_dataclass(kind)


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, types.UnionType)


def _without_none(annotation: Any) -> list[Any]:
    return [member for member in get_args(annotation) if member is not type(None)]


def either(annotations: Sequence[Any]) -> Any:
    """The union of the types; Any when one is not known, or when there are none."""
    if not annotations or any(annotation is Any for annotation in annotations):
        return Any
    try:
        return Union[tuple(annotations)]  # noqa: UP007 - the members are known at run time only
    except TypeError:  # metadata that cannot be hashed, such as pydantic's FailFast
        return Union[tuple(strip(annotation) for annotation in annotations)]  # noqa: UP007


def iterable_item(annotation: Any) -> Any:
    """What a subscript of the type gives: the item of a list, the value of a mapping; Any when that is not known."""
    found = list(_items(annotation))
    return either(found)


def _items(annotation: Any) -> Iterator[Any]:
    for member in members(annotation):
        arguments, kind = get_args(member), _class(member)
        if kind is None or not arguments or get_origin(member) is Literal:
            yield str if kind is str else Any
        elif issubclass(kind, Mapping):
            yield arguments[1]
        elif issubclass(kind, Sequence):
            yield arguments[0] if kind is not tuple else either([a for a in arguments if a is not ...])


def describe(annotation: Any) -> str:
    """The type as a person reads it: ``str or null``, ``'a' or 'b'``, ``Response``."""
    words = [_word(member) for member in members(annotation)]
    if annotation not in (None, type(None), Any, object) and nullable(annotation):
        words.append("null")
    return " or ".join(dict.fromkeys(words))


def _word(annotation: Any) -> str:
    if annotation in (None, type(None)):
        return "null"
    if annotation in (Any, object):
        return "anything"
    if get_origin(annotation) is Literal:
        return " or ".join(map(repr, get_args(annotation)))
    kind = _class(annotation)
    if kind is None:
        return str(annotation)
    inner = [describe(argument) for argument in _inner(annotation)]
    return f"{kind.__name__} of {', '.join(inner)}" if inner else kind.__name__
