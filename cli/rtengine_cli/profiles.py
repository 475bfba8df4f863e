"""``rtengine profiles``: the profiles that come with rtengine."""

from __future__ import annotations

import typer
from rich.console import Console
from rich.table import Table

from rtengine.profile.load import shipped_profiles
from rtengine.profile.shipped import shipped


def profiles() -> None:
    """List the shipped profiles."""
    table = Table(box=None, show_header=False, padding=(0, 2, 1, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for name, doc in shipped_profiles().items():
        table.add_row(name, doc)
    Console().print(table)
    typer.echo(f"Their files are in {shipped('profiles')}; a file of your own may say `extends: NAME`.")
