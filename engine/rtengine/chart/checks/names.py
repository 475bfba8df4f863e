"""SM1xx: the words a machine declares, and what they stand for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from rtengine.chart.attributes import fields
from rtengine.chart.checks.machine import Payload, Subject
from rtengine.chart.checks.values import literal
from rtengine.chart.document import EventDeclaration
from rtengine.chart.states import document_path, upwards
from rtengine.chart.template import is_expression
from rtengine.chart.types import nullable
from rtengine.source.finding import Path
from rtengine.source.suggestion import suggest

FAULT = Payload("fault", {"message": str, "event": str})
"""Raised by the engine when a step fails; no file declares it."""


def check_names(subject: Subject) -> None:
    """Fills in the subject's context and alphabet on the way."""
    document = subject.document
    if document.machine != subject.role:
        message = f"the file of '{subject.role}' describes the machine '{document.machine}'"
        subject.report("SM108", message, ("machine",), hint=f"write 'machine: {subject.role}'")
    _context(subject)
    _events(subject)
    _services(subject)


def _context(subject: Subject) -> None:
    for name, variable in subject.document.context.items():
        path: Path = ("context", name)
        annotation = subject.type_of(variable.type, (*path, "type"))
        subject.context[name] = annotation
        given = "default" in variable.model_fields_set
        if given and variable.default is None and not nullable(annotation):
            hint = f"write 'type: {variable.type}?' or leave the default out"
            subject.report("SM105", f"null is no default for {variable.type}", (*path, "default"), hint=hint)
        elif given and variable.default is not None and not is_expression(variable.default):
            literal(subject, variable.default, annotation, (*path, "default"), "SM105")


def _events(subject: Subject) -> None:
    events, vocabulary = subject.document.events, subject.vocabulary
    _known(subject, events.client, vocabulary.client, "client", "SM102")
    _known(subject, events.host, vocabulary.host, "host", "SM103")
    _declared(subject, events.peer, "peer")
    _declared(subject, events.internal, "internal")
    subject.events.setdefault("fault", (FAULT,))


def _known(subject: Subject, listed: Collection[str], known: Mapping[str, type | None], group: str, code: str) -> None:
    for index, name in enumerate(listed):
        path: Path = ("events", group, index)
        if name not in known:
            subject.report(code, f"'{name}' is not a {group} event", path, hint=suggest(name, known))
            _add(subject, Payload(name, None), path, False)
            continue
        kind = known[name]
        carried = {key: field.annotation for key, field in fields(kind).items()} if kind is not None else {}
        _add(subject, Payload(name, carried, kind), path, False)


def _declared(subject: Subject, declared: Mapping[str, EventDeclaration | None], group: str) -> None:
    for name, declaration in declared.items():
        path: Path = ("events", group, name)
        given = declaration.with_ if declaration is not None else {}
        carried = {key: subject.type_of(kind, (*path, "with", key)) for key, kind in given.items()}
        _add(subject, Payload(name, carried), path, True)


def _add(subject: Subject, payload: Payload, path: Path, key: bool) -> None:
    if payload.event in subject.events:
        subject.report("SM106", f"the event '{payload.event}' is declared twice", path, key=key)
    else:
        subject.events[payload.event] = (payload,)


def _services(subject: Subject) -> None:
    running: dict[tuple[str, str], str] = {}
    for where, place in subject.places.items():
        for index, invoke in enumerate(place.state.invoke):
            path = (*document_path(where), "invoke", index)
            prefix = invoke.id or invoke.run
            if invoke.run not in subject.vocabulary.services:
                hint = suggest(invoke.run, subject.vocabulary.services)
                subject.report("SM104", f"unknown service '{invoke.run}'", (*path, "run"), hint=hint)
            other = next((up for up in upwards(where) if (up, prefix) in running), None)
            if other is not None:
                message = f"the service '{prefix}' of state '{other}' still runs here"
                subject.report("SM107", message, (*path, "id" if invoke.id else "run"), hint="give it another 'id'")
            running[where, prefix] = where


def service_events(subject: Subject, where: str) -> dict[str, tuple[Payload, ...]]:
    """Events of the services that can run while the state ``where``, one around it or one inside it is active."""
    found: dict[str, tuple[Payload, ...]] = {}
    for path, place in subject.places.items():
        if where and path != where and not path.startswith(where + ".") and not where.startswith(path + "."):
            continue
        for invoke in place.state.invoke:
            service = subject.vocabulary.services.get(invoke.run)
            for name, kind in service.events.items() if service is not None else ():
                event = f"{invoke.id or invoke.run}.{name}"
                found[event] = (*found.get(event, ()), _result(event, kind))
    return found


def _result(event: str, kind: Any) -> Payload:
    return Payload(event, {name: field.annotation for name, field in fields(kind).items()}, kind)


def unknown_service(subject: Subject, event: str) -> bool:
    """Whether the event would be one of a service that is not known, so that nothing can be said about it."""
    invokes = (invoke for place in subject.places.values() for invoke in place.state.invoke)
    return any(
        event.startswith(f"{invoke.id or invoke.run}.") and invoke.run not in subject.vocabulary.services
        for invoke in invokes
    )


def alphabet(subject: Subject) -> dict[str, tuple[Payload, ...]]:
    """Every event a row may name."""
    return {**subject.events, **service_events(subject, "")}
