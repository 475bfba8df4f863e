"""A machine file among those it works with."""

from __future__ import annotations

from pathlib import Path

from rtengine.profile.layers import shown
from rtengine.profile.load import machine_files
from rtengine.profile.shipped import shipped_files
from rtengine.source.file import SourceFile

PROFILE = "default"


def machine_set(path: Path) -> tuple[str, dict[str, Path]]:
    """The part the file plays, and all files with it: its own and the other machines of the default profile.

    Raises FileError when it cannot be read. A file that does not say its part is taken to play that of its name.
    """
    role = SourceFile.read(path, shown(path)).plain().get("machine")
    role = role if isinstance(role, str) else path.stem
    machines = machine_files(shipped_files("profiles")[PROFILE])
    return role, short({**machines, role: path})


def short(machines: dict[str, Path]) -> dict[str, Path]:
    """With paths as findings are to show them."""
    return {role: Path(shown(path)) for role, path in machines.items()}
