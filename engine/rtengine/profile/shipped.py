"""The YAML files that come with rtengine: machines and profiles."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from rtengine.errors import RtengineError
from rtengine.source.suggestion import suggest

Kind = Literal["machines", "profiles"]

_PACKAGE = Path(__file__).parent.parent
SUFFIX = ".yaml"
VARIANTS = "variants"


def shipped(kind: Kind) -> Path:
    """Folder of the shipped files: inside the installed package, else at the root of the checkout."""
    installed = _PACKAGE / kind
    return installed if installed.is_dir() else _PACKAGE.parent.parent / kind


def shipped_files(kind: Kind) -> dict[str, Path]:
    """Name to file, sorted by name."""
    return {path.stem: path for path in sorted(shipped(kind).glob(f"*{SUFFIX}"))}


def shipped_variants() -> dict[str, Path]:
    """The machine files that change a shipped one, by name."""
    return {path.stem: path for path in sorted((shipped("machines") / VARIANTS).glob(f"*{SUFFIX}"))}


def is_path(reference: str) -> bool:
    """Whether ``reference`` means a file, and not the name of a shipped one."""
    return "/" in reference or "\\" in reference or reference.endswith((SUFFIX, ".yml"))


def find(kind: Kind, reference: str, folder: Path | None = None) -> Path:
    """The file that ``reference`` means: a shipped name, or a path relative to ``folder`` (the working directory).

    The names of machines include those of their variants.

    Raises RtengineError when there is no such file.
    """
    files = shipped_files(kind)
    if kind == "machines":
        files |= shipped_variants()
    if is_path(reference):
        path = (folder or Path()) / Path(reference).expanduser()
        if not path.is_file():
            hint = f"the shipped one is named {path.stem!r}, without {SUFFIX}" if path.stem in files else ""
            raise RtengineError(f"there is no file {str(path)!r}", hint)
        return path
    if reference not in files:
        hint = suggest(reference, files, "there are")
        raise RtengineError(f"there is no shipped {kind[:-1]} {reference!r}", f"{hint}; a path ends with {SUFFIX}")
    return files[reference]
