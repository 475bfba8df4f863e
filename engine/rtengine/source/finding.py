"""Findings: what is wrong in a file, where, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rtengine.errors import RtengineError

Severity = Literal["error", "warning"]
Path = tuple[str | int, ...]
"""Keys and indexes from the top of a document to a place in it."""

SHAPE_CODES: dict[str, str] = {
    "001": "The file is not YAML that can be read here",
    "002": "A key stands twice in one mapping",
    "003": "YAML that is refused: tags, recursive or oversized aliases, keys that are not text, too large or too deep",
    "010": "A value is of the wrong kind",
    "011": "A key that is not known here",
    "012": "A key is missing",
    "013": "An entry is none of the kinds that may stand here",
}
"""Codes that every kind of file shares, without the prefix of the kind (``SM``, ``PF``)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One mistake. ``line`` and ``col`` count from 1; ``excerpt`` is the line, ``width`` how much of it is meant."""

    file: str
    line: int
    col: int
    code: str
    message: str
    hint: str = ""
    severity: Severity = "error"
    path: Path = ()
    excerpt: str = ""
    width: int = 1
    note: str = ""
    """Another file that has a part in it."""

    @property
    def place(self) -> tuple[str, int, int, str, str]:
        """File, line, column, code and message: what makes it another finding than the next."""
        return self.file, self.line, self.col, self.code, self.message


class FileError(RtengineError):
    """One or more YAML files cannot be used. ``findings`` holds all that was found, warnings included."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        errors = [finding for finding in self.findings if finding.severity == "error"]
        files = sorted({finding.file for finding in errors})
        count = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
        super().__init__(f"{count} in {', '.join(files)}")

    def __str__(self) -> str:
        lines = (f"{f.file}:{f.line}:{f.col}: {f.code} {f.message}" for f in self.findings if f.severity == "error")
        return "\n".join((self.message, *lines))


def in_order(findings: Sequence[Finding]) -> list[Finding]:
    """By file and place, each once: what is wrong with a file is not said again of those that extend it."""
    known = {finding.place for finding in findings if not finding.note}
    told = [finding for finding in findings if not finding.note or finding.place not in known]
    return sorted(dict.fromkeys(told), key=lambda finding: finding.place)
