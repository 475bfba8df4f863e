"""Values of steps against the types of what they are for: literals, expressions, and mappings of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError

from rtengine.chart.attributes import Field, fields, own_fields
from rtengine.chart.checks.expressions import infer
from rtengine.chart.checks.machine import Payloads, Subject
from rtengine.chart.template import is_expression
from rtengine.chart.types import describe, fits, members, nullable
from rtengine.source.finding import Finding, Path
from rtengine.source.suggestion import nearest, suggest


def value(subject: Subject, given: Any, want: Any, path: Path, payloads: Payloads, wire: bool = False) -> None:
    """A value that a step hands on. On the ``wire`` a mapping may stand for an object, as everything becomes JSON."""
    if is_expression(given):
        got = infer(subject, given[1:], path, payloads, 1)
        if not fits(got, want, wire):
            subject.report("SM407", f"{given[1:].strip()} is {describe(got)}, and {describe(want)} is asked", path)
    elif isinstance(given, Mapping):
        _mapping(subject, given, want, path, payloads, wire)
    elif isinstance(given, list):
        item = _item(want, Sequence)
        if item is None:
            subject.report("SM406", f"{describe(want)} is asked, not a list", path)
        for index, part in enumerate(given):
            value(subject, part, Any if item is None else item, (*path, index), payloads, wire)
    else:
        literal(subject, given, want, path)


def literal(subject: Subject, given: Any, want: Any, path: Path, code: str = "SM406") -> None:
    """A plain scalar, list or mapping that stands in the file."""
    if given is None:
        if not nullable(want):
            subject.report(code, f"{describe(want)} is asked, not null", path)
        return
    if isinstance(given, Mapping | list) and any(_takes(member, given) for member in members(want)):
        return
    problem = _refusal(given, want)
    if problem is not None:
        subject.report(code, f"{problem} (got {given!r})", path, hint=_literal_hint(given, want))


def payload(
    subject: Subject,
    what: str,
    given: Mapping[str, Any],
    want: Mapping[str, Field],
    path: Path,
    payloads: Payloads,
    wire: bool = False,
) -> None:
    """The fields of a ``with``, which stands at ``path``: all known, none missing, every value of its type."""
    for name, item in given.items():
        if name in want:
            value(subject, item, want[name].annotation, (*path, name), payloads, wire)
        elif "**" not in want:
            hint = suggest(name, [known for known in want if known not in given], "fields")
            subject.report("SM404", f"{what} has no field '{name}'", (*path, name), key=True, hint=hint)
    for name, field in want.items():
        if field.required and name not in given and not _misspelt(name, given, want):
            subject.report("SM405", f"{what} needs the field '{name}'", path, key=True, hint=f"add '{name}: …'")


def _misspelt(name: str, given: Mapping[str, Any], want: Mapping[str, Field]) -> bool:
    """Whether the missing field is there under a name that is reported already."""
    return any(
        nearest(other, [known for known in want if known not in given]) == name for other in given if other not in want
    )


def _mapping(subject: Subject, given: Mapping[str, Any], want: Any, path: Path, payloads: Payloads, wire: bool) -> None:
    item = _item(want, Mapping)
    if item is not None:
        for name, part in given.items():
            value(subject, part, item, (*path, name), payloads, wire)
        return
    objects = [member for member in members(want) if own_fields(member)] if wire else []
    if not objects:
        hint = "" if wire or not any(map(fields, members(want))) else "call a function that makes one"
        subject.report("SM406", f"{describe(want)} is asked, not a mapping", path, hint=hint)
        for name, part in given.items():
            value(subject, part, Any, (*path, name), payloads, wire)
        return
    attempts: list[list[Finding]] = [_attempt(subject, given, kind, path, payloads) for kind in _likely(objects, given)]
    subject.findings += sorted(attempts, key=len)[0]


def _attempt(subject: Subject, given: Mapping[str, Any], kind: Any, path: Path, payloads: Payloads) -> list[Finding]:
    with subject.trial() as found:
        payload(subject, f"'{kind.__name__}'", given, own_fields(kind), path, payloads, wire=True)
    return found


def _likely(objects: Sequence[Any], given: Mapping[str, Any]) -> Sequence[Any]:
    """Of a union's objects those whose constants (``type: message``) the mapping does not contradict."""
    agreeing = [
        kind for kind in objects if all(_agrees(given.get(name), field) for name, field in own_fields(kind).items())
    ]
    return agreeing or objects


def _agrees(given: Any, field: Field) -> bool:
    constants = [
        value for member in members(field.annotation) if get_origin(member) is Literal for value in get_args(member)
    ]
    return not constants or given is None or not isinstance(given, str) or is_expression(given) or given in constants


def _item(want: Any, shape: type) -> Any | None:
    """What a list or a mapping holds where ``want`` is asked; None when it takes neither."""
    for member in members(want):
        if member in (Any, object):
            return Any
        kind = get_origin(member) or member
        if isinstance(kind, type) and issubclass(kind, shape) and not issubclass(kind, str | bytes):
            arguments = [argument for argument in get_args(member) if argument is not ...]
            return arguments[-1] if arguments else Any
    return None


def _takes(member: Any, given: Any) -> bool:
    return _item(member, Mapping if isinstance(given, Mapping) else Sequence) is not None


def _refusal(given: Any, want: Any) -> str | None:
    """Why a literal is no value of the type."""
    if not any(fits(type(given), member) for member in members(want)):
        return f"{describe(want)} is asked"
    if any(isinstance(member, type) and issubclass(member, BaseModel) for member in members(want)):
        return None
    try:
        TypeAdapter(want).validate_python(given, strict=True)
    except ValidationError as error:
        messages = dict.fromkeys(details["msg"].removeprefix("Input ") for details in error.errors())
        return " or ".join(messages)
    except (PydanticSchemaGenerationError, PydanticUserError):  # a type pydantic has no rules for: fits() has judged
        return None
    return None


def _literal_hint(given: Any, want: Any) -> str:
    constants = [str(value) for member in members(want) if get_origin(member) is Literal for value in get_args(member)]
    near = nearest(given, constants) if isinstance(given, str) else None
    return f"did you mean '{near}'?" if near else ""
