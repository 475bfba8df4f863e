"""What operators take. Null is let pass everywhere: guards, which the checks do not follow, keep it out."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from rtengine.chart.types import describe, fits, iterable_item, members
from rtengine.source.suggestion import suggest

_NUMBERS = int | float


@dataclass(frozen=True)
class Operand:
    node: ast.expr
    annotation: Any


def arithmetic(operator: ast.operator, left: Any, right: Any) -> tuple[Any, str]:
    """Type of the result, and what is wrong."""
    sign = _SIGNS[type(operator)]
    for side in (left, right):
        if side in (None, type(None)):
            return Any, f"{sign} takes no null"
    if _number(left) and _number(right):
        if isinstance(operator, ast.Div):
            return float, ""
        return (int if _whole(left) and _whole(right) else float), ""
    if isinstance(operator, ast.Add):
        for kind in (str, list):
            if fits(left, kind) and fits(right, kind):
                return (Any if Any in (left, right) else kind), ""
    if Any in (left, right):
        return Any, ""
    return Any, f"{describe(left)} {sign} {describe(right)} cannot be computed"


def negation(operand: Any) -> str:
    """What is wrong with a minus before the operand."""
    return "" if operand is Any or _number(operand) else f"- takes a number, not {describe(operand)}"


def comparison(operator: ast.cmpop, left: Operand, right: Operand) -> tuple[str, str]:
    """What is wrong with it, and a hint."""
    if isinstance(operator, ast.In | ast.NotIn):
        return _containment(left, right)
    if isinstance(operator, ast.Eq | ast.NotEq):
        for one, other in ((left, right), (right, left)):
            found = _impossible([one.node], other)
            if found[0]:
                return found
        if (
            _null(left)
            or _null(right)
            or fits(left.annotation, right.annotation)
            or fits(right.annotation, left.annotation)
        ):
            return "", ""
        return f"{describe(left.annotation)} never equals {describe(right.annotation)}", ""
    orderable = any(fits(left.annotation, kind) and fits(right.annotation, kind) for kind in (float, str))
    if orderable and not _null(left) and not _null(right):
        return "", ""
    return f"{describe(left.annotation)} and {describe(right.annotation)} have no order", ""


def _containment(left: Operand, right: Operand) -> tuple[str, str]:
    if isinstance(right.node, ast.List | ast.Tuple):
        return _impossible(right.node.elts, left)
    if fits(right.annotation, dict):  # of a mapping `in` asks the keys
        return "", ""
    holds = iterable_item(right.annotation)
    if any(fits(right.annotation, kind) for kind in (list, tuple, str, set, frozenset)):
        if fits(left.annotation, holds) or holds is Any:
            return "", ""
        return f"{describe(left.annotation)} is never in {describe(right.annotation)}", ""
    return f"'in' takes a list, a mapping or text, not {describe(right.annotation)}", ""


def _impossible(constants: Iterable[ast.expr], other: Operand) -> tuple[str, str]:
    """A constant that is none of the values the other side can have."""
    possible: list[Any] = []
    for member in members(other.annotation):
        if get_origin(member) is not Literal:
            return "", ""
        possible += get_args(member)
    for node in constants:
        if isinstance(node, ast.Constant) and node.value is not None and node.value not in possible:
            hint = suggest(str(node.value), [str(value) for value in possible], "values")
            return f"{ast.unparse(other.node)} is never {node.value!r}", hint
    return "", ""


def _null(operand: Operand) -> bool:
    return operand.annotation in (None, type(None))


def _number(annotation: Any) -> bool:
    return annotation is not Any and fits(annotation, _NUMBERS)


def _whole(annotation: Any) -> bool:
    return all(member is int for member in members(annotation))


_SIGNS: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
}
