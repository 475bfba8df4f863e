"""SM4xx: every step, guard, delay and request, with the events it may run for."""

from __future__ import annotations

from typing import Any

from rtengine.chart.attributes import Field, fields, own_fields, parameters, returned, settable
from rtengine.chart.checks.expressions import infer
from rtengine.chart.checks.flow import Flow
from rtengine.chart.checks.machine import START, UNKNOWN, Payload, Payloads, PlacedStep, Subject
from rtengine.chart.checks.rows import Row
from rtengine.chart.checks.values import payload, value
from rtengine.chart.document import After, Call, Emit, Error, Raise, Set, Step
from rtengine.chart.payload import filled
from rtengine.chart.states import document_path
from rtengine.chart.template import is_expression
from rtengine.chart.types import describe, fits, members, nullable
from rtengine.source.finding import Path
from rtengine.source.suggestion import suggest

ERROR_FIELDS = {
    "message": Field(str, True),
    "code": Field(str | None, True),
    "type": Field(str | None, False),
    "param": Field(str | None, False),
}


def check_steps(subject: Subject, rows: list[Row], flow: Flow) -> None:
    """Also notes every step in ``subject.steps``, for the checks between machines."""
    for name, variable in subject.document.context.items():
        if is_expression(variable.default):
            value(subject, variable.default, subject.context[name], ("context", name, "default"), frozenset({START}))
    for row in rows:
        _row(subject, row, _known(flow.taken.get(row) or flow.payloads(row)), flow)
    for where, place in subject.places.items():
        path, state = document_path(where), place.state
        entering = _known(flow.entering.get(where))
        _listed(subject, state.entry, (*path, "entry"), entering)
        _listed(subject, state.exit, (*path, "exit"), _known(flow.leaving.get(where)))
        for index, invoke in enumerate(state.invoke):
            service = subject.vocabulary.services.get(invoke.run)
            if service is not None:
                want = {name: Field(kind, not nullable(kind)) for name, kind in service.parameters.items()}
                at = (*path, "invoke", index)
                payload(subject, f"'{invoke.run}'", invoke.with_, want, _with(invoke, at), entering)
        for name, item in state.output.items():
            value(subject, item, Any, (*path, "output", name), entering)


def _known(payloads: set[Payload] | Payloads | None) -> Payloads:
    return frozenset(payloads) if payloads else frozenset({UNKNOWN})


def _row(subject: Subject, row: Row, payloads: Payloads, flow: Flow) -> None:
    if row.row.when is not None:
        infer(subject, row.row.when, (*row.path, "when"), payloads)
    if isinstance(row.row, After) and is_expression(row.row.delay):
        value(subject, row.row.delay, float, (*row.path, "delay"), _known(flow.entering.get(row.source)))
    _listed(subject, row.row.do, (*row.path, "do"), payloads)


def _listed(subject: Subject, steps: list[Step], path: Path, payloads: Payloads) -> None:
    for index, step in enumerate(steps):
        subject.steps.append(PlacedStep(step, (*path, index), payloads))
        _step(subject, step, (*path, index), payloads)


def _step(subject: Subject, step: Step, path: Path, payloads: Payloads) -> None:
    match step:
        case Emit():
            _emit(subject, step, path, payloads)
        case Call():
            _call(subject, step, path, payloads)
        case Set():
            for name, item in step.set.items():
                want = _assigned(subject, name, (*path, "set", name), key=True)
                value(subject, item, want, (*path, "set", name), payloads)
        case Error():
            payload(subject, "'error'", step.error, ERROR_FIELDS, (*path, "error"), payloads)
        case Raise():
            _raise(subject, step, path, payloads)


def _emit(subject: Subject, step: Emit, path: Path, payloads: Payloads) -> None:
    vocabulary = subject.vocabulary
    if step.emit not in vocabulary.emits:
        hint = suggest(step.emit, vocabulary.emits, "server events")
        subject.report("SM401", f"'{step.emit}' is not a server event", (*path, "emit"), hint=hint)
        return
    for name in vocabulary.filled & step.with_.keys():
        at = (*path, "with", name)
        subject.report("SM404", f"'{name}' is filled in by the server", at, key=True, hint="leave it out")
    complete = filled(step, vocabulary, subject.document.context)
    given = {name: item for name, item in step.with_.items() if name not in vocabulary.filled}
    want = {
        name: field
        for name, field in own_fields(vocabulary.emits[step.emit]).items()
        if name not in vocabulary.filled and (name in given or name not in complete)
    }
    payload(subject, f"'{step.emit}'", given, want, _with(step, path), payloads, wire=True)


def _call(subject: Subject, step: Call, path: Path, payloads: Payloads) -> None:
    action = subject.vocabulary.actions.get(step.call)
    if action is None:
        hint = suggest(step.call, subject.vocabulary.actions, "actions")
        subject.report("SM402", f"unknown action '{step.call}'", (*path, "call"), hint=hint)
        if step.into is not None:
            _assigned(subject, step.into, (*path, "into"))
        return
    want = parameters(action, skip=1)
    if want is not None:
        payload(subject, f"'{step.call}'", step.with_, want, _with(step, path), payloads)
    if step.into is None:
        return
    result, variable = returned(action), _assigned(subject, step.into, (*path, "into"))
    if result in (None, type(None)):
        subject.report("SM408", f"the action '{step.call}' has no result", (*path, "into"))
    elif not fits(result, variable):
        message = f"'{step.call}' gives {describe(result)}, and '{step.into}' is {describe(variable)}"
        subject.report("SM408", message, (*path, "into"))


def _raise(subject: Subject, step: Raise, path: Path, payloads: Payloads) -> None:
    internal = subject.document.events.internal
    if step.raise_ not in internal:
        hint = suggest(step.raise_, internal, "internal events")
        subject.report("SM604", f"the internal event '{step.raise_}' is not declared", (*path, "raise"), hint=hint)
        return
    payload(subject, f"'{step.raise_}'", step.with_, event_fields(subject, step.raise_), _with(step, path), payloads)


def event_fields(subject: Subject, event: str) -> dict[str, Field]:
    """What a sender of a declared event gives; fields that allow null may be left out."""
    (declared,) = subject.events[event]
    return {name: Field(kind, not nullable(kind)) for name, kind in (declared.fields or {}).items()}


def _assigned(subject: Subject, name: str, path: Path, key: bool = False) -> Any:
    """Type of what a ``set`` or ``into`` names: a variable, or an attribute of the object one holds."""
    variable, *attributes = name.split(".")
    if variable not in subject.context:
        hint = suggest(variable, subject.context, "variables")
        subject.report("SM403", f"there is no variable '{variable}'", path, key=key, hint=hint)
        return Any
    owner = subject.context[variable]
    for index, attribute in enumerate(attributes):
        options = [fields(member).get(attribute) for member in members(owner) if fields(member)]
        if not options:
            return Any
        found = [option for option in options if option is not None]
        if not found:
            known = [known for member in members(owner) for known in fields(member)]
            message = f"{describe(owner)} has no '{attribute}'"
            subject.report("SM403", message, path, key=key, hint=suggest(attribute, known, "attributes"))
            return Any
        if index == len(attributes) - 1 and not any(settable(member, attribute) for member in members(owner)):
            subject.report("SM403", f"'{attribute}' of {describe(owner)} cannot be assigned", path, key=key)
            return Any
        owner = found[0].annotation
    return owner


def _with(step: Any, path: Path) -> Path:
    """Where a missing field is missed: at the ``with``, or at the step when it has none."""
    return (*path, "with") if step.with_ else path
