"""The expression language: what it can say, what it refuses, and what it does with nothing."""

from __future__ import annotations

import ast
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rtengine.chart.closure import compile_expression
from rtengine.chart.expression import LARGEST, LONGEST, ExpressionError, parse
from rtengine.chart.instance import Instance
from rtengine.chart.vocabulary import Vocabulary

pytestmark = pytest.mark.unit

CALLED: list[int] = []


def count(value: int) -> int:
    CALLED.append(value)
    return value


VOCABULARY = Vocabulary(
    functions={"double": lambda x: x, "now": lambda: 0, "join": lambda a, b: a},
    pure={"len": len, "max": max, "count": count},
    roots={"settings": SimpleNamespace},
)
INSTANCE = SimpleNamespace(
    ctx=SimpleNamespace(
        n=2, name="ada", none=None, turn=SimpleNamespace(type="server_vad"), box={"a": {"b": 1}}, row=[7, 8]
    ),
    event="greet",
    host=SimpleNamespace(
        roots=SimpleNamespace(settings=SimpleNamespace(limit=3, voice=None)),
        functions=SimpleNamespace(double=lambda x: 2 * x, now=lambda: 9, join=lambda a, b: f"{a}-{b}"),
    ),
)
PAYLOAD = SimpleNamespace(text="hi", at=1.5, inner=SimpleNamespace(deep=SimpleNamespace(x=1)))


def value(source: str, payload: Any = PAYLOAD) -> Any:
    return compile_expression(source, VOCABULARY)(cast(Instance, INSTANCE), payload)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("1 + 2 * 3", 7),
        ("7 // 2 - 7 % 2", 2),
        ("-ctx.n / 4", -0.5),
        ("'a' + ctx.name", "aada"),
        ("ctx.row + [9]", [7, 8, 9]),
        ("null", None),
        ("true and not false", True),
        ("ctx.n", 2),
        ("event.text", "hi"),
        ("event", PAYLOAD),
        ("event.inner.deep.x", 1),
        ("settings.limit >= ctx.n", True),
        ("ctx.n == 2", True),
        ("ctx.n != 2", False),
        ("event.text == null", False),
        ("ctx.none == null", True),
        ("0 < ctx.n <= 2 < 3", True),
        ("0 < ctx.n <= 1 < 3", False),
        ("ctx.name in ['ada', 'bob']", True),
        ("'x' not in ctx.box", True),
        ("ctx.turn.type in ('server_vad', 'semantic_vad')", True),
        ("'yes' if ctx.n > 1 else 'no'", "yes"),
        ("ctx.none or 'default'", "default"),
        ("ctx.n and ctx.name and 0", 0),
        ("false or null or 5", 5),
        ("{'a': ctx.n, 'b': [1, ctx.n]}", {"a": 2, "b": [1, 2]}),
        ("(1, ctx.n)", (1, 2)),
        ("ctx.row[1]", 8),
        ("ctx.row[-1]", 8),
        ("ctx.box['a']['b']", 1),
        ("ctx.box.a.b", 1),
        ("len(ctx.row)", 2),
        ("max(ctx.n, 10, 3)", 10),
        ("double(ctx.n + 1)", 6),
        ("now()", 9),
        ("join(ctx.name, event.text)", "ada-hi"),
        ("  ctx.n\n  + 1", 3),
    ],
)
def test_an_expression_has_the_value_python_would_give_it(source: str, expected: object) -> None:
    assert value(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        "ctx.none.a.b",
        "event.missing",
        "event.missing.more",
        "settings.voice.name",
        "ctx.box.zz",
        "ctx.box['zz']['b']",
        "ctx.none['a']",
        "ctx.row[5]",
    ],
)
def test_what_is_absent_is_null(source: str) -> None:
    assert value(source) is None


def test_every_attribute_of_an_event_without_payload_is_null() -> None:
    assert value("event.text", None) is None
    assert value("event", None) is None


def test_the_type_of_an_event_is_its_name_unless_the_payload_has_one() -> None:
    assert value("event.type") == "greet"
    assert value("event.type", None) == "greet"
    assert value("event.type", SimpleNamespace(type="own")) == "own"


@pytest.mark.parametrize("source", ["ctx.none < 1", "ctx.none + 1", "'ab' * 3", "3 * 'ab'", "[1] * 3", "'%d' % 3"])
def test_arithmetic_without_numbers_is_an_error_of_the_step(source: str) -> None:
    with pytest.raises(TypeError):
        value(source)


def test_a_chain_evaluates_each_operand_once_and_stops_early() -> None:
    CALLED.clear()
    assert value("0 < count(1) < count(2)") is True
    assert CALLED == [1, 2]
    CALLED.clear()
    assert value("5 < count(1) < count(2)") is False
    assert CALLED == [1]


def test_a_list_literal_is_new_each_time() -> None:
    closure = compile_expression("[1, 2]", VOCABULARY)
    first = closure(cast(Instance, INSTANCE), None)
    first.append(3)
    assert closure(cast(Instance, INSTANCE), None) == [1, 2]


@pytest.mark.parametrize(
    ("source", "message", "column"),
    [
        ("ctx._secret", "'_secret' is a private name", 0),
        ("1 + ctx.a.__class__", "'__class__' is a private name", 4),
        ("_x", "'_x' is a private name", 0),
        ("2 ** 3", "`**` is not part", 0),
        ("ctx.a is null", "write `==`", 0),
        ("ctx.name.upper()", "only registered functions", 0),
        ("max(1, key=2)", "by position", 0),
        ("max(*ctx.row)", "`*` before an argument", 4),
        ("{**ctx.box}", "`**` is not part", 0),
        ("[x for x in ctx.row]", "ListComp", 0),
        ("lambda: 1", "lambda", 0),
        ("f'{ctx.n}'", "f-strings", 0),
        ("ctx.row[0:1]", "slices", 8),
        ("(n := 3)", "`:=`", 1),
        ("b'x'", "bytes", 0),
        ("1j", "complex", 0),
        ("...", "ellipsis", 0),
        ("~ctx.n", "Invert", 0),
        ("ctx.n & 1", "BitAnd", 0),
        ("1 +", "syntax", 3),
        ("a = 1", "syntax", 2),
        ("", "empty", 0),
        ("   ", "empty", 0),
        ("'\0'", "syntax", 0),
        ("'\\d'", "syntax", 0),
        ("1if true else 2", "syntax", 0),
        ("(" * 300, "syntax", 0),
    ],
)
def test_everything_else_is_refused_with_its_place(source: str, message: str, column: int) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(source)
    assert message in caught.value.message
    assert caught.value.column == column or message == "syntax"


def test_names_and_functions_that_nobody_registered_are_refused() -> None:
    for source, message, column in [
        ("1 + unknown", "unknown name 'unknown'", 4),
        ("unknown.a", "unknown name 'unknown'", 0),
        ("1 + missing(2)", "unknown function 'missing'", 4),
        ("len", "unknown name 'len'", 0),
        ("settings(1)", "unknown function 'settings'", 0),
    ]:
        with pytest.raises(ExpressionError) as caught:
            compile_expression(source, VOCABULARY)
        assert (caught.value.message, caught.value.column) == (message, column)


def test_length_and_size_are_limited() -> None:
    parse("'" + "x" * (LONGEST - 2) + "'")
    with pytest.raises(ExpressionError, match="characters"):
        parse("'" + "x" * (LONGEST - 1) + "'")
    with pytest.raises(ExpressionError, match="parts"):
        parse(" + ".join(["1"] * (LARGEST // 2 + 1)))
    parse(" + ".join(["1"] * (LARGEST // 2)))


def test_columns_count_characters_from_the_start_of_the_text() -> None:
    tree = parse("  'ö–x' + ctx.name")
    attribute = next(node for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    assert attribute.col_offset == 10
    assert attribute.end_col_offset == 18
