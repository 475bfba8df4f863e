"""Findings as text."""

from __future__ import annotations

import json

import pytest

from rtengine.source import report
from rtengine.source.finding import FileError, Finding, in_order

pytestmark = pytest.mark.unit

TARGET = Finding(
    "machines/turn.yaml",
    38,
    17,
    "SM203",
    "unknown target state 'faild'",
    "did you mean 'failed'?",
    "error",
    ("states", "a", "after", 0, "target"),
    "        target: faild",
    5,
)


def test_full_shows_the_line_a_caret_of_the_right_width_the_hint_and_the_path() -> None:
    assert report.full([TARGET]).splitlines() == [
        "machines/turn.yaml:38:17: error SM203 unknown target state 'faild'",
        "     |",
        "  38 |         target: faild",
        "     |                 ^^^^^",
        "     = hint: did you mean 'failed'?",
        "     = at: states > a > after > 0 > target",
    ]


def test_the_caret_stands_right_under_wide_characters_and_tabs() -> None:
    finding = Finding("f.yaml", 1, 6, "SM010", "m", excerpt="\t話: é x", width=1)
    assert report.full([finding]).splitlines()[-1] == "    | \t   " + "  ^"
    wide = Finding("f.yaml", 1, 2, "SM010", "m", excerpt="\t話: x", width=1)
    assert report.full([wide]).splitlines()[-1] == "    | \t^^"


def test_concise_is_a_line_for_each() -> None:
    text = report.concise([TARGET, TARGET])
    assert text.splitlines() == ["machines/turn.yaml:38:17: error SM203 unknown target state 'faild'"] * 2


def test_json_holds_every_field_but_the_excerpt() -> None:
    (record,) = json.loads(report.json([TARGET]))
    assert record == {
        "file": "machines/turn.yaml",
        "line": 38,
        "col": 17,
        "width": 5,
        "severity": "error",
        "code": "SM203",
        "message": "unknown target state 'faild'",
        "hint": "did you mean 'failed'?",
        "note": "",
        "path": ["states", "a", "after", 0, "target"],
    }
    assert report.json([]) == "[]"


def test_github_commands_escape_what_would_end_them() -> None:
    finding = Finding("a,b:c.yaml", 2, 3, "SM001", "100%\nsure", severity="warning")
    assert report.github([finding]) == "::warning file=a%2Cb%3Ac.yaml,line=2,col=3,title=SM001::100%25%0Asure"


def test_a_file_error_says_every_error_and_keeps_the_warnings() -> None:
    warning = Finding("a.yaml", 1, 1, "SM301", "unused", severity="warning")
    error = FileError([TARGET, warning])
    assert error.message == "1 error in machines/turn.yaml"
    assert str(error).splitlines()[1] == "machines/turn.yaml:38:17: SM203 unknown target state 'faild'"
    assert len(str(error).splitlines()) == 2
    assert error.findings == (TARGET, warning)


def test_findings_are_ordered_by_place_and_given_once() -> None:
    first = Finding("a.yaml", 1, 9, "SM010", "x")
    assert in_order([TARGET, first, TARGET]) == [first, TARGET]
