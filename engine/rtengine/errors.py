"""The errors of rtengine.

RtengineError            a sentence for a person, with an optional hint
├── FileError            a YAML file has findings (``rtengine.source``)
├── ModelError           a model cannot be found, verified or loaded (``rtengine.models``)
└── APIError             the API's own error, told to a client (``rtengine.protocol.errors``)
"""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path

_LONGEST = 300
_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})


class RtengineError(Exception):
    """Something a person can act on: one sentence, and a hint when there is a likely remedy."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ModelError(RtengineError):
    """A model's weights, package or endpoint is missing, is not what it should be, or failed to load."""


def reason(error: BaseException, placed: bool = True) -> str:
    """An exception in one line: ``ValueError: no such voice (myvoice.py:9)``.

    The place is where it was raised, or the nearest call of that which is in no installed package. ``placed`` false is
    for what comes from the network or the system, where it tells nothing.
    """
    said = " ".join(str(error).split())
    told = (
        f"{type(error).__name__}: {said[:_LONGEST]}{'…' if len(said) > _LONGEST else ''}"
        if said
        else type(error).__name__
    )
    frames = traceback.extract_tb(error.__traceback__) if placed else ()
    own = [frame for frame in frames if not frame.filename.startswith((*_LIBRARIES, "<"))] or frames
    return f"{told} ({Path(own[-1].filename).name}:{own[-1].lineno})" if own else told
