"""``rtengine dataflow``: the models of a profile as a dora dataflow."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rtengine.profile.load import load_outline
from rtengine_cli.output import writing


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
    with writing(out):
        out.write_text(text, encoding="utf-8")
    typer.echo(f"{out} is written; run it with: rtengine run --profile {profile} --dataflow {out}", err=True)
