"""SM5xx: the names and the types of an expression."""

from __future__ import annotations

import ast
import types
from dataclasses import dataclass
from typing import Any

from rtengine.chart.attributes import fields, returned
from rtengine.chart.checks.calls import check_arguments
from rtengine.chart.checks.machine import Payloads, Subject
from rtengine.chart.checks.operands import Operand, arithmetic, comparison, negation
from rtengine.chart.expression import CONSTANTS, ExpressionError, parse
from rtengine.chart.types import describe, either, iterable_item, members
from rtengine.source.finding import Path
from rtengine.source.suggestion import suggest


def infer(subject: Subject, source: str, path: Path, payloads: Payloads, offset: int = 0) -> Any:
    """The type of an expression; Any where it is not known, or wrong and reported.

    ``offset``: where the expression begins in the value at ``path``, 1 after an ``=``.
    """
    try:
        tree = parse(source)
    except ExpressionError as error:
        hint = _syntax_hint(source, offset)
        subject.report("SM501", error.message, path, offset=offset + error.column, hint=hint)
        return Any
    return _Inference(subject, path, payloads, offset).of(tree.body)


def _syntax_hint(source: str, offset: int) -> str:
    if source.startswith("=") and not offset:
        return "'when' is an expression already: leave out the '='"
    if "&&" in source or "||" in source:
        return "write 'and' and 'or'"
    return ""


@dataclass(frozen=True)
class _Inference:
    subject: Subject
    path: Path
    payloads: Payloads
    offset: int

    def of(self, node: ast.expr) -> Any:
        method = getattr(self, "_" + type(node).__name__.lower(), None)
        return method(node) if method is not None else Any

    def report(self, code: str, message: str, column: int, hint: str = "") -> None:
        self.subject.report(code, message, self.path, offset=self.offset + column, hint=hint)

    def _constant(self, node: ast.Constant) -> Any:
        return type(node.value)

    def _name(self, node: ast.Name) -> Any:
        vocabulary = self.subject.vocabulary
        if node.id in CONSTANTS:
            return type(CONSTANTS[node.id])
        if node.id == "ctx":
            return Any
        if node.id == "event":
            return either([payload.whole for payload in self.payloads])
        if node.id in vocabulary.roots:
            return vocabulary.roots[node.id]
        known = ["ctx", "event", *CONSTANTS, *vocabulary.roots]
        hint = suggest(node.id, known)
        if node.id in vocabulary.functions or node.id in vocabulary.pure:
            hint = f"call it: {node.id}(…)"
        elif node.id in self.subject.context:
            hint = f"did you mean 'ctx.{node.id}'?"
        self.report("SM504", f"unknown name '{node.id}'", node.col_offset, hint)
        return Any

    def _attribute(self, node: ast.Attribute) -> Any:
        column = (node.end_col_offset or 0) - len(node.attr)
        if isinstance(node.value, ast.Name) and node.value.id == "ctx":
            if node.attr not in self.subject.context:
                hint = suggest(node.attr, self.subject.context, "variables")
                self.report("SM503", f"ctx has no '{node.attr}'", column, hint)
                return Any
            return self.subject.context[node.attr]
        if isinstance(node.value, ast.Name) and node.value.id == "event":
            return self._carried(node.attr, column)
        owner = self.of(node.value)
        found = [self._member(member, node.attr) for member in members(owner)]
        if owner in (None, type(None)) or all(annotation is None for annotation in found):
            known = [name for member in members(owner) for name in fields(member)]
            message = f"{ast.unparse(node.value)} ({describe(either(members(owner)))}) has no '{node.attr}'"
            self.report("SM503", message, column, suggest(node.attr, known, "attributes"))
            return Any
        return either([annotation for annotation in found if annotation is not None])

    @staticmethod
    def _member(owner: Any, name: str) -> Any:
        """Type of the attribute; None when the type has none of that name."""
        if owner in (Any, object):
            return Any
        known = fields(owner)
        if name in known:
            return known[name].annotation
        kind = getattr(owner, "__origin__", owner)
        return Any if isinstance(kind, type) and issubclass(kind, dict) else None

    def _carried(self, name: str, column: int) -> Any:
        """An attribute of the payload, which every event the step may run for must carry."""
        lacking = [p for p in self.payloads if p.fields is not None and name not in p.fields]
        if name == "type":
            carried = [p.fields["type"] for p in self.payloads if p.fields is not None and "type" in p.fields]
            return either(carried) if not lacking and carried else str
        if not lacking:
            return either([Any if p.fields is None else p.fields[name] for p in self.payloads])
        known = sorted({field for payload in self.payloads for field in payload.fields or ()})
        events = sorted({payload.label for payload in lacking})
        if len(lacking) == len(self.payloads):
            message = f"{_listed(events)} carries no '{name}'"
        else:
            message = f"the step can also run for {_listed(events)}, without '{name}'"
        self.report("SM502", message, column, suggest(name, known, "fields") if name not in known else "")
        return Any

    def _subscript(self, node: ast.Subscript) -> Any:
        self.of(node.slice)
        return iterable_item(self.of(node.value))

    def _call(self, node: ast.Call) -> Any:
        given = [(self.of(argument), argument.col_offset) for argument in node.args]
        assert isinstance(node.func, ast.Name)
        name, vocabulary = node.func.id, self.subject.vocabulary
        function = vocabulary.functions.get(name, vocabulary.pure.get(name))
        if function is None:
            hint = suggest(name, [*vocabulary.functions, *vocabulary.pure], "functions")
            self.report("SM505", f"unknown function '{name}'", node.col_offset, hint)
            return Any
        for message, column in check_arguments(name, function, given, node.col_offset):
            self.report("SM506", message, column)
        return returned(function)

    def _boolop(self, node: ast.BoolOp) -> Any:
        return either([self.of(part) for part in node.values])

    def _unaryop(self, node: ast.UnaryOp) -> Any:
        operand = self.of(node.operand)
        if isinstance(node.op, ast.Not):
            return bool
        if problem := negation(operand):
            self.report("SM507", problem, node.operand.col_offset)
            return Any
        return operand

    def _binop(self, node: ast.BinOp) -> Any:
        kind, problem = arithmetic(node.op, self.of(node.left), self.of(node.right))
        if problem:
            self.report("SM507", problem, node.left.col_offset)
        return kind

    def _compare(self, node: ast.Compare) -> Any:
        sides = [Operand(side, self.of(side)) for side in (node.left, *node.comparators)]
        for operator, left, right in zip(node.ops, sides, sides[1:], strict=False):
            problem, hint = comparison(operator, left, right)
            if problem:
                self.report("SM507", problem, left.node.col_offset, hint)
        return bool

    def _ifexp(self, node: ast.IfExp) -> Any:
        self.of(node.test)
        return either([self.of(node.body), self.of(node.orelse)])

    def _list(self, node: ast.List | ast.Tuple) -> Any:
        item = either([self.of(part) for part in node.elts])
        return list if item is Any else types.GenericAlias(list, (item,))

    _tuple = _list

    def _dict(self, node: ast.Dict) -> Any:
        for part in (*node.keys, *node.values):
            if part is not None:
                self.of(part)
        return dict


def _listed(events: list[str]) -> str:
    return ", ".join(events[:4]) + (f" and {len(events) - 4} more" if len(events) > 4 else "")
