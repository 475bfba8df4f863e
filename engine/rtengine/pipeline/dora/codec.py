"""Requests and results as the payload and the metadata of a dora message.

Where there is audio, the audio is the payload and every other field stands in the metadata under its own name; a field
that is None is left out. Everything else is a JSON object of its fields, as UTF-8.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from rtengine.models.jobs import Request, Result

Value = str | int | float | bool | list[str]
Metadata = dict[str, Value]

AUDIO = "audio"


class Malformed(ValueError):
    """A message is not what its name says."""


class _Form:
    """How one dataclass travels."""

    def __init__(self, kind: type[Any]) -> None:
        self.adapter: TypeAdapter[Any] = TypeAdapter(kind)
        names = [field.name for field in dataclasses.fields(kind)]
        self.audio = AUDIO in names
        self.names = [name for name in names if name != AUDIO]

    def pack(self, value: Any) -> tuple[Metadata, bytes]:
        if not self.audio:
            return {}, self.adapter.dump_json(value)
        fields = ((name, getattr(value, name)) for name in self.names)
        given = {name: list(field) if type(field) is tuple else field for name, field in fields if field is not None}
        return given, value.audio

    def unpack(self, metadata: Mapping[str, Any], payload: bytes) -> Any:
        try:
            if not self.audio:
                return self.adapter.validate_json(payload)
            fields: dict[str, Any] = {name: metadata[name] for name in self.names if name in metadata}
            fields[AUDIO] = payload
            return self.adapter.validate_python(fields)
        except ValidationError as error:
            raise Malformed(_sentence(error.errors(include_url=False, include_input=False))) from None


_RESULT_FORMS = {kind.name: _Form(kind) for kind in get_args(Result)}
_REQUEST_FORMS = {kind.stage: _Form(kind) for kind in get_args(Request)}


def pack_request(request: Request) -> tuple[Metadata, bytes]:
    return _REQUEST_FORMS[request.stage].pack(request)


def unpack_request(stage: str, metadata: Mapping[str, Any], payload: bytes) -> Request:
    """Raises ``Malformed``."""
    request: Request = _form(_REQUEST_FORMS, stage).unpack(metadata, payload)
    return request


def pack_result(result: Result) -> tuple[Metadata, bytes]:
    return _RESULT_FORMS[result.name].pack(result)


def unpack_result(name: str, metadata: Mapping[str, Any], payload: bytes) -> Result:
    """Raises ``Malformed``."""
    result: Result = _form(_RESULT_FORMS, name).unpack(metadata, payload)
    return result


def _form(forms: Mapping[str, _Form], name: str) -> _Form:
    try:
        return forms[name]
    except KeyError:
        raise Malformed(f"there is no message named {name!r}") from None


def _sentence(errors: Iterable[Any]) -> str:
    """What is wrong, without the values: they may be what a user said."""
    return "; ".join(f"{'.'.join(map(str, error['loc'])) or 'payload'}: {error['msg']}" for error in errors)
