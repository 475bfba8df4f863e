"""``rtengine check``: every mistake in machine files, profiles and scenarios, with its place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

from rtengine.chart.load import check_machines, load_machines
from rtengine.chart.matrix import table
from rtengine.chart.overlay import LayeredFile
from rtengine.errors import RtengineError
from rtengine.profile.layers import shown
from rtengine.profile.load import check_profile, machine_files
from rtengine.profile.shipped import SUFFIX, shipped
from rtengine.scenarios.run import read_scenario
from rtengine.session.vocabulary import VOCABULARY
from rtengine.source.file import SourceFile
from rtengine.source.finding import FileError, Finding, in_order
from rtengine.source.report import FORMATS
from rtengine_cli.machine_set import default_set, machine_set, short

FOLDERS: tuple[Literal["machines", "profiles"], ...] = ("machines", "profiles")


class Format(StrEnum):
    full = "full"
    concise = "concise"
    json = "json"
    github = "github"


def check(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PATH]...",
            help="Machine files, profiles, scenarios, or folders; else ./machines and ./profiles, else those shipped.",
            show_default=False,
        ),
    ] = None,
    format: Annotated[Format, typer.Option("--format", help="How findings are written.")] = Format.full,
    strict: Annotated[bool, typer.Option("--strict", help="Fail on warnings too.")] = False,
    answers: Annotated[
        bool, typer.Option("--matrix", help="Also print which state of a machine answers which client event.")
    ] = False,
) -> None:
    """Check machine files, profiles and scenarios. Exit status 1 when there are errors."""
    files = list(dict.fromkeys(_files(paths or _default_folders())))
    findings = check_files(files)
    failed = [finding for finding in findings if strict or finding.severity == "error"]
    if findings or format is Format.json:
        typer.echo(FORMATS[format.value](findings))
    if format is Format.full:
        typer.echo(_summary(len(files), findings), err=bool(failed))
    if answers and not any(finding.severity == "error" for finding in findings):
        for text in _matrices(files):
            typer.echo("\n" + text)
    if failed:
        raise typer.Exit(1)


def _matrices(files: Iterable[Path]) -> Iterator[str]:
    """Of the machine files among them that answer client events."""
    for path in files:
        if not {"profile", "steps"} & SourceFile.read(path).plain().keys():
            role, machines = machine_set(path)
            definition = load_machines(machines, VOCABULARY)[role]
            if definition.client:
                yield f"{shown(path)}\n{table(definition)}"


def check_files(files: Iterable[Path]) -> list[Finding]:
    """All findings. A machine file is checked in its place among the machines of the default profile."""
    findings: list[Finding] = []
    sets = _Sets()
    for path in files:
        try:
            document = SourceFile.read(path, shown(path)).plain()
            if "steps" in document:
                read_scenario(Path(shown(path)))
            else:
                findings += sets.profile(path) if "profile" in document else sets.machine(path)
        except FileError as error:
            findings += error.findings
    return in_order(findings)


class _Sets:
    """Sets of machines, each checked once: most machine files are checked among the same others."""

    def __init__(self) -> None:
        self._found: dict[frozenset[tuple[str, Path]], list[Finding]] = {}

    def check(self, files: dict[str, Path]) -> list[Finding]:
        key = frozenset(files.items())
        if key not in self._found:
            self._found[key] = check_machines(files, VOCABULARY)
        return self._found[key]

    def machine(self, path: Path) -> list[Finding]:
        """Of one machine file and, as far as it is its doing, of those beside it."""
        role, files = machine_set(path)
        layers = LayeredFile.read(files[role], VOCABULARY.find)
        without = [default_set(), *(machine_set(Path(name))[1] for name in layers.names[1:])]
        usual = {finding.place for machines in without for finding in self.check(machines)}
        return [found if found.place in usual else _of(layers, found) for found in self.check(files)]

    def profile(self, path: Path) -> list[Finding]:
        findings = check_profile(path)
        try:
            machines = machine_files(path)
        except FileError:
            return findings  # they tell why the profile cannot be read
        return findings + (self.check(short(machines)) if machines else [])


def _of(layers: LayeredFile, found: Finding) -> Finding:
    """What is not so without the file is its doing, wherever it shows. Errors are shown where they are to be mended."""
    if found.file not in layers.names:
        return replace(found, note=f"beside {layers.name}")
    return layers.blamed(found) if found.file != layers.name and found.severity == "warning" else found


def _default_folders() -> list[Path]:
    here = [folder for name in FOLDERS if (folder := Path(name)).is_dir()]
    return here or [shipped(name) for name in FOLDERS]


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(path.rglob(f"*{SUFFIX}"))
        elif path.exists():
            yield path
        else:
            raise RtengineError(f"there is no file {str(path)!r}")


def _summary(count: int, findings: list[Finding]) -> str:
    errors = sum(finding.severity == "error" for finding in findings)
    warnings = len(findings) - errors
    checked = _count(count, "file")
    if not findings:
        return f"{checked} checked, nothing found"
    return f"\n{checked} checked: {_count(errors, 'error')}, {_count(warnings, 'warning')}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
