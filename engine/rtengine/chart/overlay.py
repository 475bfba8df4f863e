"""A machine file and those it extends, as one document in which every value knows the file it stands in."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any

from rtengine.errors import RtengineError
from rtengine.source.file import SourceFile
from rtengine.source.finding import FileError, Finding, Path, Severity
from rtengine.source.suggestion import nearest

Find = Callable[[str, FilePath], FilePath]
"""The file that ``extends: REFERENCE`` means, in a file of that folder. Raises RtengineError when there is none."""

EXTENDS = "extends"
REMOVE = "remove"
UNITED: frozenset[Path] = frozenset({("events", "client"), ("events", "host")})
"""Lists that are sets: an extending file adds to them."""


def beside(reference: str, folder: FilePath) -> FilePath:
    """A path relative to the file it stands in."""
    path = folder / reference
    if not path.is_file():
        raise RtengineError(f"there is no file {str(path)!r}")
    return path


class LayeredFile:
    """The chain of files, from the one that was asked for to the one that extends nothing.

    Mappings merge by key; everything else, and so the rows of an event, is replaced. ``remove`` names, by dotted path,
    what an extending file does without; it comes before the merge. A lone file is a chain of one.
    """

    def __init__(self, chain: Sequence[SourceFile]) -> None:
        self.chain = tuple(chain)
        self.name = self.chain[0].name
        self.findings: list[Finding] = []
        """What ``remove`` names and is not there."""
        self._document: Any = self.chain[-1].plain()
        self._owners: dict[Path, tuple[SourceFile, Path]] = {(): (self.chain[-1], ())}
        if REMOVE in self._document and EXTENDS not in self._document:
            message = "a file that extends no other has nothing to remove from"
            self.findings.append(
                self.chain[-1].finding("SM110", message, (REMOVE,), key=True, hint="name the file it changes: extends")
            )
        for file in reversed(self.chain[:-1]):
            own = file.plain()
            self._document.pop(EXTENDS, None)
            self._document.pop(REMOVE, None)
            self._remove(file, own.get(REMOVE))
            self._document = self._merge(file, (), self._document, own)

    @classmethod
    def read(cls, path: FilePath, find: Find = beside) -> LayeredFile:
        """Raises FileError when a file of the chain cannot be read, is not there or is in the chain already."""
        paths = [path]
        chain = [SourceFile.read(path)]
        while EXTENDS in (document := chain[-1].plain()):
            file, folder, reference = chain[-1], paths[-1].parent, document[EXTENDS]
            if not isinstance(reference, str):
                message = "should be the name of a shipped machine, or the path of a file"
                raise FileError([file.finding("SM010", message, (EXTENDS,))])
            try:
                base = find(reference, folder)
            except RtengineError as error:
                raise FileError([file.finding("SM109", error.message, (EXTENDS,), hint=error.hint)]) from None
            known = [known.resolve() for known in paths]
            base_name = _shown(base, like=path)
            if base.resolve() in known:
                loop = " → ".join([*(layer.name for layer in chain[known.index(base.resolve()) :]), base_name])
                raise FileError([file.finding("SM109", f"the file extends itself: {loop}", (EXTENDS,))])
            paths.append(base)
            chain.append(SourceFile.read(base, base_name))
        return cls(chain)

    @property
    def names(self) -> tuple[str, ...]:
        """Of all files of the chain, this one first."""
        return tuple(file.name for file in self.chain)

    def plain(self) -> Any:
        """The merged document as fresh dicts, lists and scalars."""
        return copy.deepcopy(self._document)

    def origin(self, path: Path) -> tuple[SourceFile, Path]:
        """The file that the value at ``path`` stands in, and its path there."""
        for length in range(len(path), -1, -1):
            if path[:length] in self._owners:
                file, own = self._owners[path[:length]]
                return file, own + path[length:]
        raise AssertionError("the root has an owner")

    def place(self, path: Path) -> tuple[str, int]:
        """Name of the file and line, from 1, of the value at ``path``."""
        file, own = self.origin(path)
        return file.name, file.mark(own)[0]

    def source(self, path: Path) -> str:
        """Name of the first file, from the one that extends nothing on, that has something at ``path``."""
        found = (file.name for file in reversed(self.chain) if file.has(path))
        return next(found, self.name)

    def finding(
        self,
        code: str,
        message: str,
        path: Path,
        *,
        key: bool = False,
        offset: int | None = None,
        hint: str = "",
        severity: Severity = "error",
    ) -> Finding:
        """As of a ``SourceFile``. In a chain, the note names the other file."""
        file, own = self.origin(path)
        found = file.finding(code, message, own, key=key, offset=offset, hint=hint, severity=severity)
        if len(self.chain) == 1:
            return found
        top = self.chain[0]
        note = f"{top.name} extends {self.chain[1].name}" if file is top else f"as {top.name} extends it"
        return replace(found, path=path, note=note)

    def blamed(self, finding: Finding) -> Finding:
        """A finding in an extended file that is there because of this one, at what this one says nearest to it."""
        top = self.chain[0]
        ways = [finding.path[:length] for length in range(len(finding.path), 0, -1)]
        begins = [(*way[:-1], "initial") for way in ways if way[-1] == "states"][:1]
        for path in (*begins, (REMOVE,), *ways):
            if not top.has(path):
                continue
            told = top.finding(
                finding.code,
                finding.message,
                path,
                key=path not in begins,
                hint=finding.hint,
                severity=finding.severity,
            )
            return replace(told, path=finding.path, note=f"it stands in {finding.file}:{finding.line}")
        return finding

    # --- merging ------------------------------------------------------------------------------------------------------

    def _merge(self, file: SourceFile, path: Path, base: Any, over: Any) -> Any:
        if path in UNITED and isinstance(base, list) and isinstance(over, list):
            return self._unite(file, path, base, over)
        if not (isinstance(base, dict) and isinstance(over, dict)):
            self._forget(path)
            self._owners[path] = (file, path)
            return over
        for key in base.keys() - over.keys():
            self._owners.setdefault((*path, key), self.origin((*path, key)))
        merged = dict(base)
        for key, value in over.items():
            inner = (*path, key)
            if key in base:
                merged[key] = self._merge(file, inner, base[key], value)
            else:
                self._forget(inner)
                self._owners[inner] = (file, inner)
                merged[key] = value
        self._owners[path] = (file, path)
        return merged

    def _unite(self, file: SourceFile, path: Path, base: list[Any], over: list[Any]) -> list[Any]:
        for index in range(len(base)):
            self._owners.setdefault((*path, index), self.origin((*path, index)))
        merged = list(base)
        for index, value in enumerate(over):
            if value not in base:
                self._owners[(*path, len(merged))] = (file, (*path, index))
                merged.append(value)
        self._owners[path] = (file, path)
        return merged

    def _forget(self, path: Path) -> None:
        for known in [known for known in self._owners if known[: len(path)] == path]:
            del self._owners[known]

    # --- removing -----------------------------------------------------------------------------------------------------

    def _remove(self, file: SourceFile, wanted: Any) -> None:
        """Anything that is no list of texts is left to the check of the document's shape."""
        for index, dotted in enumerate(wanted if isinstance(wanted, list) else ()):
            if not isinstance(dotted, str):
                continue
            path = _resolve(self._document, dotted)
            if path is None:
                near = nearest(dotted, _dotted_paths(self._document))
                message = f"'{dotted}' is not there to be removed"
                hint = f"did you mean '{near}'?" if near else "name it by its keys, such as states.idle.on.vad.speech"
                self.findings.append(file.finding("SM110", message, (REMOVE, index), hint=hint))
                continue
            self._cut(path)

    def _cut(self, path: Path) -> None:
        *way, last = path
        holder = self._document
        for part in way:
            holder = holder[part]
        if isinstance(holder, list):
            whole = self.origin(tuple(way))
            owners = [self.origin((*way, index)) for index in range(len(holder))]
            assert isinstance(last, int)
            del holder[last], owners[last]
            self._forget(tuple(way))
            self._owners[tuple(way)] = whole
            self._owners |= {(*way, index): owner for index, owner in enumerate(owners)}
        else:
            del holder[last]
            self._forget(path)


def _resolve(value: Any, dotted: str) -> Path | None:
    """The path that ``dotted`` means: a key may hold dots itself, and an entry of a list goes by its text."""
    if isinstance(value, list):
        return (value.index(dotted),) if dotted in value else None
    if not isinstance(value, dict):
        return None
    if dotted in value:
        return (dotted,)
    for key in sorted(map(str, value), key=len, reverse=True):
        if dotted.startswith(key + "."):
            rest = _resolve(value[key], dotted[len(key) + 1 :])
            if rest is not None:
                return (key, *rest)
    return None


def _dotted_paths(value: Any, prefix: str = "") -> list[str]:
    found: list[str] = []
    for key, inner in value.items() if isinstance(value, dict) else ():
        found.append(prefix + str(key))
        found += _dotted_paths(inner, f"{prefix}{key}.")
    return found


def _shown(path: FilePath, like: FilePath) -> str:
    """An absolute path as it is, where ``like`` is absolute; else relative to the working directory if below it."""
    if not like.is_absolute():
        try:
            return str(path.resolve().relative_to(FilePath.cwd()))
        except ValueError:
            pass
    return str(path)
