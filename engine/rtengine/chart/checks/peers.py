"""SM6xx: what machines expect of each other."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from rtengine.chart.attributes import Field
from rtengine.chart.checks.machine import Payloads, PlacedStep, Subject, needed
from rtengine.chart.checks.steps import event_fields
from rtengine.chart.checks.values import payload, value
from rtengine.chart.document import Send, Spawn, State
from rtengine.chart.states import document_path
from rtengine.chart.types import describe, nullable
from rtengine.source.finding import Path
from rtengine.source.suggestion import suggest

ENDED = ".ended"


def check_peers(subjects: Mapping[str, Subject], roles: Collection[str]) -> None:
    """``roles`` names every machine, those too whose file cannot be read; nothing is said about these."""
    parents = _parents(subjects)
    _claims(subjects)
    for subject in subjects.values():
        for placed in subject.steps:
            if isinstance(placed.step, Send):
                _send(subject, placed.step, placed, subjects, roles, parents)
            elif isinstance(placed.step, Spawn):
                _spawn(subject, placed.step, placed, subjects, roles)
        for event in subject.document.events.peer:
            if event.endswith(ENDED):
                _awaits(subject, event, subjects, roles, parents)
        _undelivered_output(subject, subjects, parents)
    if all(role in subjects for role in roles):
        _unsent(subjects, parents)


def _parents(subjects: Mapping[str, Subject]) -> dict[str, list[str]]:
    """Machine to the machines that spawn it."""
    found: dict[str, list[str]] = {}
    for role, subject in subjects.items():
        for placed in subject.steps:
            if isinstance(placed.step, Spawn) and role not in found.setdefault(placed.step.spawn, []):
                found[placed.step.spawn].append(role)
    return found


def _claims(subjects: Mapping[str, Subject]) -> None:
    claimed: dict[str, str] = {}
    for role, subject in subjects.items():
        for index, event in enumerate(subject.document.events.client):
            other = claimed.setdefault(event, role)
            if other != role:
                message = f"the client event '{event}' is claimed by '{other}' already"
                subject.report("SM606", message, ("events", "client", index), hint="one machine answers an event")


def _send(
    subject: Subject,
    step: Send,
    placed: PlacedStep,
    subjects: Mapping[str, Subject],
    roles: Collection[str],
    parents: Mapping[str, list[str]],
) -> None:
    path = placed.path
    receivers = [step.to]
    if step.to == "parent":
        receivers = parents.get(subject.role, [])
        if not receivers and all(role in subjects for role in roles):
            subject.report("SM603", f"no machine spawns '{subject.role}', so it has no parent", (*path, "to"))
    elif step.to not in roles:
        hint = suggest(step.to, [*roles, "parent"], "machines")
        subject.report("SM601", f"unknown machine '{step.to}'", (*path, "to"), hint=hint)
    for receiver in receivers:
        if receiver in subjects:
            _deliver(subject, step, path, placed.payloads, subjects[receiver])


def _deliver(subject: Subject, step: Send, path: Path, payloads: Payloads, receiver: Subject) -> None:
    declared = receiver.document.events.peer
    if step.send not in declared:
        message = f"'{receiver.role}' declares no peer event '{step.send}'"
        subject.report("SM602", message, (*path, "send"), hint=suggest(step.send, declared, "it declares"))
        return
    at = (*path, "with") if step.with_ else path
    payload(subject, f"'{step.send}'", step.with_, event_fields(receiver, step.send), at, payloads)


def _spawn(
    subject: Subject, step: Spawn, placed: PlacedStep, subjects: Mapping[str, Subject], roles: Collection[str]
) -> None:
    path = placed.path
    if step.spawn not in roles:
        hint = suggest(step.spawn, roles, "machines")
        subject.report("SM601", f"unknown machine '{step.spawn}'", (*path, "spawn"), hint=hint)
    elif step.spawn in subjects:
        child = subjects[step.spawn]
        want = {
            name: Field(child.context[name], needed(child.context[name], "default" in variable.model_fields_set))
            for name, variable in child.document.context.items()
        }
        at = (*path, "with") if step.with_ else path
        payload(subject, f"'{step.spawn}'", step.with_, want, at, placed.payloads)


def _finals(subject: Subject) -> dict[str, State]:
    return {name: state for name, state in subject.document.states.items() if state.final}


def _awaits(
    subject: Subject,
    event: str,
    subjects: Mapping[str, Subject],
    roles: Collection[str],
    parents: Mapping[str, list[str]],
) -> None:
    """A declared ``<machine>.ended`` against the machine it comes from."""
    child_role = event.removesuffix(ENDED)
    path: Path = ("events", "peer", event)
    if child_role not in roles:
        hint = suggest(child_role, roles, "machines")
        subject.report("SM601", f"unknown machine '{child_role}'", path, key=True, hint=hint)
        return
    if child_role not in subjects:
        return
    child = subjects[child_role]
    if subject.role not in parents.get(child_role, []):
        subject.report("SM605", f"'{subject.role}' does not spawn '{child_role}'", path, key=True)
        return
    finals = _finals(child)
    if not finals:
        subject.report("SM607", f"'{child_role}' has no final state and never ends", path, key=True)
    (declared,) = subject.events[event]
    for name, kind in (declared.fields or {}).items():
        lacking = [final for final, state in finals.items() if name not in state.output]
        if lacking and not nullable(kind):
            message = f"'{child_role}' ends in '{lacking[0]}' without an output '{name}'"
            subject.report(
                "SM607", message, (*path, "with", name), key=True, hint=f"let it be null, or add '{name}' there"
            )


def _undelivered_output(subject: Subject, subjects: Mapping[str, Subject], parents: Mapping[str, list[str]]) -> None:
    """The output of a machine against what its parents declare."""
    event = subject.role + ENDED
    waiting = [subjects[role] for role in parents.get(subject.role, []) if event in subjects[role].document.events.peer]
    for final, state in _finals(subject).items():
        for name, item in state.output.items():
            path = (*document_path(final), "output", name)
            kinds = [parent.events[event][0].fields or {} for parent in waiting]
            wanted = [kind[name] for kind in kinds if name in kind]
            if waiting and not wanted:
                hint = f"declare it with the peer event '{event}' of the machine that spawns '{subject.role}'"
                subject.report("SM607", f"nobody takes the output '{name}'", path, key=True, hint=hint)
            for kind in wanted:
                _output(subject, item, kind, path)


def _output(subject: Subject, item: Any, kind: Any, path: Path) -> None:
    with subject.trial() as found:
        value(subject, item, kind, path, frozenset())
    if any(finding.code in ("SM406", "SM407") for finding in found):
        subject.report("SM607", f"the parent declares this output as {describe(kind)}", path)


def _unsent(subjects: Mapping[str, Subject], parents: Mapping[str, list[str]]) -> None:
    sent: set[tuple[str, str]] = set()
    for role, subject in subjects.items():
        for placed in subject.steps:
            if isinstance(placed.step, Send):
                to = placed.step.to
                receivers = parents.get(role, []) if to == "parent" else [to]
                sent |= {(receiver, placed.step.send) for receiver in receivers}
    for role, subject in subjects.items():
        for event, declaration in subject.document.events.peer.items():
            if declaration is not None and declaration.offered:
                continue
            twice = any(finding.path == ("events", "peer", event) for finding in subject.findings)
            if (role, event) not in sent and not event.endswith(ENDED) and not twice:
                subject.report("SM608", f"no machine sends '{event}'", ("events", "peer", event), key=True)
