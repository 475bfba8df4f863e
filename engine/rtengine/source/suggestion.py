"""Did you mean …? Said in one way, for keys, states, events and everything else that has a name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_LISTED = 12


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant, or None."""
    names = list(dict.fromkeys(known))
    folded = {name.casefold(): name for name in reversed(names)}
    matches = difflib.get_close_matches(word.casefold(), folded, 1, 0.6)
    return folded[matches[0]] if matches else None


def suggest(word: str, known: Iterable[str], label: str = "known") -> str:
    """A hint: the nearest name, else the names there are."""
    names = list(dict.fromkeys(known))
    near = nearest(word, names)
    if near is not None:
        return f"did you mean '{near}'?"
    if not names:
        return ""
    listed = ", ".join(names[:_LISTED]) + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")
    return f"{label}: {listed}"
