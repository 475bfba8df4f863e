"""``rtengine dataflow``: the models of a profile as a dora dataflow."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rtengine.errors import RtengineError
from rtengine.profile.load import load_outline


def dataflow(
    profile: Annotated[str, typer.Argument(help="Name of a shipped profile, or path of a file.")] = "default",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", dir_okay=False, help="File to write, instead of standard output.")
    ] = None,
) -> None:
    """Write the dataflow that runs a profile's models, to read or to edit: `rtengine run --dataflow FILE`."""
    from rtengine.pipeline.dora.dataflow import write

    text = write(load_outline(profile))
    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RtengineError(f"Cannot write {out}: {error.strerror or error}") from error
    typer.echo(f"{out} is written; run it with: rtengine run --profile {profile} --dataflow {out}", err=True)
