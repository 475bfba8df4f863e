"""What can happen in a machine, guards aside: the leaves reached, the rows taken there, and for which events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from rtengine.chart.checks.machine import ANYTHING, START, UNKNOWN, Payload, Payloads, Subject
from rtengine.chart.checks.names import service_events
from rtengine.chart.checks.rows import Row, descend, move
from rtengine.chart.states import upwards


class Flow:
    """The fixed point of taking every row wherever no other row stands before it."""

    def __init__(self, subject: Subject, rows: list[Row]) -> None:
        self._subject = subject
        self._by_place: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
        for row in rows:
            self._by_place[row.source, row.trigger, row.event].append(row)
        self._delays = {row: Payload("a delay", {}, None) for row in rows if row.trigger == "after"}
        self._services = {where: service_events(subject, where) for where in ("", *subject.places)}
        self.arrived: dict[str, set[Payload]] = defaultdict(set)
        """Leaf to the events that led there, or were handled there."""
        self.taken: dict[Row, set[Payload]] = defaultdict(set)
        self.entering: dict[str, set[Payload]] = defaultdict(set)
        self.leaving: dict[str, set[Payload]] = defaultdict(set)
        self.following: dict[str, set[str]] = defaultdict(set)
        """Leaf to the leaves its rows lead to, faults aside."""
        self._todo: list[tuple[str, Payload]] = []
        self._rested: set[str] = set()
        self._begin()

    def payloads(self, row: Row) -> Payloads:
        """Of all events the row may be taken for, reachable or not. Empty when nothing can be said."""
        if row.trigger == "after":
            return frozenset({self._delays[row]})
        if row.trigger == "on":
            return frozenset(self._carried(row))
        return frozenset(self.taken.get(row, ()))

    def eventless(self, leaf: str) -> list[Row]:
        """Eventless rows asked in the leaf, down to the first that is sure to be taken."""
        return list(self._chain(leaf, "always"))

    def resting(self, leaf: str) -> bool:
        """Whether the machine can come to rest in the leaf: no eventless row is sure to lead on."""
        return all(row.row.when is not None for row in self._chain(leaf, "always"))

    def takeable(self, leaf: str) -> list[Row]:
        """Every row that may be taken in the leaf, guards aside."""
        place = self._subject.places[leaf]
        done = self._by_place[place.parent, "done", ""] if place.state.final and place.parent else []
        found = [*self._until_sure(done), *self._chain(leaf, "always")]
        if (place.state.final and not place.parent) or not self.resting(leaf):
            return found
        found += [row for scope in upwards(leaf) for row in self._by_place[scope, "after", ""]]
        found += [row for event in self._awaited(leaf) for row in self._chain(leaf, "on", event)]
        return list(dict.fromkeys(found))

    def _begin(self) -> None:
        subject = self._subject
        initial = subject.document.initial
        down = descend(subject, initial) if initial in subject.places else None
        if down is None:
            return
        for path in (initial, *down):
            self.entering[path].add(START)
        self._arrive(down[-1] if down else initial, START)
        while self._todo:
            leaf, payload = self._todo.pop()
            self._follow(leaf, payload)

    def _arrive(self, leaf: str, payload: Payload) -> None:
        if payload not in self.arrived[leaf]:
            self.arrived[leaf].add(payload)
            self._todo.append((leaf, payload))

    def _follow(self, leaf: str, payload: Payload) -> None:
        place = self._subject.places[leaf]
        if place.state.final:
            for row in self._until_sure(self._by_place[place.parent, "done", ""]) if place.parent else ():
                self._take(row, leaf, payload)
        for row in self._chain(leaf, "always"):
            self._take(row, leaf, payload)
        over = place.state.final and not place.parent
        if over or leaf in self._rested or not self.resting(leaf):
            return
        self._rested.add(leaf)
        for scope in upwards(leaf):
            for row in self._by_place[scope, "after", ""]:
                self._take(row, leaf, self._delays[row])
        for event in self._awaited(leaf):
            for row in self._chain(leaf, "on", event):
                for carried in self._carried(row):
                    self._take(row, leaf, carried)

    def _take(self, row: Row, leaf: str, payload: Payload) -> None:
        self.taken[row].add(payload)
        if row.target is None:
            if not row.lost:
                self._arrive(leaf, payload)
        elif (made := move(self._subject, leaf, row)) is not None:
            for path in made.exits:
                self.leaving[path].add(payload)
            for path in made.entries:
                self.entering[path].add(payload)
            if row.event != "fault":
                self.following[leaf].add(made.destination)
            self._arrive(made.destination, payload)

    def _carried(self, row: Row) -> tuple[Payload, ...]:
        if row.event == "*":
            return (ANYTHING,)
        if row.event not in self._subject.events and row.event not in self._services[""]:
            return (UNKNOWN,)
        return (*self._subject.events.get(row.event, ()), *self._services[row.source].get(row.event, ()))

    def _awaited(self, leaf: str) -> list[str]:
        """Events that a row of the leaf, of a state around it, or of the machine names; then any other."""
        scopes = (*upwards(leaf), "")
        named = [event for scope, trigger, event in self._by_place if trigger == "on" and scope in scopes]
        return [*dict.fromkeys(event for event in named if event != "*"), "*"]

    def _chain(self, leaf: str, trigger: str, event: str = "") -> Iterator[Row]:
        """Rows asked in the leaf, innermost state first, down to the first that is sure to be taken."""
        for scope in (*upwards(leaf), ""):
            for name in (event, "*") if trigger == "on" and event not in ("*", "fault") else (event,):
                for row in self._by_place.get((scope, trigger, name), ()):
                    yield row
                    if row.row.when is None:
                        return

    @staticmethod
    def _until_sure(listed: list[Row]) -> Iterator[Row]:
        for row in listed:
            yield row
            if row.row.when is None:
                return
