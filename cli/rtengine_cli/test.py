"""``rtengine test``: scenarios against machine files or servers, and the rows that none of them takes."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from rtengine.chart.coverage import describe
from rtengine.errors import RtengineError
from rtengine.profile.layers import shown
from rtengine.profile.shipped import SUFFIX, VARIANTS, shipped
from rtengine.scenarios.suite import Result, Suite
from rtengine.source.file import SourceFile
from rtengine.source.finding import FileError, Finding, in_order
from rtengine.source.report import full

SCENARIOS = "scenarios"


def test(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PATH]...",
            help="Machine files, scenarios, or folders of machine files; the shipped variants without any.",
            show_default=False,
        ),
    ] = None,
    scenarios: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            file_okay=False,
            help="Folder of scenarios; else the folder `scenarios` beside each machine file.",
            show_default=False,
        ),
    ] = None,
    complete: Annotated[bool, typer.Option("--complete", help="Fail on rows that no scenario takes, too.")] = False,
    url: Annotated[
        str | None,
        typer.Option(help="Server to run scenarios against, over the wire; those that need their own are left out."),
    ] = None,
    key: Annotated[
        str | None, typer.Option(envvar="RTENGINE_API_KEY", help="API key for that server.", show_envvar=True)
    ] = None,
) -> None:
    """Run scenarios against machine files, or against a server. Exit status 1 when one fails."""
    from rtengine.server.rehearsal import rehearse

    if url:
        _check_remote(paths, scenarios is not None or complete)
    logging.getLogger("rtengine").addHandler(logging.NullHandler())  # defects that a scenario plants are no news
    suite = Suite(rehearse)
    failed, count = 0, 0
    chosen = list(paths or [shipped("machines") / VARIANTS])
    for result in suite.run_at(url, key, _files(chosen)) if url else _results(suite, chosen, scenarios):
        count += not result.skipped
        failed += bool(result.findings)
        _report(result)
    broken = in_order(suite.broken)
    _tell(broken)
    untaken = _coverage(suite)
    unusable = len({finding.file for finding in broken if finding.severity == "error"})
    typer.echo(_summary(count, failed, unusable))
    if not count and not broken:
        hint = "with --url, those with `models: profile` are run" if url else "name their folder: --scenarios DIR"
        raise RtengineError("there is no scenario to run", hint)
    if failed or unusable or (complete and untaken):
        raise typer.Exit(1)


def _check_remote(paths: list[Path] | None, of_machines: bool) -> None:
    if of_machines:
        raise typer.BadParameter("a server's machine files are not looked at", param_hint="--scenarios, --complete")
    if not paths:
        raise typer.BadParameter("name the scenarios that the server is to be tested with", param_hint="[PATH]...")


def _summary(run: int, failed: int, unusable: int) -> str:
    text = f"{run} scenario{'' if run == 1 else 's'}, {failed} failed"
    return f"{text}, {unusable} file{'' if unusable == 1 else 's'} with errors" if unusable else text


def _report(result: Result) -> None:
    verdict = "FAILED" if result.findings else "skipped" if result.skipped else "passed"
    typer.echo(f"{verdict}  {result.path}  {result.skipped or ' '.join(result.doc.split())}")
    _tell(result.findings)


def _results(suite: Suite, paths: list[Path], folder: Path | None) -> Iterator[Result]:
    seen: set[tuple[Path, tuple[Finding, ...]]] = set()
    for path in _files(paths):
        try:
            is_scenario = "steps" in SourceFile.read(path).plain()
        except FileError as error:
            suite.broken += error.findings
            continue
        found = suite.run([path]) if is_scenario else suite.test(path, _beside(path, folder))
        for result in found:
            key = (result.path, result.findings)
            if key not in seen:
                seen.add(key)
                yield result


def _files(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from (Path(shown(found)) for found in sorted(path.glob(f"*{SUFFIX}")))
        elif path.exists():
            yield Path(shown(path))
        else:
            raise RtengineError(f"there is no file {str(path)!r}")


def _beside(path: Path, folder: Path | None) -> list[Path]:
    return sorted((folder or path.parent / SCENARIOS).glob(f"*{SUFFIX}"))


def _tell(findings: list[Finding] | tuple[Finding, ...]) -> None:
    if findings:
        typer.echo("\n" + full(findings) + "\n")


def _coverage(suite: Suite) -> bool:
    """Prints how many rows of each file were taken, and which were not; whether there are any."""
    typer.echo("")
    missed = False
    for tally in suite.tallies():
        typer.echo(str(tally))
        for row in tally.untaken:
            missed = True
            typer.echo(f"{row.file}:{row.line}: not taken: {describe(row)}")
        for state in tally.unentered:
            missed = True
            typer.echo(f"{tally.file}: not entered: {state}")
    return missed
