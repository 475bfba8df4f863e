"""A profile and those it extends, as one document in which every value knows the file it stands in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any

from rtengine.errors import RtengineError
from rtengine.profile.document import OWN
from rtengine.profile.shipped import find
from rtengine.source.file import SourceFile
from rtengine.source.finding import FileError, Path

PREFIX = "PF"
KIND_KEYS = ("adapter", "type")
"""A mapping whose ``adapter`` or ``type`` changes is another thing: nothing of the old one stays."""


class Layer:
    """One file of the chain."""

    def __init__(self, path: FilePath) -> None:
        self.path = path
        self.file = SourceFile.read(path, shown(path), PREFIX)
        self.document: dict[str, Any] = self.file.plain()

    @property
    def folder(self) -> FilePath:
        return self.path.parent


class Layers:
    """The chain, from the profile itself to the one that extends nothing."""

    def __init__(self, chain: list[Layer]) -> None:
        self.chain = chain
        self.document = chain[-1].document if len(chain) == 1 else _merged(chain)

    @classmethod
    def read(cls, path: FilePath) -> Layers:
        """Raises FileError when a file of the chain cannot be read, is not there or is in the chain already."""
        chain = [Layer(path)]
        while (reference := chain[-1].document.get("extends")) is not None:
            layer = chain[-1]
            if not isinstance(reference, str):
                break  # the check of the document's shape says so
            try:
                base = find("profiles", reference, layer.folder)
            except RtengineError as error:
                raise _refused(layer, error.message, error.hint) from None
            known = [known.path.resolve() for known in chain]
            if base.resolve() in known:
                names = [shown(known.path) for known in chain[known.index(base.resolve()) :]]
                loop = " → ".join([*names, shown(base)])
                raise _refused(layer, f"the profile extends itself: {loop}", "")
            chain.append(Layer(base))
        return cls(chain)

    def origin(self, path: Path) -> Layer:
        """The layer that the value at ``path`` stands in; for a place that is not there, that of its nearest parent."""
        for length in range(len(path), 0, -1):
            for layer in self.chain:
                inherited = layer is not self.chain[0] and path[0] in OWN
                if not inherited and _has(layer.document, path[:length]):
                    return layer
        return self.chain[0]


def shown(path: FilePath) -> str:
    """The path as findings show it: relative to the working directory where it is below that."""
    try:
        return str(path.resolve().relative_to(FilePath.cwd()))
    except ValueError:
        return str(path)


def merge(base: Any, over: Any) -> Any:
    """``over`` on top of ``base``: mappings by key, everything else replaced."""
    if not (isinstance(base, Mapping) and isinstance(over, Mapping)):
        return over
    if any(key in over and key in base and over[key] != base[key] for key in KIND_KEYS):
        return over
    return {**base, **{key: merge(base[key], value) if key in base else value for key, value in over.items()}}


def _merged(chain: list[Layer]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for layer in reversed(chain):
        document = merge({key: value for key, value in document.items() if key not in OWN}, layer.document)
    return document


def _has(value: Any, path: Path) -> bool:
    for part in path:
        keyed = isinstance(value, Mapping) and part in value
        indexed = isinstance(value, list) and isinstance(part, int) and 0 <= part < len(value)
        if not (keyed or indexed):
            return False
        value = value[part]
    return True


def _refused(layer: Layer, message: str, hint: str) -> FileError:
    return FileError([layer.file.finding(PREFIX + "101", message, ("extends",), hint=hint)])
