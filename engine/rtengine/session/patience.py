"""How much silence ends a turn under `semantic_vad`, by eagerness and by how finished the words sound."""

from __future__ import annotations

from rtengine.protocol.turn_detection import Eagerness

CERTAIN = 0.1
"""A judge's probability from which on a turn counts as complete: of whole sentences it gives most more than that."""

_WAITS: dict[Eagerness, tuple[float, float]] = {
    "low": (500, 8000),
    "medium": (300, 4000),
    "auto": (300, 4000),
    "high": (200, 2000),
}
"""Shortest and longest silence, in ms. The longest are the API's; auto is medium."""


def longest_silence_ms(eagerness: Eagerness) -> float:
    """The silence that ends a turn whatever was said."""
    return _WAITS[eagerness][1]


def silence_ms(eagerness: Eagerness, probability: float) -> float:
    """The silence that ends a turn which is complete with ``probability`` (see ``JudgeDone``)."""
    shortest, longest = _WAITS[eagerness]
    doubt = 1 - min(max(probability / CERTAIN, 0.0), 1.0)
    return shortest + (longest - shortest) * doubt
