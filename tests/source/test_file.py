"""Reading YAML: positions, refusals, plain values."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtengine.source.file import MAX_BYTES, SourceFile
from rtengine.source.finding import FileError, Finding

pytestmark = pytest.mark.unit

TEXT = """\
# a comment
name: one
list:
  - first
  - {key: 'it''s ctx.x', other: "a \\"b\\" ctx.y"}
block: |
  line one
  ctx.z here
folded: >-
  some words
  ctx.f
plain: two words
  and ctx.p
base: &base {a: 1, b: 2}
use: *base
merged:
  <<: *base
  b: 3
empty:
"""


def parsed(text: str = TEXT) -> SourceFile:
    return SourceFile.parse(text, "f.yaml")


def refused(text: str) -> Finding:
    with pytest.raises(FileError) as error:
        SourceFile.parse(text, "f.yaml", "PF")
    return error.value.findings[0]


def at(finding: Finding) -> str:
    """What the caret stands under."""
    return finding.excerpt[finding.col - 1 : finding.col - 1 + finding.width]


def test_plain_values_are_those_of_yaml_1_2() -> None:
    text = """\
        a: yes
        b: 010
        c: 0x1F
        d: 0o17
        e: 1_000
        f: -2.5e3
        g: .inf
        h: ~
        i: 2020-01-01
        j: "1"
        k: true
        on: off
        l: [1, {m: n}]
        o: !!str 5
        """
    assert parsed(text).plain() == {
        "a": "yes",
        "b": 10,
        "c": 31,
        "d": 15,
        "e": 1000,
        "f": -2500.0,
        "g": float("inf"),
        "h": None,
        "i": "2020-01-01",
        "j": "1",
        "k": True,
        "on": "off",
        "l": [1, {"m": "n"}],
        "o": "5",
    }


def test_plain_values_are_fresh_each_time_and_aliases_are_not_shared() -> None:
    file = parsed()
    one = file.plain()
    one["base"]["a"] = 9
    assert one["use"] == {"a": 1, "b": 2}
    assert file.plain()["base"]["a"] == 1
    assert one["merged"] == {"b": 3, "a": 1}


@pytest.mark.parametrize(
    ("path", "key", "place"),
    [
        (("name",), False, (2, 7)),
        (("name",), True, (2, 1)),
        (("list", 0), False, (4, 5)),
        (("list", 1), False, (5, 5)),
        (("list", 1, "key"), True, (5, 6)),
        (("list", 1, "key"), False, (5, 11)),
        (("use", "b"), False, (14, 23)),
        (("merged", "b"), False, (18, 6)),
        (("merged", "a"), False, (14, 17)),
        (("empty",), False, (19, 1)),
        (("list", 7), False, (4, 3)),
        (("nothing", "here"), False, (2, 1)),
        ((), False, (2, 1)),
    ],
)
def test_marks_are_lines_and_columns_from_1(path: tuple[str | int, ...], key: bool, place: tuple[int, int]) -> None:
    assert parsed().mark(path, key) == place


@pytest.mark.parametrize(
    ("path", "word"),
    [
        (("list", 1, "key"), "ctx.x"),
        (("list", 1, "other"), "ctx.y"),
        (("block",), "ctx.z"),
        (("folded",), "ctx.f"),
        (("plain",), "ctx.p"),
    ],
)
def test_an_offset_into_a_value_is_found_whatever_its_style(path: tuple[str | int, ...], word: str) -> None:
    file = parsed()
    value = file.plain()
    for part in path:
        value = value[part]
    assert at(file.finding("SM501", "m", path, offset=value.index(word))) == word


def test_a_finding_is_as_wide_as_what_it_means() -> None:
    file = parsed()
    assert at(file.finding("X", "m", ("name",), key=True)) == "name"
    assert at(file.finding("X", "m", ("list", 1, "other"))) == '"a \\"b\\" ctx.y"'


@pytest.mark.parametrize(
    ("text", "code", "line", "marked", "hint"),
    [
        ("a: 1\nb: 2\na: 3\n", "PF002", 3, "a", "first on line 1"),
        ("a:\n\tb: 1\n", "PF001", 2, "\t", "use spaces"),
        ("a: {b: =f(x, y)}\n", "PF001", 1, "=f(x", "quote the expression"),
        ("a: {b: =f(x, y, z), c: 1}\n", "PF001", 1, "=f(x", "quote the expression"),
        ("a: {b: =f('x', 'y')}\n", "PF001", 1, ")", "quote the expression"),
        ("a: [=f(x, y)]\n", "PF001", 1, "=f(x", "quote the expression"),
        ("a: b: c\n", "PF001", 1, ":", "must be quoted"),
        ("a: [1, 2\n", "PF001", 2, "", ""),
        ("a: 'x\n", "PF001", 2, "", ""),
        ("- a\n", "PF001", 1, "-", ""),
        ("", "PF001", 1, "", ""),
        ("a: 1\n---\nb: 1\n", "PF001", 2, "-", ""),
        ("a: \x07\n", "PF001", 1, "\x07", ""),
        ("a: !!python/name:os.system x\n", "PF003", 1, "!!python/name:os.system x", "remove it"),
        ("a: !include b.yaml\n", "PF003", 1, "!include b.yaml", "remove it"),
        ("a: !!int x\n", "PF003", 1, "!!int x", "remove the tag"),
        ("1: a\n", "PF003", 1, "1", "quote it"),
        ("? [a]\n: b\n", "PF003", 1, "[", "quote it"),
        ("a: &a {b: *a}\n", "PF003", 1, "&", "write the value out"),
    ],
)
def test_yaml_that_is_refused(text: str, code: str, line: int, marked: str, hint: str) -> None:
    finding = refused(text)
    assert (finding.code, finding.line) == (code, line)
    assert at(finding).startswith(marked)
    assert hint in finding.hint


def test_aliases_cannot_make_a_small_file_huge() -> None:
    lines = ["l0: &l0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 30)]
    assert refused("\n".join(lines)).code == "PF003"


def test_deep_nesting_is_a_finding() -> None:
    assert refused("a: " + "[" * 4000).code in ("PF001", "PF003")


def test_all_problems_of_a_file_are_found_at_once() -> None:
    with pytest.raises(FileError) as error:
        SourceFile.parse("a: !x 1\nb: 1\nb: 2\n2: 3\n", "f.yaml")
    assert [(f.line, f.code) for f in error.value.findings] == [(1, "SM003"), (3, "SM002"), (4, "SM003")]


def test_reading_from_disk(tmp_path: Path) -> None:
    good = tmp_path / "good.yaml"
    good.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    file = SourceFile.read(good)
    assert file.plain() == {"a": 1, "b": 2}
    assert file.name == str(good)
    assert file.mark(("b",)) == (2, 4)
    assert file.finding("X", "m", ("b",)).excerpt == "b: 2"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    large, latin = tmp_path / "large.yaml", tmp_path / "latin.yaml"
    large.write_bytes(b"a: " + b"x" * MAX_BYTES)
    latin.write_bytes(b"a: 1\nb: caf\xe9\n")
    expected = {
        large: ("SM003", 1, 1),
        latin: ("SM001", 2, 7),
        tmp_path: ("SM001", 1, 1),
        tmp_path / "no": ("SM001", 1, 1),
    }
    for path, place in expected.items():
        with pytest.raises(FileError) as error:
            SourceFile.read(path)
        (finding,) = error.value.findings
        assert (finding.code, finding.line, finding.col) == place
