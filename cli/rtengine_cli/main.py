"""The command ``rtengine``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from rtengine import __version__
from rtengine.errors import RtengineError
from rtengine.source.finding import FileError
from rtengine.source.report import full
from rtengine_cli import (
    bench,
    check,
    dataflow,
    demo,
    doctor,
    draw,
    errors,
    models,
    profiles,
    replay,
    run,
    schema,
    talk,
    test,
    vocabulary,
)

app = typer.Typer(
    name="rtengine",
    help="A self-hosted server for voice agents that speaks the OpenAI Realtime API.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    run.run,
    check.check,
    test.test,
    draw.draw,
    profiles.profiles,
    talk.talk,
    demo.demo,
    doctor.doctor,
    schema.schema,
    errors.errors,
    vocabulary.vocabulary,
    dataflow.dataflow,
    replay.replay,
):
    app.command()(command)
app.add_typer(models.app, name="models")
app.add_typer(bench.app, name="bench")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"rtengine {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """A self-hosted server for voice agents that speaks the OpenAI Realtime API."""


def main() -> None:
    """Run a command. What went wrong is told in a sentence; exit status 1, or 2 for wrong usage."""
    try:
        app()
    except RtengineError as error:
        tell(error)
        sys.exit(1)


def tell(error: RtengineError) -> None:
    """Say what failed, and what to do about it, on standard error."""
    if isinstance(error, FileError):
        typer.echo(full(error.findings) + "\n", err=True)
    typer.echo(f"error: {error.message}", err=True)
    if error.hint:
        typer.echo(f"hint: {error.hint}", err=True)
