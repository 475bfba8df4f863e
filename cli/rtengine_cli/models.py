"""``rtengine models``: the weights of the embedded models."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from rtengine.errors import ModelError
from rtengine.models import manifest, weights
from rtengine.models.download import megabytes

app = typer.Typer(help="Fetch and check the weights of the embedded models.", no_args_is_help=True)

Names = Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Names from `rtengine models list`")]

_out = Console()
_err = Console(stderr=True)


@app.command("list")
def list_() -> None:
    """Show every set of weights, its licence, and whether it is here."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("name", "state", "size", "licence", "what it is"):
        table.add_column(heading, no_wrap=heading != "what it is")
    for name, entry in manifest.shipped().weights.items():
        state = weights.examine(name).state
        table.add_row(name, state, megabytes(entry.size), entry.licence, entry.doc)
    _out.print(table)


@app.command()
def pull(
    names: Names = None,
    everything: Annotated[bool, typer.Option("--all", help="Every set, not only those of the default profile")] = False,
) -> None:
    """Fetch weights; without a name, those of the default profile."""
    known = manifest.shipped().weights
    chosen = names or [name for name, entry in known.items() if everything or entry.default]
    failed = False
    for name in chosen:
        try:
            with _err.status(f"{name}: checking") as status:
                folder = weights.pull(name, status.update)
        except ModelError as error:
            _complain(error)
            failed = True
        else:
            _out.print(f"{name}: {folder}", highlight=False, soft_wrap=True)
    if failed:
        raise typer.Exit(1)


@app.command()
def verify(names: Names = None) -> None:
    """Check the hashes of weights; without a name, of all that are here. Exits with 1 when one is wrong or missing."""
    failed = False
    for name in names or manifest.shipped().weights:
        try:
            report = weights.examine(name)
        except ModelError as error:
            _complain(error)
            failed = True
            continue
        failed = failed or report.state == "wrong" or (report.state == "missing" and bool(names))
        _out.print(f"{name}: {report.problem or report.state}", highlight=False, soft_wrap=True)
    if failed:
        raise typer.Exit(1)


def _complain(error: ModelError) -> None:
    _err.print(f"error: {error.message}", style="red", highlight=False, soft_wrap=True, markup=False)
    if error.hint:
        _err.print(f"hint: {error.hint}", highlight=False, soft_wrap=True, markup=False)
