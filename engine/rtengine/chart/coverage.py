"""Which rows of the machine files have been taken. Feed it what ``Host.taken`` is told.

A row counts for the file it stands in, also where it is taken by a machine that extends that file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rtengine.chart.definition import Definition
from rtengine.chart.plan import Plan, Row
from rtengine.source.finding import Path


@dataclass(frozen=True, slots=True)
class Tally:
    """One machine: how many of its rows were taken and of its states entered, and which were not."""

    file: str
    rows: int
    untaken: tuple[Row, ...]
    states: int
    unentered: tuple[str, ...]

    @property
    def complete(self) -> bool:
        return not self.untaken and not self.unentered

    def __str__(self) -> str:
        """``machines/turn.yaml: 20/21 rows, 6/6 states``."""
        rows, states = self.rows - len(self.untaken), self.states - len(self.unentered)
        return f"{self.file}: {rows}/{self.rows} rows, {states}/{self.states} states"


class Coverage:
    """Counts of taken rows and entered states, by file. One may gather the sessions of a whole test run."""

    def __init__(self) -> None:
        self.rows: Counter[tuple[str, Path]] = Counter()
        """(file, place of the row in it) to how often the row was taken."""
        self.states: Counter[tuple[str, str]] = Counter()
        """(machine, path) to how often the state was entered."""

    def taken(self, plan: Plan) -> None:
        self.rows[plan.row.file, plan.row.path] += 1
        for path in plan.entries:
            self.states[plan.row.machine, path] += 1

    def update(self, other: Coverage) -> None:
        """Add another's counts."""
        self.rows.update(other.rows)
        self.states.update(other.states)

    def tally(self, definition: Definition, own: bool = False) -> Tally:
        """``own`` leaves out the rows and states of files that the machine's extends."""
        rows = [row for row in definition.rows if not own or row.file == definition.file]
        states = [path for path in definition.places if not own or definition.stands_in(path) == definition.file]
        return Tally(
            file=definition.file,
            rows=len(rows),
            untaken=tuple(row for row in rows if not self.rows[row.file, row.path]),
            states=len(states),
            unentered=tuple(path for path in states if not self.states[definition.machine, path]),
        )

    def report(self, definitions: Iterable[Definition]) -> Iterator[str]:
        """A line per file, and one for each row and state that was missed: ``machines/turn.yaml:38: …``."""
        for definition in definitions:
            tally = self.tally(definition)
            yield str(tally)
            for row in tally.untaken:
                yield f"{row.file}:{row.line}: not taken: {describe(row)}"
            for path in tally.unentered:
                yield f"{definition.file}: not entered: {path}"


def describe(row: Row) -> str:
    """``speaking: vad.silence [ctx.n > 1] → committing``."""
    guard = f" [{' '.join(row.when.split())}]" if row.when else ""
    target = f" → {row.target}" if row.target else ""
    return f"{row.source or row.machine}: {row.label}{guard}{target}"
