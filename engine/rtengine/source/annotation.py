"""Walking a pydantic model's types along the path of one of its errors."""

from __future__ import annotations

import types
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, Discriminator, Tag
from pydantic.fields import FieldInfo


@dataclass(frozen=True, slots=True)
class Spot:
    """A type at a place of a document, and how a discriminated union that stands there tells its members apart."""

    annotation: Any
    discriminator: str | Discriminator | None = None


def below(spot: Spot, part: str | int) -> Spot | None:
    """The type of a key or an index of a value of the type ``spot``; None when that is not known."""
    bare = strip(spot.annotation)
    if is_model(bare):
        found = next((info for name, info in keys(bare) if name == part), None)
        return None if found is None else Spot(found.annotation, _of_field(found) or discriminator(found.annotation))
    origin, arguments = get_origin(bare), get_args(bare)
    if not isinstance(origin, type) or not arguments:
        return None
    if issubclass(origin, Mapping):
        return _spot(arguments[1])
    return _spot(arguments[0]) if issubclass(origin, Collection) else None


def _spot(annotation: Any) -> Spot:
    return Spot(annotation, discriminator(annotation))


def keys(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    """The keys a document may use, with their fields."""
    for name, info in model.model_fields.items():
        yield info.alias or name, info


def members(annotation: Any) -> list[Any]:
    """The members of a union besides None; a single type is its own only member. ``Annotated`` members stay so."""
    bare = strip(annotation)
    if get_origin(bare) in (Union, types.UnionType):
        return [member for member in get_args(bare) if member is not type(None)]
    return [bare]


def strip(annotation: Any) -> Any:
    """Without ``Annotated``, and without the None of a nullable type that has one other member."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, types.UnionType):
        others = [member for member in get_args(annotation) if member is not type(None)]
        if len(others) == 1:
            return strip(others[0])
    return annotation


def labels(member: Any, key: str | None) -> set[str]:
    """What pydantic may call a member of a union in an error's location: its tag, its class or its kind."""
    found = {str(meta.tag) for meta in _metadata(member) if isinstance(meta, Tag)}
    bare = strip(member)
    if is_model(bare):
        found.add(bare.__name__)
        if key is not None and key in bare.model_fields:
            found |= {str(value) for value in literals(bare.model_fields[key].annotation)}
    elif isinstance(bare, type):
        found.add(bare.__name__)
    return found


def literals(annotation: Any) -> tuple[Any, ...]:
    """The values of a Literal, else nothing."""
    bare = strip(annotation)
    return get_args(bare) if get_origin(bare) is Literal else ()


def tags(spot: Spot) -> list[str]:
    """What may tell the members of a discriminated union apart."""
    if isinstance(spot.discriminator, str):
        found: list[str] = []
        for member in members(spot.annotation):
            bare = strip(member)
            if is_model(bare):
                found += map(str, literals(bare.model_fields[spot.discriminator].annotation))
        return found
    return [str(meta.tag) for member in members(spot.annotation) for meta in _metadata(member) if isinstance(meta, Tag)]


def discriminator(annotation: Any) -> str | Discriminator | None:
    """What tells the members of the union apart that the annotation comes down to; None when nothing does."""
    while True:
        for meta in _metadata(annotation):
            found = (
                meta if isinstance(meta, Discriminator) else _of_field(meta) if isinstance(meta, FieldInfo) else None
            )
            if found is not None:
                return found
        inner = get_args(annotation)[:1] if get_origin(annotation) is Annotated else _only_member(annotation)
        if len(inner) != 1:
            return None
        annotation = inner[0]


def _of_field(field: FieldInfo) -> str | Discriminator | None:
    if field.discriminator is not None:
        return field.discriminator
    return next((meta for meta in field.metadata if isinstance(meta, Discriminator)), None)


def _only_member(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) not in (Union, types.UnionType):
        return ()
    return tuple(member for member in get_args(annotation) if member is not type(None))


def is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _metadata(annotation: Any) -> tuple[Any, ...]:
    return tuple(annotation.__metadata__) if get_origin(annotation) is Annotated else ()
