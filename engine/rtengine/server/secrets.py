"""Client secrets: short-lived keys that a backend mints for a browser, with the session they stand for.

They live in the memory of the process that has minted them: its end is theirs. Only their digests are kept.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from rtengine.protocol.errors import api_error
from rtengine.protocol.session import Session

PREFIX = "ek_"
_BYTES = 24


@dataclass(frozen=True, slots=True)
class Secret:
    owner: str
    """Name of the key that minted it: limits and usage are that key's."""
    expires_at: int
    """Unix seconds. Sessions that have begun may outlive it."""
    session: Session = field(repr=False)
    """What a session with it starts with."""


class Secrets:
    """At most ``limit`` secrets at once. ``clock`` gives Unix seconds."""

    def __init__(self, limit: int, clock: Callable[[], float] = time.time) -> None:
        self._limit = limit
        self._clock = clock
        self._known: dict[bytes, Secret] = {}

    def mint(self, owner: str, session: Session, seconds: int) -> tuple[str, Secret]:
        """A new secret and what it stands for. Raises APIError when there are too many."""
        now = self._clock()
        if len(self._known) >= self._limit:
            self._known = {key: secret for key, secret in self._known.items() if secret.expires_at > now}
        if len(self._known) >= self._limit:
            raise api_error("too_many_secrets", limit=self._limit)
        value = PREFIX + secrets.token_hex(_BYTES)
        secret = self._known[_digest(value)] = Secret(owner, int(now) + seconds, session)
        return value, secret

    def find(self, value: str) -> Secret | None:
        """None for what is no secret, and for one that has expired. It may be used again until then."""
        secret = self._known.get(_digest(value))
        return secret if secret is not None and secret.expires_at > self._clock() else None

    @staticmethod
    def is_one(value: str) -> bool:
        """Whether it looks like a client secret: no API key does."""
        return value.startswith(PREFIX)


def _digest(value: str) -> bytes:
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).digest()
