"""Machine files to checked definitions: all files of a session together, all their findings at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rtengine.chart.checks import Machine, check
from rtengine.chart.document import MachineFile
from rtengine.chart.overlay import LayeredFile
from rtengine.chart.partial import check_rest
from rtengine.chart.vocabulary import Vocabulary
from rtengine.source.finding import FileError, Finding, in_order
from rtengine.source.shape import validate

if TYPE_CHECKING:
    from rtengine.chart.definition import Definition

Machines = Mapping[str, "Definition"]
"""Machine name to its definition."""


def load_machines(files: Mapping[str, Path], vocabulary: Vocabulary) -> Machines:
    """Compiles the files, keyed by the part each plays. Raises FileError with every finding of every file."""
    from rtengine.chart.definition import compile_machine

    machines, findings = _read(files, vocabulary)
    if any(finding.severity == "error" for finding in findings):
        raise FileError(findings)
    return {
        role: compile_machine(machine.document, vocabulary, machine.line, machine.file.name, machine)
        for role, machine in machines.items()
    }


def check_machines(files: Mapping[str, Path], vocabulary: Vocabulary) -> list[Finding]:
    """What is wrong with the files, in order of file and place. Warnings alone do not keep them from being loaded."""
    return _read(files, vocabulary)[1]


def _read(files: Mapping[str, Path], vocabulary: Vocabulary) -> tuple[dict[str, Machine], list[Finding]]:
    machines: dict[str, Machine] = {}
    findings: list[Finding] = []
    for role, path in files.items():
        try:
            file = LayeredFile.read(path, vocabulary.find)
        except FileError as error:
            findings += error.findings
            continue
        document, mistakes = validate(file, MachineFile, "SM")
        findings += [*file.findings, *mistakes]
        if document is not None:
            machines[role] = Machine(role, file, document)
        else:
            findings += check_rest(role, file, files, vocabulary)
    findings += check(machines, files, vocabulary)
    return machines, in_order(findings)
