"""The YAML files that come with rtengine: machines and profiles."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from rtengine.errors import RtengineError
from rtengine.source.suggestion import suggest

Kind = Literal["machines", "profiles"]

_PACKAGE = Path(__file__).parent.parent
SUFFIX = ".yaml"


def shipped(kind: Kind) -> Path:
    """Folder of the shipped files: inside the installed package, else at the root of the checkout."""
    installed = _PACKAGE / kind
    return installed if installed.is_dir() else _PACKAGE.parent.parent / kind


def shipped_files(kind: Kind) -> dict[str, Path]:
    """Name to file, sorted by name."""
    return {path.stem: path for path in sorted(shipped(kind).glob(f"*{SUFFIX}"))}


def is_path(reference: str) -> bool:
    """Whether ``reference`` means a file, and not the name of a shipped one."""
    return "/" in reference or "\\" in reference or reference.endswith((SUFFIX, ".yml"))


def find(kind: Kind, reference: str, folder: Path | None = None) -> Path:
    """The file that ``reference`` means: a shipped name, or a path relative to ``folder`` (the working directory).

    Raises RtengineError when there is no such file.
    """
    if is_path(reference):
        path = (folder or Path()) / Path(reference).expanduser()
        if not path.is_file():
            raise RtengineError(f"there is no file {str(path)!r}")
        return path
    files = shipped_files(kind)
    if reference not in files:
        hint = suggest(reference, files, "there are")
        raise RtengineError(f"there is no shipped {kind[:-1]} {reference!r}", f"{hint}; a path ends with {SUFFIX}")
    return files[reference]
