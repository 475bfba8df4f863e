"""SM208 and SM3xx: what can never happen, and what can never stop."""

from __future__ import annotations

from rtengine.chart.checks.flow import Flow
from rtengine.chart.checks.guards import may_change
from rtengine.chart.checks.machine import Subject
from rtengine.chart.checks.rows import Row, move
from rtengine.chart.document import Raise
from rtengine.chart.states import document_path
from rtengine.source.finding import Path
from rtengine.source.suggestion import nearest


def check_reachability(subject: Subject, rows: list[Row], flow: Flow) -> None:
    """Nothing is said of a machine whose targets are not all known: it would follow from that."""
    _unused_events(subject)
    if subject.broken:
        return
    endless = _endless(subject, flow)
    _states(subject, flow, endless)
    _rows(subject, rows, flow, endless)


def _unused_events(subject: Subject) -> None:
    handled = set(subject.document.on).union(*(place.state.on for place in subject.places.values()))
    events = subject.document.events
    listed: list[tuple[str, Path, bool]] = [
        (name, ("events", group, index), False)
        for group in ("client", "host")
        for index, name in enumerate(getattr(events, group))
    ]
    listed += [(n, ("events", group, n), True) for group in ("peer", "internal") for n in getattr(events, group)]
    for name, path, key in listed:
        if name not in handled and "*" not in handled and not any(finding.path == path for finding in subject.findings):
            subject.report(
                "SM301", f"no state handles the event '{name}'", path, key=key, hint="remove it or add a row"
            )
    raised = {placed.step.raise_ for placed in subject.steps if isinstance(placed.step, Raise)}
    for name in events.internal:
        if name not in raised and name in handled:
            subject.report("SM306", f"nothing raises the event '{name}'", ("events", "internal", name), key=True)


def _endless(subject: Subject, flow: Flow) -> set[str]:
    """Leaves on a round of eventless rows: each sure to be taken, or one whose guard stays as it is."""
    sure: dict[str, tuple[str, Row]] = {}
    for leaf in sorted(flow.arrived):
        row = next(iter(flow.eventless(leaf)), None)
        if row is None or row.lost:
            continue
        made = move(subject, leaf, row) if row.target is not None else None
        following = made.destination if made is not None else leaf
        if row.row.when is None or (following == leaf and not may_change(subject, row)):
            sure[leaf] = (following, row)
    caught: set[str] = set()
    for leaf in sure:
        seen: list[str] = []
        at = leaf
        while at in sure and at not in seen and at not in caught:
            seen.append(at)
            at = sure[at][0]
        if at in seen:
            cycle = seen[seen.index(at) :]
            caught |= set(cycle)
            first = min((sure[member][1] for member in cycle), key=lambda row: subject.machine.line(row.path))
            way = " → ".join([*cycle, cycle[0]])
            subject.report("SM208", f"eventless rows go round for ever: {way}", first.path)
    return caught


def _states(subject: Subject, flow: Flow, endless: set[str]) -> None:
    reached = {
        path for path in subject.places if any(leaf == path or leaf.startswith(path + ".") for leaf in flow.arrived)
    }
    leaves = [path for path, place in subject.places.items() if place.leaf]
    for path, place in subject.places.items():
        where = document_path(path)
        stays = place.leaf and not place.state.final and not flow.following[path] - {path}
        if path not in reached:
            if not place.parent or place.parent in reached:
                message = f"the state '{path}' can never be entered"
                subject.report("SM302", message, where, key=True, hint=_meant(subject, path))
        elif stays and len(leaves) > 1 and path not in endless:
            message = f"the state '{path}' can never be left"
            subject.report("SM303", message, where, key=True, hint="mark it 'final: true' or add a row with a target")


def _meant(subject: Subject, path: str) -> str:
    """A state that only an extending file has may be a slip of the name of one it extends."""
    place, file = subject.places[path], subject.machine.file
    if file.source(document_path(path)) == file.names[-1]:
        return "add a row that leads to it, or remove it"
    extended = [
        other.name
        for known, other in subject.places.items()
        if other.parent == place.parent and file.source(document_path(known)) != file.names[0]
    ]
    near = nearest(place.name, extended)
    return f"did you mean '{near}'?" if near else "add a row that leads to it, or remove it"


def _rows(subject: Subject, rows: list[Row], flow: Flow, endless: set[str]) -> None:
    shadowed = {finding.path for finding in subject.findings if finding.code == "SM206"}
    for row in rows:
        if flow.taken.get(row) or row.path in shadowed or endless:
            continue
        group = row.path[:-1]
        if any((*group, index) in shadowed for index in range(row.index)):
            continue
        inside = [leaf for leaf in flow.arrived if not row.source or (leaf + ".").startswith(row.source + ".")]
        if not inside or (subject.places.get(row.source) and subject.places[row.source].state.final):
            continue
        if row.trigger == "on" and not flow.payloads(row):
            if row.event.partition(".")[0] in _service_names(subject):
                message = f"the service of '{row.event}' does not run while this row is waited on"
                subject.report("SM305", message, row.path)
            continue
        subject.report("SM304", f"this row can never be taken{_reason(row)}", row.path)


def _reason(row: Row) -> str:
    if row.trigger == "done":
        return ": no final child can be entered"
    if row.trigger == "on":
        return ": rows without 'when' stand before it in every state it holds for"
    return ""


def _service_names(subject: Subject) -> set[str]:
    return {invoke.id or invoke.run for place in subject.places.values() for invoke in place.state.invoke}
