"""The shape of the code: sizes, names, layers, and that the project speaks of itself alone."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
SOURCES = sorted(path for root in ("engine", "cli") for path in (ROOT / root).rglob("*.py"))
TEXTS = (".py", ".yaml", ".yml", ".toml", ".md", ".json", ".cfg", ".html", ".js", ".css")
SKIPPED = {
    ".git",
    ".venv",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    ".hypothesis",
    ".import_linter_cache",
    "dist",
    "build",
}

MAX_LINES = 400
MAX_MEDIAN = 200
MAX_FUNCTION_LINES = 50
KINDS = "unit|scenario|property|conformance|end_to_end|models|fuzz|soak|packaging"
KIND = re.compile(rf"^(pytestmark = \[?|@)pytest\.mark\.({KINDS})\b", re.MULTILINE)
FORBIDDEN_NAMES = re.compile(r"(^|_)(utils?|helpers?|managers?|base|common|misc|stuff)$")
# Words about how a project came to be say nothing about what it is. In pieces, so that this file has none of them.
_PIECES = (("/wo", "rk/"), ("/tm", "p/"), ("shared/refe", "rence"), ("clau", "de"), ("anthro", "pic"))
FOREIGN = re.compile("|".join(map("".join, _PIECES)), re.IGNORECASE)


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_there_is_something_to_look_at() -> None:
    assert len(SOURCES) > 30


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_a_file_is_at_most_400_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


def test_the_median_file_is_short() -> None:
    sizes = sorted(len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES)
    assert sizes[len(sizes) // 2] <= MAX_MEDIAN


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_functions_are_short(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    long = [
        f"{node.name}: {size} lines"
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (size := (node.end_lineno or node.lineno) - node.lineno + 1) > MAX_FUNCTION_LINES
    ]
    assert long == []


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_a_module_is_named_for_what_it_is(path: Path) -> None:
    parts = path.relative_to(ROOT).with_suffix("").parts
    assert not [part for part in parts if FORBIDDEN_NAMES.search(part)]


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_a_module_says_what_it_is(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not text or ast.get_docstring(ast.parse(text))


def test_tests_mirror_the_tree() -> None:
    rooms = {
        path.name for path in (ROOT / "engine/rtengine").iterdir() if path.is_dir() and not path.name.startswith("_")
    }
    tested = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir()}
    assert rooms - {"machines", "profiles"} <= tested


def test_every_test_module_names_its_kind() -> None:
    silent = [
        relative(path)
        for path in (ROOT / "tests").rglob("test_*.py")
        if not KIND.search(path.read_text(encoding="utf-8"))
    ]
    assert silent == []


def test_the_project_speaks_of_itself_alone() -> None:
    found = [
        f"{relative(path)}:{number}: {line.strip()}"
        for path in _texts()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if FOREIGN.search(line)
    ]
    assert found == []


def _texts() -> Iterator[Path]:
    for top in sorted(ROOT.iterdir()):
        if top.name in SKIPPED or top.name == "answer.wav":
            continue
        paths = [top] if top.is_file() else sorted(top.rglob("*"))
        yield from (
            path
            for path in paths
            if path.is_file()
            and "node_modules" not in path.parts
            and (path.suffix in TEXTS or path.name in ("Makefile", "run"))
        )


def test_nothing_imports_against_the_arrow() -> None:
    command = shutil.which("lint-imports", path=str(Path(sys.executable).parent)) or shutil.which("lint-imports")
    assert command, "import-linter is not installed"
    result = subprocess.run([command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-4000:]
