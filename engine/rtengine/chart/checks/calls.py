"""Arguments of a function by position."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rtengine.chart.attributes import parameters
from rtengine.chart.types import describe, fits


def check_arguments(
    name: str, function: Callable[..., Any], given: Sequence[tuple[Any, int]], column: int
) -> list[tuple[str, int]]:
    """What is wrong, and at which column. ``given``: type and column of each argument."""
    known = parameters(function)
    if known is None:
        return []
    rest = next((field for label, field in known.items() if label.startswith("*")), None)
    named = [(label, field) for label, field in known.items() if not label.startswith("*")]
    needed = sum(field.required for _, field in named)
    if len(given) < needed or (len(given) > len(named) and rest is None):
        wanted = f"{needed}" if needed == len(named) and rest is None else f"{needed} or more"
        if rest is None and needed < len(named):
            wanted = f"{needed} to {len(named)}"
        signature = f"{name}({', '.join(label for label in known)})"
        return [(f"{signature} takes {wanted} argument{'' if wanted == '1' else 's'}, not {len(given)}", column)]
    found: list[tuple[str, int]] = []
    for index, (got, place) in enumerate(given):
        label, field = named[index] if index < len(named) else ("", rest)
        if field is not None and not fits(got, field.annotation):
            what = f"'{label}'" if label else f"argument {index + 1}"
            found.append((f"{what} of {name} is {describe(field.annotation)}, not {describe(got)}", place))
    return found
