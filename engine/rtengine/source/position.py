"""Where a character of a scalar's value stands in the file, whatever the scalar's style."""

from __future__ import annotations

import re

from ruamel.yaml.nodes import ScalarNode

_ESCAPE = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|\r?\n[ \t]*|.)", re.DOTALL)
_BLANKS = re.compile(r"[ \t]*(?:\r?\n[ \t]*)*")


def locate(node: ScalarNode, lines: list[str], offset: int) -> tuple[int, int]:
    """Line and column (from 0) of the character at ``offset`` of the node's value."""
    line, col = node.start_mark.line, node.start_mark.column
    if node.style in ("|", ">"):
        return _in_block(str(node.value), lines, line + 1, offset)
    text = "\n".join([lines[line][col:], *lines[line + 1 : node.end_mark.line + 1]])
    at = _in_text(str(node.value), text, node.style or "", offset)
    skipped = text[:at].split("\n")
    return line + len(skipped) - 1, len(skipped[-1]) + (col if len(skipped) == 1 else 0)


def _in_text(value: str, text: str, style: str, offset: int) -> int:
    """Walks value and source together: a quote or an escape takes more room than the character it stands for."""
    at = 1 if style else 0
    for char in value[:offset]:
        if at >= len(text):
            break
        if style == '"' and text[at] == "\\":
            found = _ESCAPE.match(text, at)
            at = found.end() if found else at + 1
        elif style == "'" and text.startswith("''", at):
            at += 2
        elif char in " \n" and "\n" in _BLANKS.match(text, at).group():  # type: ignore[union-attr]
            at = _BLANKS.match(text, at).end()  # type: ignore[union-attr]
        else:
            at += 1
    return at


def _in_block(value: str, lines: list[str], first: int, offset: int) -> tuple[int, int]:
    """In a block scalar the words keep their order, so the blanks between them need not be understood."""
    wanted = len(re.sub(r"\s", "", value[:offset]))
    passed = 0
    for number in range(first, len(lines)):
        for col, char in enumerate(lines[number]):
            if char.isspace():
                continue
            if passed == wanted:
                return number, col
            passed += 1
    return first, 0
