"""From text to a checked tree of nodes, each of which knows where it stands, and from the tree to plain values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

MAX_VALUES = 200_000
"""Values of a file once its aliases are written out."""

Entries = dict[str, tuple[Node, Node]]
LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_CORE = "tag:yaml.org,2002:"
_MERGE = _CORE + "merge"
_PLAIN_TAGS = {_CORE + name for name in ("str", "int", "float", "bool", "null", "map", "seq", "timestamp")}
_QUOTE_HINT = "inside { } and [ ] a comma ends the value: quote the expression"


@dataclass(frozen=True, slots=True)
class Problem:
    """A finding in the making; ``line`` and ``col`` count from 0."""

    number: str
    message: str
    line: int
    col: int
    hint: str = ""
    width: int = 1


class Unreadable(Exception):
    """The text is not YAML that is taken here."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(problems[0].message)
        self.problems = problems


def compose(text: str) -> Node | None:
    """The root node, or None for a file without a value. Raises Unreadable."""
    try:
        root: Node | None = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        raise Unreadable(_syntax(error, text)) from error
    except YAMLError as error:
        before = LINE_BREAK.split(text[: getattr(error, "position", 0)])
        message = str(error).splitlines()[0]
        raise Unreadable(Problem("001", message, len(before) - 1, len(before[-1]))) from error
    except RecursionError as error:
        raise Unreadable(Problem("003", "the file is nested too deeply", 0, 0)) from error
    return root


def _syntax(error: MarkedYAMLError, text: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    line, col = (mark.line, mark.column) if mark is not None else (0, 0)
    words = " ".join(str(part).strip() for part in (error.context, error.problem) if part)
    message = words.splitlines()[0] if words else "this is not YAML"
    lines = LINE_BREAK.split(text)
    here = lines[line] if line < len(lines) else ""
    if "\\t" in message or (here[:col].strip(" ") == "" and here[col : col + 1] == "\t"):
        return Problem("001", "a tab cannot indent a line", line, col, "use spaces")
    hint = ""
    if "flow" in message and "=" in here[:col]:
        hint = _QUOTE_HINT
    elif "mapping values are not allowed" in message:
        hint = "a value with ': ' in it must be quoted"
    return Problem("001", message, line, col, hint)


class Tree:
    """A composed file after the checks that every YAML file here must pass."""

    def __init__(self, root: Node) -> None:
        self.root = root
        self.problems: list[Problem] = []
        self._entries: dict[int, Entries] = {}
        self._sizes: dict[int, int] = {}
        self._open: set[int] = set()
        try:
            size = self._visit(root)
        except RecursionError as error:
            raise Unreadable(Problem("003", "the file is nested too deeply", 0, 0)) from error
        if not self.problems and size > MAX_VALUES:
            self._refuse(root, f"its aliases make more than {MAX_VALUES} values of the file", "write less with aliases")
        if self.problems:
            raise Unreadable(*self.problems)

    def entries(self, node: MappingNode) -> Entries:
        """Key to its key node and value node; keys merged with ``<<`` come after the node's own."""
        return self._entries[id(node)]

    def plain(self, node: Node | None = None) -> Any:
        """Fresh dicts, lists, strings, numbers, booleans and None."""
        node = self.root if node is None else node
        if isinstance(node, MappingNode):
            return {key: self.plain(value) for key, (_, value) in self.entries(node).items()}
        if isinstance(node, SequenceNode):
            return [self.plain(child) for child in node.value]
        return scalar(node)

    def _visit(self, node: Node) -> int:
        """Checks a node and what is below it, once; returns how many values it stands for."""
        known = self._sizes.get(id(node))
        if known is not None:
            return known
        if id(node) in self._open:
            self._refuse(node, "an alias stands inside the value it repeats", "write the value out")
            return 1
        self._open.add(id(node))
        size = 1
        if str(node.tag) not in _PLAIN_TAGS:
            self._refuse(node, f"the tag {node.tag} is not taken here", "remove it")
        elif isinstance(node, MappingNode):
            size += self._mapping(node)
        elif isinstance(node, SequenceNode):
            size += sum(self._visit(child) for child in node.value)
            if node.flow_style:
                self._cut(list(node.value))
        elif not isinstance(node, ScalarNode):
            self._refuse(node, "this kind of value is not taken here", "")
        else:
            self._number(node)
        self._open.discard(id(node))
        self._sizes[id(node)] = size
        return size

    def _mapping(self, node: MappingNode) -> int:
        own: Entries = {}
        merged: list[Node] = []
        size = 0
        for key, value in node.value:
            size += self._visit(value)
            if str(key.tag) == _MERGE:
                merged += value.value if isinstance(value, SequenceNode) else [value]
            elif not isinstance(key, ScalarNode) or str(key.tag) not in (_CORE + "str", _CORE + "timestamp"):
                self._refuse(key, "a key must be text", "quote it")
            elif str(key.value) in own:
                first = own[str(key.value)][0].start_mark.line + 1
                self._problem("002", key, f"the key '{key.value}' stands here twice", f"first on line {first}")
            else:
                own[str(key.value)] = (key, value)
        if node.flow_style:
            self._cut([part for pair in node.value for part in pair])
        for source in merged:
            if not isinstance(source, MappingNode):
                self._refuse(source, "only mappings can be merged with <<", "")
            else:
                own = {**own, **{k: v for k, v in self._entries.get(id(source), {}).items() if k not in own}}
        self._entries[id(node)] = own
        return size

    def _cut(self, parts: list[Node]) -> None:
        """An expression in ``{ }`` that lost its rest at a comma: `=max(a` and then `b)`."""
        texts = [str(p.value) if isinstance(p, ScalarNode) and not p.style else "" for p in parts]
        closers = [index for index, text in enumerate(texts) if text.count(")") > text.count("(")]
        for index, text in enumerate(texts):
            if text.count("(") > text.count(")") and closers and closers[-1] > index:
                self._problem("001", parts[index], f"the value stops at a comma: {text}", _QUOTE_HINT)

    def _number(self, node: ScalarNode) -> None:
        try:
            scalar(node)
        except ValueError:
            self._refuse(node, f"{node.value!r} is not a value of the type {node.tag}", "remove the tag")

    def _refuse(self, node: Node, message: str, hint: str) -> None:
        self._problem("003", node, message, hint)

    def _problem(self, number: str, node: Node, message: str, hint: str) -> None:
        start, end = node.start_mark, node.end_mark
        width = end.column - start.column if end.line == start.line else 1
        self.problems.append(Problem(number, message, start.line, start.column, hint, max(1, width)))


_INTEGER = re.compile(r"([-+]?)(?:0x([0-9a-fA-F]+)|0o([0-7]+)|0b([01]+)|([0-9]+))\Z")


def scalar(node: Node) -> str | int | float | bool | None:
    """The value by YAML 1.2; a date stays text. Raises ValueError when an explicit tag does not fit."""
    kind, text = str(node.tag).removeprefix(_CORE), str(node.value)
    if kind == "null":
        return None
    if kind == "bool":
        return text.casefold() == "true"
    if kind == "int":
        found = _INTEGER.match(text.replace("_", ""))
        if found is None:
            raise ValueError(text)
        sign, *digits = found.groups()
        base, number = next((b, d) for b, d in zip((16, 8, 2, 10), digits, strict=True) if d)
        return -int(number, base) if sign == "-" else int(number, base)
    if kind == "float":
        return float(text.replace("_", "").casefold().replace(".inf", "inf").replace(".nan", "nan"))
    return text


def walk(tree: Tree, path: tuple[str | int, ...]) -> Iterator[tuple[Node | None, Node]]:
    """Key node (None in a sequence) and value node of each part of ``path``; stops where the document does."""
    node: Node = tree.root
    for part in path:
        if isinstance(node, MappingNode) and isinstance(part, str) and part in tree.entries(node):
            key, node = tree.entries(node)[part]
            yield key, node
        elif isinstance(node, SequenceNode) and isinstance(part, int) and 0 <= part < len(node.value):
            node = node.value[part]
            yield None, node
        else:
            return
