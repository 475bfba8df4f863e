"""Durations as machine files write them: ``500ms``, ``8s``, ``2m``, or a number of seconds."""

from __future__ import annotations

import re

_FORM = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0}


def seconds(value: str | int | float) -> float:
    """The duration in seconds. Raises ``ValueError`` for text of another form, and for a negative number."""
    if isinstance(value, str):
        match = _FORM.fullmatch(value.strip())
        if match is None:
            raise ValueError(f"{value!r} is not a duration: write `500ms`, `8s` or `2m`")
        return float(match[1]) * _SECONDS[match[2]]
    if value < 0:
        raise ValueError(f"a duration cannot be negative ({value})")
    return float(value)
