"""A YAML file with its positions."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path as FilePath
from typing import Any

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from rtengine.source.finding import FileError, Finding, Path, Severity
from rtengine.source.position import locate
from rtengine.source.tree import LINE_BREAK, Problem, Tree, Unreadable, compose, walk

MAX_BYTES = 1 << 20
_WORD = re.compile(r"[\w.\-]+")


class SourceFile:
    """A file that is well-formed YAML 1.2 with a mapping at its top. Lines and columns count from 1."""

    def __init__(self, name: str, text: str, tree: Tree) -> None:
        self.name = name
        """The file's name as findings show it."""
        self.text = text
        self.lines = LINE_BREAK.split(text)
        self.tree = tree

    @classmethod
    def read(cls, path: FilePath, name: str | None = None, prefix: str = "SM") -> SourceFile:
        """Raises FileError, its findings with codes ``<prefix>0xx``, for a file that cannot be read or parsed."""
        name = str(path) if name is None else name
        try:
            with path.open("rb") as stream:
                data = stream.read(MAX_BYTES + 1)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise _refused(name, prefix, Problem("001", f"the file cannot be read: {reason}", 0, 0)) from error
        if len(data) > MAX_BYTES:
            raise _refused(name, prefix, Problem("003", f"the file is larger than {MAX_BYTES} bytes", 0, 0))
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            before = data[: error.start].decode("utf-8", "replace").split("\n")
            problem = Problem("001", "this is not UTF-8 text", len(before) - 1, len(before[-1]))
            raise _refused(name, prefix, problem) from error
        return cls.parse(text, name, prefix)

    @classmethod
    def parse(cls, text: str, name: str, prefix: str = "SM") -> SourceFile:
        """As ``read``, of text that is at hand."""
        if len(text) > MAX_BYTES:
            raise _refused(name, prefix, Problem("003", f"the file is larger than {MAX_BYTES} bytes", 0, 0))
        try:
            return cls(name, text, _tree(text))
        except Unreadable as error:
            lines = LINE_BREAK.split(text)
            raise FileError([_finding(name, prefix, problem, lines) for problem in error.problems]) from error

    def plain(self) -> Any:
        """The document as fresh dicts, lists and scalars. Dates stay text, as in YAML 1.2."""
        return self.tree.plain()

    def has(self, path: Path) -> bool:
        return self._node(path) is not None

    def mark(self, path: Path, key: bool = False) -> tuple[int, int]:
        """Line and column of the value at ``path``, or of its key. Parts the document has not end the walk."""
        line, col, _ = self._span(path, key)
        return line + 1, col + 1

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
        """A finding at ``path``: at its value, its key, or ``offset`` characters into its text."""
        line, col, width = self._span(path, key)
        node = self._node(path)
        if offset is not None and isinstance(node, ScalarNode):
            line, col = locate(node, self.lines, offset)
            width = _word(self.lines, line, col)
        excerpt = self.lines[line] if line < len(self.lines) else ""
        return Finding(self.name, line + 1, col + 1, code, message, hint, severity, path, excerpt, width)

    def _node(self, path: Path) -> Node | None:
        steps = list(walk(self.tree, path))
        return steps[-1][1] if steps and len(steps) == len(path) else None

    def _span(self, path: Path, key: bool) -> tuple[int, int, int]:
        steps = list(walk(self.tree, path))
        if not steps:
            return self.tree.root.start_mark.line, self.tree.root.start_mark.column, 1
        key_node, value = steps[-1]
        at_key = key_node is not None and (key or _is_empty(value))
        node = key_node if at_key and key_node is not None else value
        start, end = node.start_mark, node.end_mark
        if isinstance(node, ScalarNode) and node.style not in ("|", ">") and end.line == start.line:
            return start.line, start.column, max(1, end.column - start.column)
        return start.line, start.column, _word(self.lines, start.line, start.column)


@lru_cache(maxsize=32)
def _tree(text: str) -> Tree:
    """Composing is slow, and one command reads the same files again and again. Nobody changes a tree."""
    root = compose(text)
    if not isinstance(root, MappingNode):
        raise Unreadable(Problem("001", "a mapping of keys to values is expected here", 0, 0))
    return Tree(root)


def _is_empty(node: Node) -> bool:
    """A value that is not written at all has no place of its own."""
    return isinstance(node, ScalarNode) and not node.style and not str(node.value)


def _word(lines: list[str], line: int, col: int) -> int:
    found = _WORD.match(lines[line], col) if line < len(lines) else None
    return len(found.group()) if found else 1


def _refused(name: str, prefix: str, problem: Problem) -> FileError:
    return FileError([_finding(name, prefix, problem, [])])


def _finding(name: str, prefix: str, problem: Problem, lines: list[str]) -> Finding:
    excerpt = lines[problem.line] if problem.line < len(lines) else ""
    code = prefix + problem.number
    return Finding(
        name,
        problem.line + 1,
        problem.col + 1,
        code,
        problem.message,
        problem.hint,
        excerpt=excerpt,
        width=problem.width,
    )
