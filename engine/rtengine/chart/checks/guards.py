"""Whether an eventless row can change what its own guard reads."""

from __future__ import annotations

import ast

from rtengine.chart.checks.machine import Subject
from rtengine.chart.checks.rows import Row
from rtengine.chart.document import Call, Set, Step
from rtengine.chart.expression import ExpressionError, parse
from rtengine.chart.states import upwards


def may_change(subject: Subject, row: Row) -> bool:
    """False when, taken once, the row is sure to be taken again and again.

    A guard that calls a function, or reads more than plain variables, may change by itself or through an action.
    """
    try:
        tree = parse(row.row.when or "true")
    except ExpressionError:
        return True
    read: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            return True
        if isinstance(node, ast.Attribute):
            if not (isinstance(node.value, ast.Name) and node.value.id in ("ctx", "event")):
                return True
            if node.value.id == "ctx":
                read.add(node.attr)
        if isinstance(node, ast.Name) and node.id in subject.vocabulary.roots:
            return True
    return any(_writes(step, read) for step in _steps(subject, row))


def _writes(step: Step, read: set[str]) -> bool:
    if isinstance(step, Set):
        return any(name.partition(".")[0] in read for name in step.set)
    if isinstance(step, Call):
        return step.into is not None and step.into.partition(".")[0] in read
    return False


def _steps(subject: Subject, row: Row) -> list[Step]:
    """The row's steps, and those of every state it may leave or enter on its round."""
    around = [*upwards(row.source), *upwards(row.target or "")]
    found = list(row.row.do)
    for path, place in subject.places.items():
        if path in around or (row.source and path.startswith(row.source + ".")):
            found += [*place.state.entry, *place.state.exit]
    return found
