"""The types of values: from names in a file to annotations, what attributes an annotation has, and what fits what."""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Union, get_args, get_origin

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


class Field(NamedTuple):
    """A typed attribute. ``required``: an object cannot be made without it."""

    annotation: Any
    required: bool


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


def fields(kind: Any) -> dict[str, Field]:
    """The typed attributes of a pydantic model, a dataclass or an annotated class, its annotated properties included.

    Private names and ClassVars are left out. Anything else, such as ``dict``, has no fields.
    """
    found = own_fields(kind)
    kind = strip(kind)
    if not isinstance(kind, type) or kind.__module__ == "builtins":
        return found
    for name, member in inspect.getmembers_static(kind, lambda value: isinstance(value, property)):
        if name.startswith("_") or name in found or hasattr(BaseModel, name) or member.fget is None:
            continue
        annotation = _hints(member.fget, {"return"}).get("return")
        if annotation is not None:
            found[name] = Field(annotation, False)
    return found


def own_fields(kind: Any) -> dict[str, Field]:
    """The fields an object of the class is made from: ``fields`` without the properties."""
    kind = strip(kind)
    if not isinstance(kind, type) or kind.__module__ == "builtins":
        return {}
    if issubclass(kind, BaseModel):
        return {
            name: Field(
                Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation, info.is_required()
            )
            for name, info in kind.model_fields.items()
        }
    required = _required(kind)
    return {
        name: Field(annotation, required.get(name, not hasattr(kind, name)))
        for name, annotation in _hints(kind).items()
        if not name.startswith("_") and not _is_class_variable(annotation)
    }


def settable(kind: Any, name: str) -> bool:
    """Whether the attribute can be assigned: not of a frozen class, and not a property without a setter."""
    kind = strip(kind)
    if not isinstance(kind, type):
        return True
    member = inspect.getattr_static(kind, name, None)
    if isinstance(member, property):
        return member.fset is not None
    if issubclass(kind, BaseModel):
        info = kind.model_fields.get(name)
        return not kind.model_config.get("frozen") and info is not None and not info.frozen
    parameters = getattr(kind, "__dataclass_params__", None)
    return not (dataclasses.is_dataclass(kind) and getattr(parameters, "frozen", False))


def parameters(call: Callable[..., Any], skip: int = 0) -> dict[str, Field] | None:
    """The parameters of an annotated callable, without ``self`` and the first ``skip`` others.

    ``*x`` is named ``*x`` and takes any number; ``**x`` is named ``**``. None for a built-in that does not say.
    """
    try:
        signature = inspect.signature(call)
    except ValueError:
        return None
    listed = list(signature.parameters.values())
    listed = listed[skip + bool(listed and listed[0].name == "self") :]
    hints = {} if isinstance(call, type) else _hints(call, {parameter.name for parameter in listed})
    found: dict[str, Field] = {}
    for parameter in listed:
        annotation = hints.get(parameter.name, Any)
        if parameter.kind is parameter.VAR_POSITIONAL:
            found["*" + parameter.name] = Field(annotation, False)
        elif parameter.kind is parameter.VAR_KEYWORD:
            found["**"] = Field(annotation, False)
        else:
            found[parameter.name] = Field(annotation, parameter.default is parameter.empty)
    return found


def returned(call: Callable[..., Any]) -> Any:
    """The return annotation, or the class that is called; Any when nothing is said."""
    if isinstance(call, type):
        return call
    return _hints(call, {"return"}).get("return", Any)


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


def _is_class_variable(annotation: Any) -> bool:
    return annotation is ClassVar or get_origin(annotation) is ClassVar


def _required(kind: type) -> dict[str, bool]:
    """Of a dataclass: which fields have no default. (With slots the class attribute is a descriptor instead.)"""
    if not dataclasses.is_dataclass(kind):
        return {}
    missing = dataclasses.MISSING
    return {f.name: f.default is missing and f.default_factory is missing for f in dataclasses.fields(kind)}


def _hints(holder: Any, wanted: Collection[str] | None = None) -> dict[str, Any]:
    """Resolved annotations of a class, or the wanted ones of a function.

    Raises TypeError for a name that exists for type checkers alone: nothing could be checked against it.
    """
    target = holder.__func__ if inspect.ismethod(holder) else holder
    try:
        if wanted is None:
            return typing.get_type_hints(target, include_extras=True)
        written = getattr(target, "__annotations__", {})
        chosen = types.SimpleNamespace(__annotations__={n: a for n, a in written.items() if n in wanted})
        return typing.get_type_hints(chosen, getattr(target, "__globals__", {}), include_extras=True)
    except NameError as error:
        label = getattr(target, "__qualname__", repr(target))
        raise TypeError(f"an annotation of {target.__module__}.{label} cannot be resolved: {error}") from error


def either(annotations: Sequence[Any]) -> Any:
    """The union of the types; Any when one is not known, or when there are none."""
    if not annotations or any(annotation is Any for annotation in annotations):
        return Any
    return Union[tuple(annotations)]  # noqa: UP007 - the members are known at run time only


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
