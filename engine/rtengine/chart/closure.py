"""Syntax trees to closures. Nothing is evaluated by Python itself: what has no case here cannot happen."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from rtengine.chart.expression import CONSTANTS, ExpressionError, parse
from rtengine.chart.vocabulary import Vocabulary

if TYPE_CHECKING:
    from rtengine.chart.instance import Instance

Closure: TypeAlias = "Callable[[Instance, Any], Any]"
"""Takes the instance and the payload of the event being handled (None when it has none)."""

Pair: TypeAlias = Callable[[Closure, Closure], Closure]
Fixed: TypeAlias = Callable[[Closure, Any], Closure]

_COMPARE: Mapping[type[ast.cmpop], Pair] = {
    ast.Eq: lambda a, b: lambda i, e: a(i, e) == b(i, e),
    ast.NotEq: lambda a, b: lambda i, e: a(i, e) != b(i, e),
    ast.Lt: lambda a, b: lambda i, e: a(i, e) < b(i, e),
    ast.LtE: lambda a, b: lambda i, e: a(i, e) <= b(i, e),
    ast.Gt: lambda a, b: lambda i, e: a(i, e) > b(i, e),
    ast.GtE: lambda a, b: lambda i, e: a(i, e) >= b(i, e),
    ast.In: lambda a, b: lambda i, e: a(i, e) in b(i, e),
    ast.NotIn: lambda a, b: lambda i, e: a(i, e) not in b(i, e),
}
_COMPARE_FIXED: Mapping[type[ast.cmpop], Fixed] = {
    ast.Eq: lambda a, c: lambda i, e: a(i, e) == c,
    ast.NotEq: lambda a, c: lambda i, e: a(i, e) != c,
    ast.Lt: lambda a, c: lambda i, e: a(i, e) < c,
    ast.LtE: lambda a, c: lambda i, e: a(i, e) <= c,
    ast.Gt: lambda a, c: lambda i, e: a(i, e) > c,
    ast.GtE: lambda a, c: lambda i, e: a(i, e) >= c,
    ast.In: lambda a, c: lambda i, e: a(i, e) in c,
    ast.NotIn: lambda a, c: lambda i, e: a(i, e) not in c,
}
_OPERATORS: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}
_ARITHMETIC: Mapping[type[ast.operator], Pair] = {
    ast.Add: lambda a, b: lambda i, e: a(i, e) + b(i, e),
    ast.Sub: lambda a, b: lambda i, e: a(i, e) - b(i, e),
    ast.Mult: lambda a, b: lambda i, e: _number(a(i, e), "*") * _number(b(i, e), "*"),
    ast.Div: lambda a, b: lambda i, e: a(i, e) / b(i, e),
    ast.FloorDiv: lambda a, b: lambda i, e: a(i, e) // b(i, e),
    ast.Mod: lambda a, b: lambda i, e: _number(a(i, e), "%") % b(i, e),
}


def compile_expression(tree: ast.Expression | str, vocabulary: Vocabulary) -> Closure:
    """The expression as a closure. Raises ``ExpressionError`` for unknown names, and for what ``parse`` refuses."""
    if isinstance(tree, str):
        tree = parse(tree)
    return _Compiler(vocabulary).compile(tree.body)


def _number(value: Any, sign: str) -> Any:
    if isinstance(value, int | float):
        return value
    raise TypeError(f"{sign} takes numbers, not {type(value).__name__}")


def attribute(value: Any, name: str) -> Any:
    """``value.name``, or the key of a dict; null where there is none."""
    if type(value) is dict:
        return value.get(name)
    return getattr(value, name, None)


def _item(value: Any, key: Any) -> Any:
    if value is None:
        return None
    try:
        return value[key]
    except (KeyError, IndexError):
        return None


class _Compiler:
    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary

    def compile(self, node: ast.expr) -> Closure:
        method = getattr(self, "_" + type(node).__name__.lower(), None)
        if method is None:
            raise ExpressionError(f"{type(node).__name__} is not part of the expression language", node.col_offset)
        closure: Closure = method(node)
        return closure

    def _constant(self, node: ast.Constant) -> Closure:
        value = node.value
        return lambda i, e: value

    def _name(self, node: ast.Name) -> Closure:
        name = node.id
        if name in CONSTANTS:
            value = CONSTANTS[name]
            return lambda i, e: value
        if name == "ctx":
            return lambda i, e: i.ctx
        if name == "event":
            return lambda i, e: e
        if name in self._vocabulary.roots:
            return lambda i, e: getattr(i.host.roots, name)
        raise ExpressionError(f"unknown name {name!r}", node.col_offset)

    def _attribute(self, node: ast.Attribute) -> Closure:
        name, of = node.attr, node.value
        if isinstance(of, ast.Name):
            root = of.id
            if root == "ctx":
                return lambda i, e: getattr(i.ctx, name)
            if root == "event" and name == "type":
                return lambda i, e: getattr(e, "type", i.event)
            if root == "event":
                return lambda i, e: getattr(e, name, None)
            if root in self._vocabulary.roots:
                return lambda i, e: getattr(getattr(i.host.roots, root), name, None)
        value = self.compile(of)
        return lambda i, e: attribute(value(i, e), name)

    def _subscript(self, node: ast.Subscript) -> Closure:
        value, key = self.compile(node.value), self.compile(node.slice)
        return lambda i, e: _item(value(i, e), key(i, e))

    def _call(self, node: ast.Call) -> Closure:
        assert isinstance(node.func, ast.Name)
        name = node.func.id
        arguments = tuple(self.compile(argument) for argument in node.args)
        if name in self._vocabulary.functions:
            return _host_call(name, arguments)
        pure = self._vocabulary.pure.get(name)
        if pure is None:
            raise ExpressionError(f"unknown function {name!r}", node.col_offset)
        if len(arguments) == 1:
            only = arguments[0]
            return lambda i, e: pure(only(i, e))
        return lambda i, e: pure(*[argument(i, e) for argument in arguments])

    def _boolop(self, node: ast.BoolOp) -> Closure:
        parts = [self.compile(value) for value in node.values]
        conjunction = isinstance(node.op, ast.And)
        closure = parts.pop()
        while parts:
            closure = _both(parts.pop(), closure) if conjunction else _either(parts.pop(), closure)
        return closure

    def _unaryop(self, node: ast.UnaryOp) -> Closure:
        value = self.compile(node.operand)
        if isinstance(node.op, ast.Not):
            return lambda i, e: not value(i, e)
        return lambda i, e: -value(i, e)

    def _binop(self, node: ast.BinOp) -> Closure:
        return _ARITHMETIC[type(node.op)](self.compile(node.left), self.compile(node.right))

    def _compare(self, node: ast.Compare) -> Closure:
        if len(node.ops) == 1:
            relation, right = type(node.ops[0]), node.comparators[0]
            left = self.compile(node.left)
            if isinstance(right, ast.Constant) or (isinstance(right, ast.Name) and right.id in CONSTANTS):
                value = right.value if isinstance(right, ast.Constant) else CONSTANTS[right.id]
                return _COMPARE_FIXED[relation](left, value)
            return _COMPARE[relation](left, self.compile(right))
        relations = [_OPERATORS[type(relation)] for relation in node.ops]
        return _chain(self.compile(node.left), tuple(zip(relations, map(self.compile, node.comparators), strict=True)))

    def _ifexp(self, node: ast.IfExp) -> Closure:
        test, yes, no = self.compile(node.test), self.compile(node.body), self.compile(node.orelse)
        return lambda i, e: yes(i, e) if test(i, e) else no(i, e)

    def _list(self, node: ast.List) -> Closure:
        values = tuple(self.compile(value) for value in node.elts)
        return lambda i, e: [value(i, e) for value in values]

    def _tuple(self, node: ast.Tuple) -> Closure:
        values = tuple(self.compile(value) for value in node.elts)
        return lambda i, e: tuple([value(i, e) for value in values])

    def _dict(self, node: ast.Dict) -> Closure:
        pairs = tuple(
            (self.compile(key), self.compile(value))
            for key, value in zip(node.keys, node.values, strict=True)
            if key is not None
        )
        return lambda i, e: {key(i, e): value(i, e) for key, value in pairs}


def _host_call(name: str, arguments: tuple[Closure, ...]) -> Closure:
    if not arguments:
        return lambda i, e: getattr(i.host.functions, name)()
    if len(arguments) == 1:
        only = arguments[0]
        return lambda i, e: getattr(i.host.functions, name)(only(i, e))
    return lambda i, e: getattr(i.host.functions, name)(*[argument(i, e) for argument in arguments])


def _both(a: Closure, b: Closure) -> Closure:
    return lambda i, e: a(i, e) and b(i, e)


def _either(a: Closure, b: Closure) -> Closure:
    return lambda i, e: a(i, e) or b(i, e)


def _chain(first: Closure, rest: tuple[tuple[Callable[[Any, Any], Any], Closure], ...]) -> Closure:
    """``a < b <= c``: every operand is evaluated once, and none after the first comparison that fails."""

    def compare(i: Instance, e: Any) -> bool:
        left = first(i, e)
        for relation, closure in rest:
            right = closure(i, e)
            if not relation(left, right):
                return False
            left = right
        return True

    return compare
