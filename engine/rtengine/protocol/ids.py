"""Identifiers: a prefix that names the kind, then letters and digits."""

from __future__ import annotations

import random
import string

_ALPHABET = (string.digits + string.ascii_uppercase + string.ascii_lowercase).encode()
_BYTE_TO_CHARACTER = bytes(_ALPHABET[byte % 62] for byte in range(256))
_LENGTHS = {"call": 16}
_LENGTH = 21


class Ids:
    """Makes identifiers. With a seed the sequence is always the same; without one it is different every time.

    One translated draw each, because every audio delta needs an event id. They are unique, not secret.
    """

    __slots__ = ("_random",)

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(seed)

    def new(self, kind: str) -> str:
        """``item`` gives ``item_`` and 21 characters; so do ``event``, ``resp``, ``conv``, ``sess``; ``call`` 16."""
        characters = self._random.randbytes(_LENGTHS.get(kind, _LENGTH)).translate(_BYTE_TO_CHARACTER)
        return f"{kind}_{characters.decode('ascii')}"
