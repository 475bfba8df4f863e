"""The attributes of types, and the parameters of callables, as annotations."""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Annotated, Any, ClassVar, NamedTuple, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from rtengine.chart.types import strip


class Field(NamedTuple):
    """A typed attribute. ``required``: an object cannot be made without it."""

    annotation: Any
    required: bool


def fields(kind: Any) -> dict[str, Field]:
    """The typed attributes of a pydantic model, a dataclass or an annotated class, its annotated properties included.

    Private names and ClassVars are left out. Anything else, such as ``dict``, has no fields.
    """
    kind = strip(kind)
    return dict(_attributes(kind)) if isinstance(kind, type) else {}


def own_fields(kind: Any) -> dict[str, Field]:
    """The fields an object of the class is made from: ``fields`` without the properties."""
    kind = strip(kind)
    return dict(_own(kind)) if isinstance(kind, type) else {}


@cache
def _attributes(kind: type) -> Mapping[str, Field]:
    found = dict(_own(kind))
    if kind.__module__ == "builtins":
        return found
    for name, member in inspect.getmembers_static(kind, lambda value: isinstance(value, property)):
        if name.startswith("_") or name in found or hasattr(BaseModel, name) or member.fget is None:
            continue
        annotation = _hints(member.fget, {"return"}).get("return")
        if annotation is not None:
            found[name] = Field(annotation, False)
    return found


@cache
def _own(kind: type) -> Mapping[str, Field]:
    if kind.__module__ == "builtins":
        return {}
    if issubclass(kind, BaseModel):
        return {name: Field(_constrained(info), info.is_required()) for name, info in kind.model_fields.items()}
    required = _required(kind)
    return {
        name: Field(annotation, required.get(name, not hasattr(kind, name)))
        for name, annotation in _hints(kind).items()
        if not name.startswith("_") and not _is_class_variable(annotation)
    }


def _constrained(info: FieldInfo) -> Any:
    """A model field's annotation with the limits that stand beside it."""
    return Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation


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
