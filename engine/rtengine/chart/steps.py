"""Steps to closures. Each does its work through the host or the system of the instance it runs for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from rtengine.chart import document
from rtengine.chart.closure import Closure, attribute
from rtengine.chart.document import Variable
from rtengine.chart.payload import filled
from rtengine.chart.template import compile_fields, compile_value
from rtengine.chart.vocabulary import Vocabulary

if TYPE_CHECKING:
    from rtengine.chart.instance import Instance

Step: TypeAlias = (
    document.Emit | document.Set | document.Call | document.Send | document.Raise | document.Error | document.Spawn
)


def compile_steps(
    steps: Sequence[Step], vocabulary: Vocabulary, context: Mapping[str, Variable]
) -> tuple[Closure, ...]:
    """The closures of one list of steps, in order; a ``set`` of several variables is one closure for each."""
    return tuple(closure for step in steps for closure in _compile(step, vocabulary, context))


def _compile(step: Step, vocabulary: Vocabulary, context: Mapping[str, Variable]) -> list[Closure]:
    match step:
        case document.Emit():
            return [_emit(step.emit, compile_fields(filled(step, vocabulary, context), vocabulary))]
        case document.Set():
            return [_assign(path, compile_value(value, vocabulary)) for path, value in step.set.items()]
        case document.Call():
            call = _call(step.call, compile_fields(step.with_, vocabulary))
            return [call if step.into is None else _assign(step.into, call)]
        case document.Send():
            return [_send(step.send, step.to, compile_fields(step.with_, vocabulary))]
        case document.Raise():
            return [_raise(step.raise_, compile_fields(step.with_, vocabulary))]
        case document.Error():
            return [_error(compile_fields(step.error, vocabulary))]
        case document.Spawn():
            return [_spawn(step.spawn, compile_fields(step.with_, vocabulary))]


def _emit(name: str, fields: Closure) -> Closure:
    return lambda i, e: i.host.emit(i, name, fields(i, e))


def _assign(path: str, value: Closure) -> Closure:
    *way, last = path.split(".")
    if not way:
        return lambda i, e: setattr(i.ctx, last, value(i, e))
    variable, *inner = way

    def assign(i: Instance, e: Any) -> None:
        owner = getattr(i.ctx, variable)
        for name in inner:
            owner = attribute(owner, name)
        if owner is None:
            raise TypeError(f"cannot set {path}: {'.'.join(way)} is null")
        if type(owner) is dict:
            owner[last] = value(i, e)
        else:
            setattr(owner, last, value(i, e))

    return assign


def _call(name: str, arguments: Closure) -> Closure:
    return lambda i, e: getattr(i.host.actions, name)(i, **arguments(i, e))


def _send(event: str, to: str, fields: Closure) -> Closure:
    return lambda i, e: i.system.send(i, to, event, fields(i, e))


def _raise(event: str, fields: Closure) -> Closure:
    return lambda i, e: i.system.throw(i, event, fields(i, e))


def _error(body: Closure) -> Closure:
    return lambda i, e: i.host.error(i, body(i, e))


def _spawn(machine: str, variables: Closure) -> Closure:
    return lambda i, e: i.system.spawn(machine, i, variables(i, e))
