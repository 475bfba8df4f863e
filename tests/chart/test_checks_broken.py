"""Every rule has a file in ``tests/broken`` that breaks it; the comment on a line names the findings expected there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.chart.words import VOCABULARY

from rtengine.chart.checks.codes import CODES
from rtengine.chart.load import check_machines

pytestmark = pytest.mark.unit

FOLDER = Path(__file__).parent.parent / "broken"
CASES = sorted(path for path in FOLDER.iterdir() if path.is_dir() or path.suffix == ".yaml")
EXPECTED = re.compile(r"#((?: SM\d{3})+)\s*$")


def files_of(case: Path) -> dict[str, Path]:
    """The files by role: a folder's by their names, a single one as the machine ``phone``."""
    return {path.stem: path for path in sorted(case.glob("*.yaml"))} if case.is_dir() else {"phone": case}


def all_files(case: Path) -> list[Path]:
    """Those that are extended, too."""
    return sorted(case.rglob("*.yaml")) if case.is_dir() else [case]


def expected(path: Path) -> list[tuple[str, int, str]]:
    found: list[tuple[str, int, str]] = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = EXPECTED.search(line)
        found += [(str(path), number, code) for code in match.group(1).split()] if match else []
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_a_broken_file_gives_the_findings_its_comments_name_and_no_others(case: Path) -> None:
    files = files_of(case)
    wanted = sorted(entry for path in all_files(case) for entry in expected(path))
    assert wanted, "a broken file must say what is wrong with it"
    findings = check_machines(files, VOCABULARY)
    assert sorted((f.file, f.line, f.code) for f in findings) == wanted
    for finding in findings:
        assert finding.severity == CODES[finding.code].severity
        assert finding.message
        assert finding.excerpt == Path(finding.file).read_text().splitlines()[finding.line - 1]
        assert 1 <= finding.col <= len(finding.excerpt) + 1


def test_every_code_has_a_broken_file() -> None:
    shown = {code for case in CASES for path in all_files(case) for _, _, code in expected(path)}
    assert shown == set(CODES)
