"""``rtengine draw``: a machine file as a diagram."""

from __future__ import annotations

from typing import Annotated

import typer

from rtengine.chart.diagram import mermaid
from rtengine.chart.load import load_machines
from rtengine.profile.shipped import find
from rtengine.session.vocabulary import VOCABULARY
from rtengine_cli.machine_set import machine_set


def draw(
    machine: Annotated[str, typer.Argument(help="Name of a shipped machine, or path of a file.")],
    guards: Annotated[bool, typer.Option("--guards/--no-guards", help="Conditions on the arrows.")] = True,
    staying: Annotated[bool, typer.Option("--staying", help="Also the rows that do not change the state.")] = False,
    notes: Annotated[bool, typer.Option("--notes", help="Also what the states mean.")] = False,
) -> None:
    """Print a machine as a Mermaid state diagram."""
    role, files = machine_set(find("machines", machine))
    definition = load_machines(files, VOCABULARY)[role]
    typer.echo(mermaid(definition, guards, staying, notes), nl=False)
