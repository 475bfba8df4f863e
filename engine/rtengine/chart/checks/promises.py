"""SM7xx: what a machine promises, on every way through it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rtengine.chart.checks.flow import Flow
from rtengine.chart.checks.machine import Subject
from rtengine.chart.checks.rows import Row, descend, move
from rtengine.chart.document import Emit, Step
from rtengine.chart.states import document_path
from rtengine.source.finding import Path
from rtengine.source.suggestion import suggest

Emitted = list[Path]
"""Places of the steps that send the event, in the order they run."""


def check_promises(subject: Subject, flow: Flow) -> None:
    """Nothing is said of a machine whose targets are not all known: it would follow from that."""
    for index, promise in enumerate(subject.document.promises):
        if promise.once not in subject.vocabulary.emits:
            hint = suggest(promise.once, subject.vocabulary.emits)
            path: Path = ("promises", index, "once")
            subject.report("SM401", f"unknown server event '{promise.once}'", path, hint=hint)
        elif not subject.broken:
            _Once(subject, flow, promise.once).check()


class _Once:
    """Counts, for every leaf, how often the event may have been sent on the way there: 0, 1, or 2 for more."""

    def __init__(self, subject: Subject, flow: Flow, event: str) -> None:
        self._subject = subject
        self._flow = flow
        self._event = event
        self._known: set[tuple[str, int]] = set()
        self._todo: list[tuple[str, int]] = []
        self._told: set[Path] = set()

    def check(self) -> None:
        initial = self._subject.document.initial
        down = descend(self._subject, initial) if initial in self._subject.places else None
        if down is None:
            return
        self._arrive(down[-1] if down else initial, 0, self._entries((initial, *down)), ("initial",))
        while self._todo:
            leaf, count = self._todo.pop()
            for row in self._flow.takeable(leaf):
                self._take(leaf, count, row)

    def _take(self, leaf: str, count: int, row: Row) -> None:
        own = self._emits(row.row.do, (*row.path, "do"))
        if row.target is None:
            self._arrive(leaf, count, own, row.path)
        elif (made := move(self._subject, leaf, row)) is not None:
            left = [step for path in made.exits for step in self._block(path, "exit")]
            self._arrive(made.destination, count, [*left, *own, *self._entries(made.entries)], row.path)

    def _arrive(self, leaf: str, count: int, emitted: Emitted, way: Path) -> None:
        for again in emitted[max(0, 1 - count) :]:
            self._tell("SM702", f"'{self._event}' may have been sent before, and is promised once", again)
        now = min(2, count + len(emitted))
        place = self._subject.places[leaf]
        if place.state.final and not place.parent and now == 0:
            self._tell("SM701", f"this way ends in '{leaf}' without '{self._event}', which is promised", way)
        if (leaf, now) not in self._known:
            self._known.add((leaf, now))
            self._todo.append((leaf, now))

    def _entries(self, paths: Iterable[str]) -> Emitted:
        return [step for path in paths for step in self._block(path, "entry")]

    def _block(self, path: str, key: str) -> Emitted:
        return self._emits(getattr(self._subject.places[path].state, key), (*document_path(path), key))

    def _emits(self, steps: Sequence[Step], at: Path) -> Emitted:
        return [
            (*at, index, "emit")
            for index, step in enumerate(steps)
            if isinstance(step, Emit) and step.emit == self._event
        ]

    def _tell(self, code: str, message: str, path: Path) -> None:
        if path not in self._told:
            self._told.add(path)
            self._subject.report(code, message, path)
