"""Findings as text: for a person, for a list of problems, for a program, and for a code host's annotations."""

from __future__ import annotations

import json as json_format
import unicodedata
from collections.abc import Callable, Sequence

from rtengine.source.finding import Finding


def full(findings: Sequence[Finding]) -> str:
    """Each with its line, a caret under the place, the hint and the path."""
    return "\n\n".join(_block(finding) for finding in findings)


def concise(findings: Sequence[Finding]) -> str:
    """One line each: ``file:line:col: severity CODE message``."""
    return "\n".join(map(_line, findings))


def json(findings: Sequence[Finding]) -> str:
    """A JSON list of objects."""
    return json_format.dumps([_record(finding) for finding in findings], ensure_ascii=False, indent=2)


def github(findings: Sequence[Finding]) -> str:
    """Workflow commands, which GitHub shows as annotations of the file."""
    return "\n".join(map(_command, findings))


FORMATS: dict[str, Callable[[Sequence[Finding]], str]] = {
    "full": full,
    "concise": concise,
    "json": json,
    "github": github,
}


def _headline(finding: Finding) -> str:
    return f"{finding.file}:{finding.line}:{finding.col}: {finding.severity} {finding.code} {finding.message}"


def _line(finding: Finding) -> str:
    return _headline(finding) + (f" ({finding.note})" if finding.note else "")


def _block(finding: Finding) -> str:
    number = str(finding.line)
    gutter = " " * len(number)
    lines = [_headline(finding)]
    if finding.excerpt:
        before = finding.excerpt[: finding.col - 1]
        marked = finding.excerpt[finding.col - 1 : finding.col - 1 + finding.width]
        caret = _blank(before) + "^" * max(1, _columns(marked))
        lines += [f"  {gutter} |", f"  {number} | {finding.excerpt}", f"  {gutter} | {caret}"]
    if finding.hint:
        lines.append(f"  {gutter} = hint: {finding.hint}")
    if finding.note:
        lines.append(f"  {gutter} = note: {finding.note}")
    if finding.path:
        lines.append(f"  {gutter} = at: " + " > ".join(map(str, finding.path)))
    return "\n".join(lines)


def _columns(text: str) -> int:
    """Terminal columns: East Asian wide characters take two, combining marks none."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def _blank(text: str) -> str:
    """Blanks as wide as the text; tabs stay tabs, so the caret stands right whatever their width."""
    return "".join("\t" if char == "\t" else " " * _columns(char) for char in text)


def _record(finding: Finding) -> dict[str, object]:
    return {
        "file": finding.file,
        "line": finding.line,
        "col": finding.col,
        "width": finding.width,
        "severity": finding.severity,
        "code": finding.code,
        "message": finding.message,
        "hint": finding.hint,
        "note": finding.note,
        "path": list(finding.path),
    }


def _command(finding: Finding) -> str:
    message = finding.message + (f" (hint: {finding.hint})" if finding.hint else "")
    message += f" ({finding.note})" if finding.note else ""
    place = f"file={_property(finding.file)},line={finding.line},col={finding.col},title={finding.code}"
    return f"::{finding.severity} {place}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
