"""What every object on the wire has in common: no unknown keys, exact nulls, types that are not guessed."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Discriminator, Field, model_validator

T = TypeVar("T")


def _is_none(value: object) -> bool:
    return value is None


Omit = Annotated[T | None, Field(exclude_if=_is_none)]
"""A value that the wire leaves out when there is none. With ``T | None`` alone, the wire has ``null``."""

ListOf = Annotated[list[T], Field(fail_fast=True)]
"""A list that is not read further than its first mistake: a frame may hold a million of them."""

Integer = Annotated[int, Field(strict=True)]
"""A JSON integer; ``"1"``, ``1.5`` and ``true`` are refused."""
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
"""A JSON number; a string or a boolean is refused."""
Boolean = Annotated[bool, Field(strict=True)]
Index = Annotated[int, Field(strict=True, ge=0)]
"""A position, or a count of milliseconds."""
Metadata = Annotated[
    dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]], Field(max_length=16)
]
"""At most 16 pairs; keys of at most 64, values of at most 512 characters."""


class WireModel(BaseModel):
    """An object of the API. Fields may be assigned; nothing is checked again when they are."""

    model_config = ConfigDict(extra="forbid")

    def wire(self) -> dict[str, Any]:
        """The object in plain JSON types, with ``null`` and absent keys exactly as the API has them."""
        return self.model_dump(mode="json")


class NullTolerantModel(WireModel):
    """An object in which a client's ``null`` means the same as no key.

    Client libraries hold all kinds of content part in one class, and send the fields of the other kinds as null.
    """

    foreign_nulls: ClassVar[bool] = True
    """Whether keys that the object does not have may be null: it is one of several kinds."""

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, value: Any) -> Any:
        if isinstance(value, dict) and None in value.values():
            known = cls.model_fields
            return {
                key: entry
                for key, entry in value.items()
                if entry is not None or not (cls.foreign_nulls or key in known)
            }
        return value


class _Choice(Discriminator):
    """A discriminator that can stand in a union, whose members must have a hash."""

    __slots__ = ()

    def __hash__(self) -> int:
        return id(self)


def one_of(field: str, *values: str) -> Discriminator:
    """Choose the member of a union by the string in ``field``. Members are tagged ``$value``.

    The ``$`` keeps tags apart from keys in the place of an error. The error's context has all that its text needs.
    """

    def tag(value: Any) -> str | None:
        name = value.get(field) if isinstance(value, dict) else getattr(value, field, None)
        return f"${name}" if isinstance(name, str) and name in values else None

    return _Choice(
        tag,
        custom_error_type="unsupported_tag",
        custom_error_message="'{field}' must be one of: {names}",
        custom_error_context={"field": field, "names": ", ".join(values)},
    )


def _string_or_object(value: Any) -> str:
    return "$string" if isinstance(value, str) else "$object"


STRING_OR_OBJECT = Discriminator(_string_or_object)
"""For a union of a string, tagged ``$string``, and an object, tagged ``$object``."""
