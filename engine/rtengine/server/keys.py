"""Who may come in: API keys and client secrets, and how many sessions each key has."""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Mapping

from rtengine.errors import RtengineError
from rtengine.profile.access import KeySettings
from rtengine.profile.settings import KeyLimits, ServerSettings
from rtengine.protocol.errors import APIError, api_error
from rtengine.server.admission import is_loopback
from rtengine.server.rates import Rates
from rtengine.server.secrets import Secrets
from rtengine.server.visitor import ANYONE, Visitor


class Keyring:
    """The keys of a profile. Of each it keeps a digest alone, and compares digests in constant time."""

    def __init__(self, keys: Mapping[str, KeySettings], per_key: KeyLimits, rates: Rates, secrets: Secrets) -> None:
        self._digests = {name: digest(settings.key.get_secret_value()) for name, settings in keys.items()}
        self._limits = {
            name: per_key.model_copy(update=settings.limits.model_dump(exclude_unset=True))
            for name, settings in keys.items()
        }
        self._limits.setdefault(ANYONE, per_key)
        self._rates = rates
        self._secrets = secrets
        self._sessions: Counter[str] = Counter()

    def owner(self, api_key: str | None) -> str:
        """The name of a key. Without keys in the profile, all are one: ``anonymous``. Raises APIError."""
        if not self._digests:
            return ANYONE
        if not api_key:
            raise api_error("missing_api_key")
        given, found = digest(api_key), None
        for name, known in self._digests.items():
            if hmac.compare_digest(given, known):
                found = name
        if found is None:
            raise _unknown(api_key)
        return found

    def admit(self, api_key: str | None) -> Visitor:
        """Let a session begin with a key or a client secret; ``leave`` when it is over. Raises APIError."""
        secret = self._secrets.find(api_key) if api_key else None
        if api_key and secret is None and self._secrets.is_one(api_key):
            raise _unknown(api_key)  # also where no key is asked for: what the secret stood for would be lost
        name = secret.owner if secret else self.owner(api_key)
        limits = self._limits[name]
        if limits.sessions is not None and self._sessions[name] >= limits.sessions:
            raise api_error("too_many_sessions", limit=limits.sessions)
        self._sessions[name] += 1
        return Visitor(name, self._rates.of(name, limits), secret.session if secret else None)

    def leave(self, visitor: Visitor) -> None:
        self._sessions[visitor.key] -= 1


def digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


def check_exposure(settings: ServerSettings, keys: Mapping[str, KeySettings]) -> None:
    """Raises RtengineError for a server that would let in whoever can reach it, and has not been told to."""
    if not (keys or settings.open or is_loopback(settings.host)):
        raise RtengineError(
            f"on {settings.host}, everyone who reaches the server would be let in without a key",
            "give the profile `keys:`, or listen on 127.0.0.1; `server: {open: true}` lets anyone in",
        )


def _unknown(api_key: str) -> APIError:
    shown = f"{api_key[:3]}…{api_key[-4:]}" if len(api_key) >= 16 else "…"
    return api_error("invalid_api_key", key=shown)
