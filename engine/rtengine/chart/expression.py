"""The expression language of machine files: Python's syntax, an allow-list of its nodes, and nothing of its runtime.

An expression knows ``ctx`` (the instance's variables), ``event`` (the payload; ``event.type`` is the event's name where
the payload has no such attribute), the roots and functions of the vocabulary, and ``null``, ``true``, ``false``.
Absence is quiet: an attribute of null, an attribute an object lacks, and a missing key or index are all null.
Arithmetic and ordering with null are errors. ``*`` and ``%`` take numbers only, so that no string is
grown or formatted.
"""

from __future__ import annotations

import ast
import warnings
from typing import Final

LONGEST: Final = 400
"""Characters of an expression."""
LARGEST: Final = 80
"""Operands, operations and names in it."""

CONSTANTS: Final[dict[str, bool | None]] = {"null": None, "true": True, "false": False}

_ALLOWED: Final = (
    ast.Expression,
    ast.BoolOp,
    ast.And,
    ast.Or,
    ast.UnaryOp,
    ast.Not,
    ast.USub,
    ast.BinOp,
    ast.Add,
    ast.Sub,
    ast.Mult,
    ast.Div,
    ast.FloorDiv,
    ast.Mod,
    ast.Compare,
    ast.Eq,
    ast.NotEq,
    ast.Lt,
    ast.LtE,
    ast.Gt,
    ast.GtE,
    ast.In,
    ast.NotIn,
    ast.IfExp,
    ast.List,
    ast.Tuple,
    ast.Dict,
    ast.Subscript,
    ast.Load,
)

_REFUSED: Final[dict[type[ast.AST], str]] = {
    ast.Pow: "`**` is not part of the expression language",
    ast.Is: "write `==` instead of `is`",
    ast.IsNot: "write `!=` instead of `is not`",
    ast.Slice: "slices are not part of the expression language",
    ast.Starred: "`*` before an argument is not part of the expression language",
    ast.JoinedStr: "f-strings are not part of the expression language",
    ast.Lambda: "lambda is not part of the expression language",
    ast.NamedExpr: "`:=` is not part of the expression language",
}


class ExpressionError(ValueError):
    """An expression that is not one. ``column`` counts characters from 0, within the expression's own text."""

    def __init__(self, message: str, column: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.column = column


def parse(source: str) -> ast.Expression:
    """The syntax tree of an expression, every node of it allowed. Names are not looked up here.

    ``col_offset`` of the nodes counts from the start of ``source``. Raises ``ExpressionError``.
    """
    if len(source) > LONGEST:
        raise ExpressionError(f"an expression has at most {LONGEST} characters", LONGEST)
    text = source.replace("\n", " ")
    body = text.lstrip()
    if not body:
        raise ExpressionError("the expression is empty")
    margin = len(text) - len(body)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # what Python merely doubts, such as '\\d', is refused
            tree = ast.parse(body, mode="eval")
    except SyntaxError as error:
        raise ExpressionError(f"syntax: {error.msg}", margin + max((error.offset or 1) - 1, 0)) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise ExpressionError(f"syntax: {error}") from None
    _place(tree, body, margin)
    size = 0
    for node in ast.walk(tree):
        size += isinstance(node, ast.expr)
        if size > LARGEST:
            raise ExpressionError(f"an expression has at most {LARGEST} parts: register a function instead")
        _check(node)
    return tree


def _place(tree: ast.Expression, body: str, margin: int) -> None:
    """Python counts UTF-8 bytes from the first character it was given; people count characters from the margin."""
    if not margin and body.isascii():
        return
    encoded = body.encode()
    for node in ast.walk(tree):
        if isinstance(node, ast.expr):
            node.col_offset = margin + len(encoded[: node.col_offset].decode())
            if node.end_col_offset is not None:
                node.end_col_offset = margin + len(encoded[: node.end_col_offset].decode())


def _check(node: ast.AST) -> None:
    column = getattr(node, "col_offset", 0)
    if isinstance(node, ast.Constant):
        if not (node.value is None or isinstance(node.value, bool | int | float | str)):
            kind = type(node.value).__name__
            raise ExpressionError(f"{kind} literals are not part of the expression language", column)
    elif isinstance(node, ast.Name):
        if node.id.startswith("_"):
            raise ExpressionError(f"{node.id!r} is a private name", column)
    elif isinstance(node, ast.Attribute):
        if node.attr.startswith("_"):
            raise ExpressionError(f"{node.attr!r} is a private name", column)
    elif isinstance(node, ast.Call):
        _check_call(node, column)
    elif isinstance(node, ast.Dict):
        if None in node.keys:
            raise ExpressionError("`**` is not part of the expression language", column)
    elif not isinstance(node, _ALLOWED):
        raise ExpressionError(
            _REFUSED.get(type(node), f"{type(node).__name__} is not part of the expression language"), column
        )


def _check_call(node: ast.Call, column: int) -> None:
    if not isinstance(node.func, ast.Name):
        raise ExpressionError("only registered functions can be called, by their name", column)
    if node.keywords:
        raise ExpressionError("a function takes its arguments by position", column)
