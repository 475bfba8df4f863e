"""``rtengine check``: every mistake in machine files and profiles, with its place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

from rtengine.chart.load import check_machines
from rtengine.errors import RtengineError
from rtengine.profile.layers import shown
from rtengine.profile.load import check_profile, machine_files
from rtengine.profile.shipped import SUFFIX, shipped
from rtengine.session.vocabulary import VOCABULARY
from rtengine.source.file import SourceFile
from rtengine.source.finding import FileError, Finding, in_order
from rtengine.source.report import FORMATS
from rtengine_cli.machine_set import machine_set, short

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
            help="Machine files, profiles, or folders of them; else ./machines and ./profiles, else what is shipped.",
            show_default=False,
        ),
    ] = None,
    format: Annotated[Format, typer.Option("--format", help="How findings are written.")] = Format.full,
    strict: Annotated[bool, typer.Option("--strict", help="Fail on warnings too.")] = False,
) -> None:
    """Check machine files and profiles. Exit status 1 when there are errors."""
    files = list(dict.fromkeys(_files(paths or _default_folders())))
    findings = check_files(files)
    failed = [finding for finding in findings if strict or finding.severity == "error"]
    if findings or format is Format.json:
        typer.echo(FORMATS[format.value](findings))
    if format is Format.full:
        typer.echo(_summary(len(files), findings), err=bool(failed))
    if failed:
        raise typer.Exit(1)


def check_files(files: Iterable[Path]) -> list[Finding]:
    """All findings. A machine file is checked in its place among the machines of the default profile."""
    findings: list[Finding] = []
    for path in files:
        try:
            document = SourceFile.read(path, shown(path)).plain()
            findings += _check_profile(path) if "profile" in document else _check_machine(path)
        except FileError as error:
            findings += error.findings
    return in_order(findings)


def _check_machine(path: Path) -> list[Finding]:
    return check_machines(machine_set(path)[1], VOCABULARY)


def _check_profile(path: Path) -> list[Finding]:
    findings = check_profile(path)
    try:
        machines = machine_files(path)
    except FileError:
        return findings  # they tell why the profile cannot be read
    return findings + (check_machines(short(machines), VOCABULARY) if machines else [])


def _default_folders() -> list[Path]:
    here = [folder for name in FOLDERS if (folder := Path(name)).is_dir()]
    return here or [shipped(name) for name in FOLDERS]


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(path.glob(f"*{SUFFIX}"))
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
