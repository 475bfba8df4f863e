"""What a step's fields are, beyond those written down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rtengine.chart.attributes import own_fields
from rtengine.chart.document import Emit, Variable
from rtengine.chart.types import fits, resolve
from rtengine.chart.vocabulary import Vocabulary


def filled(emit: Emit, vocabulary: Vocabulary, context: Mapping[str, Variable]) -> dict[str, Any]:
    """All fields of the server event: those given, then ``=ctx.<name>`` for each that a context variable can fill.

    A field is filled when it is not given, the host does not fill it, and the machine has a variable of its name whose
    type fits. An unknown event is left as it is; the checks report it.
    """
    given = dict(emit.with_)
    model = vocabulary.emits.get(emit.emit)
    for name, field in (own_fields(model) if model is not None else {}).items():
        variable = context.get(name)
        if name in given or name in vocabulary.filled or variable is None:
            continue
        try:
            annotation = resolve(variable.type, vocabulary)
        except LookupError:
            continue
        if fits(annotation, field.annotation, wire=True):
            given[name] = f"=ctx.{name}"
    return given
