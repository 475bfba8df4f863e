from __future__ import annotations

import json

import pytest

from rtengine.errors import reason

pytestmark = pytest.mark.unit


def caught(text: str) -> BaseException:
    try:
        json.loads(text)
    except ValueError as error:
        return error
    raise AssertionError


def test_an_exception_is_told_in_one_line_with_the_place_that_is_ones_own() -> None:
    told = reason(caught("{"))
    assert told.startswith("JSONDecodeError: Expecting property name enclosed in double quotes: line 1 column 2")
    assert told.endswith(f"(test_errors.py:{caught.__code__.co_firstlineno + 2})")


def test_line_breaks_and_length_are_cut() -> None:
    assert reason(ValueError("no\n  voice")) == "ValueError: no voice"
    assert reason(ValueError()) == "ValueError"
    assert len(reason(ValueError("x" * 10_000))) < 400
