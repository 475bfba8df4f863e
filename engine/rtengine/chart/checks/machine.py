"""A machine under check, and what the checks have learned of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rtengine.chart.checks.codes import CODES
from rtengine.chart.document import MachineFile, Step
from rtengine.chart.overlay import LayeredFile
from rtengine.chart.states import Place, places
from rtengine.chart.types import names, nullable, resolve
from rtengine.chart.vocabulary import Vocabulary
from rtengine.source.finding import Finding, Path
from rtengine.source.suggestion import suggest


@dataclass(frozen=True)
class Machine:
    """A machine file of the right shape, and the part it plays."""

    role: str
    file: LayeredFile
    document: MachineFile

    def line(self, path: Path) -> int:
        return self.file.place(path)[1]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the machine's file and of those it extends."""
        return self.file.names

    def origin(self, path: Path) -> str:
        """Name of the file that the value at ``path`` stands in."""
        return self.file.place(path)[0]

    def source(self, path: Path) -> str:
        """Name of the file that was the first to have something at ``path``."""
        return self.file.source(path)


@dataclass(frozen=True, eq=False)
class Payload:
    """What an event carries. ``fields`` is None where that is not known, because of an earlier finding."""

    event: str
    fields: Mapping[str, Any] | None
    whole: Any = Any
    """Type of the payload itself."""

    @property
    def label(self) -> str:
        """The event in a sentence; what is no event of the file has a description for a name."""
        return self.event if " " in self.event else f"'{self.event}'"


START = Payload("the start of the machine", {}, None)
ANYTHING = Payload("any other event", {}, Any)
UNKNOWN = Payload("?", None)
Payloads = frozenset[Payload]


@dataclass(frozen=True)
class PlacedStep:
    """A step, and the events it may run for."""

    step: Step
    path: Path
    payloads: Payloads


@dataclass
class Subject:
    """One machine with its findings."""

    machine: Machine
    vocabulary: Vocabulary
    findings: list[Finding] = field(default_factory=list)
    context: dict[str, Any] = field(default_factory=dict)
    """Variable to annotation."""
    events: dict[str, tuple[Payload, ...]] = field(default_factory=dict)
    """The alphabet without the services' events."""
    steps: list[PlacedStep] = field(default_factory=list)
    broken: bool = False
    """An initial state or a target is unknown, so what can be reached is not known either."""

    def __post_init__(self) -> None:
        self.places: dict[str, Place] = places(self.document)

    @property
    def document(self) -> MachineFile:
        return self.machine.document

    @property
    def role(self) -> str:
        return self.machine.role

    def report(
        self, code: str, message: str, path: Path, *, key: bool = False, offset: int | None = None, hint: str = ""
    ) -> None:
        finding = self.machine.file.finding(
            code, message, path, key=key, offset=offset, hint=hint, severity=CODES[code].severity
        )
        self.findings.append(finding)

    @contextmanager
    def trial(self) -> Iterator[list[Finding]]:
        """Findings made inside are put aside."""
        kept, self.findings = self.findings, []
        try:
            yield self.findings
        finally:
            self.findings = kept

    def type_of(self, name: str, path: Path) -> Any:
        """The annotation of a type name in the file; Any, and a finding, when there is no such type."""
        try:
            return resolve(name, self.vocabulary)
        except LookupError:
            bare = name.removesuffix("?")
            self.report("SM101", f"unknown type '{bare}'", path, hint=suggest(bare, names(self.vocabulary)))
            return Any


def needed(variable_type: Any, has_default: bool) -> bool:
    """Whether a spawner must give the variable: without a default it would start as null."""
    return not has_default and not nullable(variable_type)
