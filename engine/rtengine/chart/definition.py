"""A machine file compiled: immutable, made once in a process, shared by every session."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from rtengine.chart.activity import clear, launch, schedule, stop
from rtengine.chart.closure import Closure, compile_expression
from rtengine.chart.context import Context, context_class
from rtengine.chart.document import After, MachineFile, Spawn, State, Transition
from rtengine.chart.duration import seconds
from rtengine.chart.plan import Block, Move, Plan, Row, Topology
from rtengine.chart.states import Place, document_path, every_step, optional_fields, places, resolve, upwards
from rtengine.chart.steps import compile_steps
from rtengine.chart.template import compile_fields, compile_value
from rtengine.chart.vocabulary import Vocabulary

ALWAYS = "(always)"
START = "(start)"
FAULT = "fault"
WILDCARD = "*"

Lines = Callable[[tuple[str | int, ...]], int]
"""Path in the document to the line, from 1, it stands on."""
Rows = Mapping[str, tuple[Plan, ...]]
"""Event to the rows that may take it, in the order they are tried; ``*`` for events that no row of the file names."""


class Layers(Protocol):
    """The files of a machine that extends others."""

    @property
    def names(self) -> tuple[str, ...]:
        """The machine's own file first."""
        ...

    def origin(self, path: tuple[str | int, ...]) -> str:
        """Name of the file that the value at a path of the document stands in."""
        ...

    def source(self, path: tuple[str | int, ...]) -> str:
        """Name of the file that was the first to have something at the path."""
        ...


@dataclass(frozen=True, slots=True)
class Alone:
    """A file that extends no other."""

    name: str

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name,)

    def origin(self, path: tuple[str | int, ...]) -> str:
        return self.name

    source = origin


@dataclass(frozen=True, slots=True)
class Definition:
    """What all instances of one machine share."""

    machine: str
    file: str
    document: MachineFile
    places: Mapping[str, Place]
    rows: tuple[Row, ...]
    start: Plan
    table: Mapping[str, Rows]
    """By leaf state. The rows of a leaf stand before those of the states around it, the machine's own come last."""
    always: Mapping[str, tuple[Plan, ...]]
    """Eventless rows, for the leaves that have any."""
    client: frozenset[str]
    """Client events the machine answers."""
    spawns: frozenset[str]
    """Machines it starts."""
    context: type[Context]
    defaults: Mapping[str, Closure]
    """Variable to the closure that makes its first value."""
    optional: Mapping[str, tuple[str, ...]]
    """Peer or internal event to the fields a sender may leave out."""
    outputs: Mapping[str, Closure]
    """Final top-level state to the fields of ``<machine>.ended``."""
    files: tuple[str, ...]
    """The machine's own file, then those it extends."""
    stands_in: Callable[[str], str]
    """Path of a state to the file it was first named in."""


def compile_machine(
    document: MachineFile, vocabulary: Vocabulary, lines: Lines, file: str, layers: Layers | None = None
) -> Definition:
    """Compile a checked document. ``file`` is the name that traces and coverage show.

    ``layers`` tells the files of one that extends others; without it ``file`` stands alone.

    Raises ``ExpressionError``, ``LookupError`` or ``ValueError`` for a document the checks would have refused.
    """
    return _Compiler(document, vocabulary, lines, file, layers or Alone(file)).definition()


@dataclass(frozen=True, slots=True)
class _Entry:
    """A row of the document, compiled but for the leaf it is taken from."""

    row: Row
    guard: Closure | None
    do: Block
    reenter: bool


class _Compiler:
    def __init__(self, document: MachineFile, vocabulary: Vocabulary, lines: Lines, file: str, layers: Layers) -> None:
        self._document = document
        self._vocabulary = vocabulary
        self._lines = lines
        self._file = file
        self._layers = layers
        self._places = places(document)
        self._topology = Topology(self._places, document.initial)
        self._delays: dict[str, list[tuple[str, Closure]]] = {}
        entries = [self._entry(*found) for found in self._written()]
        # stable: the order of the extended file, then of the machine's own
        entries.sort(key=lambda entry: (entry.row.file == file, entry.row.file, entry.row.line))
        self._rows: dict[tuple[str, str], list[_Entry]] = {}
        for number, entry in enumerate(entries):
            numbered = _Entry(replace(entry.row, id=number), entry.guard, entry.do, entry.reenter)
            self._rows.setdefault((entry.row.source, entry.row.event), []).append(numbered)
        self._exit = {path: self._leave(path, place.state) for path, place in self._places.items()}
        self._enter = {path: self._arrive(place.state) for path, place in self._places.items()}
        self._begin = {path: self._activate(path, place.state) for path, place in self._places.items()}

    def definition(self) -> Definition:
        document = self._document
        leaves = [path for path, place in self._places.items() if place.leaf]
        always = {leaf: self._plans(leaf, ALWAYS) for leaf in leaves}
        rows = sorted((entry.row for found in self._rows.values() for entry in found), key=lambda row: row.id)
        return Definition(
            machine=document.machine,
            file=self._file,
            document=document,
            places=self._places,
            rows=tuple(rows),
            start=self._start(),
            table={"": {WILDCARD: ()}} | {leaf: self._table(leaf) for leaf in leaves},
            always={leaf: plans for leaf, plans in always.items() if plans},
            client=frozenset(document.events.client),
            spawns=frozenset(step.spawn for step in every_step(document) if isinstance(step, Spawn)),
            context=context_class(document.machine, document.context),
            defaults={
                name: compile_value(variable.default, self._vocabulary) for name, variable in document.context.items()
            },
            optional=optional_fields(document),
            files=self._layers.names,
            stands_in=lambda path: self._layers.source(document_path(path)),
            outputs={
                name: compile_fields(state.output, self._vocabulary)
                for name, state in document.states.items()
                if state.final
            },
        )

    # --- rows -------------------------------------------------------------------------------------------------------

    def _written(self) -> Iterator[tuple[str, str, str, Transition, tuple[str | int, ...]]]:
        """Every row as (source, event, label, row, path in the document)."""
        for event, rows in self._document.on.items():
            for index, row in enumerate(rows):
                yield "", event, event, row, ("on", event, index)
        for path, place in self._places.items():
            state, at = place.state, document_path(path)
            for event, rows in state.on.items():
                for index, row in enumerate(rows):
                    yield path, event, event, row, (*at, "on", event, index)
            for index, row in enumerate(state.always):
                yield path, ALWAYS, "always", row, (*at, "always", index)
            for index, timed in enumerate(state.after):
                label = f"after {str(timed.delay).removeprefix('=')}"
                yield path, _after(path, index), label, timed, (*at, "after", index)
            for index, row in enumerate(state.done):
                yield path, _done(path), "done", row, (*at, "done", index)

    def _entry(self, source: str, event: str, label: str, row: Transition, at: tuple[str | int, ...]) -> _Entry:
        target = row.target if row.target is not None or not row.reenter else source
        path = None
        if target is not None:
            path = resolve(self._places, source, target)
            if path is None:
                raise LookupError(f"{self._file}:{self._lines(at)}: no state {target!r}")
        if isinstance(row, After):
            self._delays.setdefault(source, []).append((event, self._delay(row.delay)))
        guard = None if row.when is None else compile_expression(row.when, self._vocabulary)
        do = compile_steps(row.do, self._vocabulary, self._document.context)
        machine, file, line = self._document.machine, self._layers.origin(at), self._lines(at)
        written = Row(0, machine, file, line, source, event, label, row.when, path, row.doc, at)
        return _Entry(written, guard, do, row.reenter)

    def _delay(self, delay: str | int | float) -> Closure:
        if isinstance(delay, str) and delay.startswith("="):
            return compile_expression(delay[1:], self._vocabulary)
        fixed = seconds(delay)
        return lambda i, e: fixed

    # --- what a state brings with it --------------------------------------------------------------------------------

    def _leave(self, path: str, state: State) -> tuple[Block, ...]:
        steps = compile_steps(state.exit, self._vocabulary, self._document.context)
        timers = [(clear(event),) for event, _ in self._delays.get(path, ())]
        services = [(stop(_service(path, invoke.id or invoke.run)),) for invoke in state.invoke]
        return tuple(block for block in (steps, *timers, *services) if block)

    def _arrive(self, state: State) -> tuple[Block, ...]:
        steps = compile_steps(state.entry, self._vocabulary, self._document.context)
        return (steps,) if steps else ()

    def _activate(self, path: str, state: State) -> tuple[Block, ...]:
        timers = [(schedule(event, delay),) for event, delay in self._delays.get(path, ())]
        services = [
            (
                launch(
                    _service(path, invoke.id or invoke.run),
                    invoke.id or invoke.run,
                    invoke.run,
                    compile_fields(invoke.with_, self._vocabulary),
                ),
            )
            for invoke in state.invoke
        ]
        return (*timers, *services)

    # --- plans ------------------------------------------------------------------------------------------------------

    def _start(self) -> Plan:
        initial = self._document.initial
        row = Row(
            -1, self._document.machine, self._file, self._lines(("initial",)), "", START, "start", None, initial, ""
        )
        return self._plan(_Entry(row, None, (), False), self._topology.begin(initial))

    def _table(self, leaf: str) -> Rows:
        """Rows for every event the file names anywhere; none of a wildcard's for faults, delays and completions."""
        named = {event: self._plans(leaf, event) for _, event in self._rows if event not in (ALWAYS, WILDCARD)}
        return {FAULT: ()} | named | {WILDCARD: self._plans(leaf, WILDCARD)}

    def _plans(self, leaf: str, event: str) -> tuple[Plan, ...]:
        place = self._places[leaf]
        if event.startswith("(done ") and not (place.state.final and event == _done(place.parent)):
            return ()
        own = event == FAULT or event.startswith("(")
        plans: list[Plan] = []
        for source in (*upwards(leaf), ""):
            names = (event,) if own or event == WILDCARD else (event, WILDCARD)
            for entry in (entry for name in names for entry in self._rows.get((source, name), ())):
                plans.append(self._plan(entry, self._moved(leaf, entry)))
                if entry.guard is None:
                    return tuple(plans)  # nothing behind an unguarded row is ever asked
        return tuple(plans)

    def _moved(self, leaf: str, entry: _Entry) -> Move:
        row = entry.row
        if row.target is None:
            return Move((), (), leaf)
        if entry.reenter:
            # a row of the machine counts as one of the top-level state that is active
            return self._topology.reenter(leaf, row.source or leaf.partition(".")[0], row.target)
        return self._topology.move(leaf, row.target)

    def _plan(self, entry: _Entry, move: Move) -> Plan:
        leaving = [block for path in move.exits for block in self._exit[path]]
        entering = [block for path in move.entries for block in self._enter[path]]
        beginning = [block for path in move.entries for block in self._begin[path]]
        place = self._places[move.destination]
        complete = bool(move.entries) and place.state.final
        done = _done(place.parent)
        return Plan(
            row=entry.row,
            guard=entry.guard,
            exits=move.exits,
            entries=move.entries,
            destination=move.destination,
            leaving=tuple(leaving) + ((entry.do,) if entry.do else ()),
            entering=tuple(entering + beginning),
            done=done if complete and (place.parent, done) in self._rows else None,
            final=complete and not place.parent,
        )


# --- names of what a file does not name: the parenthesis keeps them apart from its events -----------------------------


def _after(path: str, index: int) -> str:
    return f"(after {path} {index})"


def _done(path: str) -> str:
    return f"(done {path})"


def _service(path: str, prefix: str) -> str:
    return f"{path} {prefix}"
