"""How wide text is in Helvetica and its likes, in thousandths of the font size."""

from __future__ import annotations

_ASCII = (
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278,
    556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556,
    1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778,
    667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556,
    333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556,
    556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
)  # fmt: skip
_OTHER = 1000
_SLACK = 1.12
"""Fonts that stand in for it are up to an eighth wider."""


def width(text: str, size: float) -> int:
    """In pixels, rounded up."""
    total = sum(_ASCII[ord(char) - 32] if " " <= char <= "~" else _OTHER for char in text)
    return int(total * size * _SLACK / 1000) + 1
