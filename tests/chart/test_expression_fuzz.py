"""Whatever text a file holds, an expression is a value, a refusal, or an error of the step. Never anything else."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtengine.chart.closure import compile_expression
from rtengine.chart.expression import ExpressionError
from rtengine.chart.instance import Instance
from rtengine.chart.vocabulary import Vocabulary

pytestmark = pytest.mark.property

VOCABULARY = Vocabulary(pure={"len": len, "max": max}, functions={"double": lambda x: x}, roots={"settings": object})
HOST = SimpleNamespace(roots=SimpleNamespace(settings=SimpleNamespace(a=1)), functions=SimpleNamespace(double=abs))
INSTANCE = cast(Instance, SimpleNamespace(ctx=SimpleNamespace(a=1, b="x", c=None, d=[1]), event="e", host=HOST))
PAYLOAD = SimpleNamespace(a=2, b={"k": [1, 2]})

names = st.sampled_from(
    [
        "ctx.a",
        "ctx.b",
        "ctx.c",
        "ctx.d",
        "event.a",
        "event.b.k",
        "event.zz.y",
        "settings.a",
        "null",
        "true",
        "1",
        "2.5",
        "'s'",
    ]
)
binary = st.sampled_from(["+", "-", "*", "/", "//", "%", "<", "==", "in", "not in", "and", "or", "**", "is", "&"])


def _longer(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("({} {} {})".format, inner, binary, inner),
        st.builds("(not {})".format, inner),
        st.builds("(-{})".format, inner),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("{}[{}]".format, inner, inner),
        st.builds("{}.attribute".format, inner),
        st.builds("({} if {} else {})".format, inner, inner, inner),
        st.builds("len({})".format, inner),
        st.builds("double({})".format, inner),
        st.builds("{{{}: {}}}".format, inner, inner),
        st.builds("{}.__class__".format, inner),
        st.builds("{}()".format, inner),
    )


@given(
    st.recursive(names, _longer, max_leaves=8)
    | st.text(max_size=60)
    | st.text("ctx.event()[]{}+-*/ '\"_1a\n", max_size=40)
)
def test_any_text_is_a_value_a_refusal_or_an_error_of_the_step(source: str) -> None:
    try:
        closure = compile_expression(source, VOCABULARY)
    except ExpressionError as error:
        assert error.message
        assert 0 <= error.column <= len(source) + 1
        return
    try:
        value = closure(INSTANCE, PAYLOAD)
    except (TypeError, ArithmeticError, AttributeError):
        return
    assert not callable(value) or value is None
