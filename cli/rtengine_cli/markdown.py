"""Pages of documentation that are made from the code: what stands in their tables."""

from __future__ import annotations

import re
from collections.abc import Iterable

Row = tuple[str, ...]


def code(text: str | None) -> str:
    """The text as code; nothing for none."""
    return f"`{text}`" if text else ""


def escaped(text: str) -> str:
    """The text as it is, whatever it holds that Markdown would read."""
    return re.sub(r"([|*_\[\]<>])", r"\\\1", text)


def table(head: Row, rows: Iterable[Row]) -> str:
    """A table. The cells are Markdown."""
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
