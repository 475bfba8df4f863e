"""SM2xx: states and rows, each by itself."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby, pairwise

from rtengine.chart.checks.machine import Subject
from rtengine.chart.checks.names import alphabet, unknown_service
from rtengine.chart.checks.rows import Row
from rtengine.chart.document import After
from rtengine.chart.duration import seconds
from rtengine.chart.states import Place, document_path
from rtengine.chart.template import is_expression
from rtengine.source.finding import Path
from rtengine.source.suggestion import suggest


def check_structure(subject: Subject, rows: list[Row]) -> None:
    """Sets ``subject.broken`` when an initial state or a target is unknown."""
    _initial(subject, subject.document.initial, list(subject.document.states), ("initial",))
    for where, place in subject.places.items():
        _state(subject, place, document_path(where))
    for _, group in groupby(rows, key=lambda row: row.path[:-1]):
        _order(subject, list(group))
    for row in rows:
        _row(subject, row)
    _handled(subject)
    _empty(subject)


def _initial(subject: Subject, name: str, known: list[str], path: Path) -> None:
    if name not in known:
        subject.broken = True
        hint = suggest(name, known, "states") or "the state has no child states"
        subject.report("SM201", f"unknown initial state '{name}'", path, hint=hint)


def _state(subject: Subject, place: Place, path: Path) -> None:
    state = place.state
    if state.initial is not None:
        _initial(subject, state.initial, list(state.states), (*path, "initial"))
    elif state.states and not state.final:
        subject.broken = True
        hint = f"add 'initial: {next(iter(state.states))}'"
        subject.report("SM202", f"'{place.path}' has child states and no initial one", path, key=True, hint=hint)
    if state.final:
        refused = [key for key in ("states", "on", "always", "after", "done", "invoke") if getattr(state, key)]
        refused += ["exit"] if state.exit and not place.parent else []
        for key in refused:
            message = f"nothing happens after the final state '{place.path}', so it takes no '{key}'"
            subject.report("SM204", message, (*path, key), key=True)
    if state.output and not (state.final and not place.parent):
        message = f"'{place.path}' does not end the machine, so it has no output"
        subject.report("SM210", message, (*path, "output"), key=True, hint="only a final state at the top level has")


def _order(subject: Subject, group: list[Row]) -> None:
    if group[0].trigger == "after":
        return
    for row, following in pairwise(group):
        if row.row.when is None:
            message = "this row can never be taken: the one before it has no 'when'"
            subject.report("SM206", message, following.path, hint="move the row without 'when' to the end")
            return


def _row(subject: Subject, row: Row) -> None:
    written = row.row
    if row.lost:
        subject.broken = True
        target = str(written.target)
        elsewhere = [path for path, place in subject.places.items() if place.name == target]
        known = elsewhere or [*subject.places, *(place.name for place in subject.places.values())]
        hint = suggest(target, known, "states")
        subject.report("SM203", f"unknown target state '{written.target}'", (*row.path, "target"), hint=hint)
    elif row.target is None and written.reenter:
        message = "a row of the machine itself has no state to enter again"
        subject.report("SM211", message, (*row.path, "reenter"), key=True, hint="name a 'target'")
    elif row.target is None and not written.do and "do" not in written.model_fields_set:
        hint = "write 'do: []' to ignore the event here on purpose"
        subject.report("SM207", "this row has neither 'target' nor 'do'", row.path, hint=hint)
    if isinstance(written, After) and not is_expression(written.delay):
        try:
            seconds(written.delay)
        except ValueError as error:
            subject.report("SM209", str(error), (*row.path, "delay"))


def _handled(subject: Subject) -> None:
    known = alphabet(subject)
    places: list[tuple[Path, Iterable[str]]] = [((), subject.document.on)]
    places += [(document_path(where), place.state.on) for where, place in subject.places.items()]
    for path, on in places:
        for event in on:
            if event in known or event == "*" or unknown_service(subject, event):
                continue
            hint = suggest(event, known, "events")
            subject.report("SM205", f"the event '{event}' is not declared", (*path, "on", event), key=True, hint=hint)


def _empty(subject: Subject) -> None:
    places = [((), subject.document.on), *((document_path(w), p.state.on) for w, p in subject.places.items())]
    for path, on in places:
        for event, rows in on.items():
            if not rows:
                hint = "write '- do: []' to ignore the event here on purpose"
                subject.report("SM207", f"there is no row for '{event}'", (*path, "on", event), key=True, hint=hint)
