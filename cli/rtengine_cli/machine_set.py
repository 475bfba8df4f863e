"""A machine file among those it works with."""

from __future__ import annotations

from pathlib import Path

from rtengine.chart.overlay import LayeredFile
from rtengine.profile.layers import shown
from rtengine.profile.load import machine_files
from rtengine.profile.shipped import shipped_files
from rtengine.session.vocabulary import VOCABULARY

PROFILE = "default"


def machine_set(path: Path) -> tuple[str, dict[str, Path]]:
    """The part the file plays, and all files with it: its own and the other machines of the default profile.

    Raises FileError when it cannot be read. A file that does not say its part is taken to play that of its name.
    """
    role = LayeredFile.read(Path(shown(path)), VOCABULARY.find).plain().get("machine")
    role = role if isinstance(role, str) else path.stem
    return role, {**default_set(), role: Path(shown(path))}


def default_set() -> dict[str, Path]:
    """The machines of the default profile."""
    return short(machine_files(shipped_files("profiles")[PROFILE]))


def short(machines: dict[str, Path]) -> dict[str, Path]:
    """With paths as findings are to show them."""
    return {role: Path(shown(path)) for role, path in machines.items()}
