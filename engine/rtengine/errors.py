"""The errors of rtengine.

RtengineError            a sentence for a person, with an optional hint
├── FileError            a YAML file has findings (``rtengine.source``)
├── ModelError           a model cannot be found, verified or loaded (``rtengine.models``)
└── APIError             the API's own error, told to a client (``rtengine.protocol.errors``)
"""

from __future__ import annotations


class RtengineError(Exception):
    """Something a person can act on: one sentence, and a hint when there is a likely remedy."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ModelError(RtengineError):
    """A model's weights, package or endpoint is missing, is not what it should be, or failed to load."""
