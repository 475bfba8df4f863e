"""Minting client secrets over HTTP: the GA's endpoint, and the two of the beta."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, Protocol, TypeVar

from pydantic import BaseModel, Field, ValidationError

from rtengine.protocol.beta.client import ga_session, ga_transcription_session
from rtengine.protocol.beta.errors import beta_refusal
from rtengine.protocol.beta.server import beta_session
from rtengine.protocol.errors import APIError
from rtengine.protocol.ids import Ids
from rtengine.protocol.session import Session
from rtengine.protocol.validation import api_error_of, kind_of
from rtengine.protocol.wire import NullTolerantModel
from rtengine.server.connect import api_key
from rtengine.server.keys import Keyring
from rtengine.server.messages import HttpRequest, HttpResponse
from rtengine.server.routes import Route
from rtengine.server.secrets import Secrets
from rtengine.server.sessions import DialectName

T = TypeVar("T", bound=BaseModel)

BETA_SECONDS = 60
"""How long a secret of the beta is valid when the client does not say."""
_UNCACHED = (("cache-control", "no-store"),)


class Expiry(NullTolerantModel):
    anchor: Literal["created_at"] = "created_at"
    seconds: Annotated[int, Field(strict=True, ge=10, le=7200)] | None = None


class ClientSecretRequest(NullTolerantModel):
    """Body of the GA's endpoint."""

    expires_after: Expiry = Field(default_factory=lambda: Expiry(seconds=600))
    session: dict[str, Any] | None = None


class BetaClientSecret(NullTolerantModel):
    """``client_secret`` of the beta's. The API's own reference has both names for the same thing."""

    expires_after: Expiry | None = None
    expires_at: Expiry | None = None


class BetaRequest(NullTolerantModel):
    client_secret: BetaClientSecret = Field(default_factory=BetaClientSecret)


class Proposing(Protocol):
    def __call__(self, patch: Mapping[str, Any] | None, dialect: DialectName) -> Session:
        """What a session would start with: as the profile says, changed by the patch of a `session.update`.

        Raises APIError for what such an update would be refused for.
        """
        ...


class ClientSecrets:
    """The endpoints. A secret belongs to the key that minted it."""

    def __init__(self, keyring: Keyring, secrets: Secrets, proposed: Proposing) -> None:
        self._keyring = keyring
        self._secrets = secrets
        self._proposed = proposed
        self._ids = Ids()

    def routes(self) -> list[Route]:
        return [
            Route("POST", "/v1/realtime/client_secrets", self.client_secrets),
            Route("POST", "/v1/realtime/sessions", self.sessions),
            Route("POST", "/v1/realtime/transcription_sessions", self.transcription_sessions),
        ]

    async def client_secrets(self, request: HttpRequest) -> HttpResponse:
        asked = _valid(ClientSecretRequest, _body(request))
        session = self._proposed(asked.session, "ga")
        value, expires_at = self._mint(request, session, asked.expires_after.seconds or 600)
        return _answer({"value": value, "expires_at": expires_at, "session": self._shown(session)})

    async def sessions(self, request: HttpRequest) -> HttpResponse:
        return self._beta(request, ga_session)

    async def transcription_sessions(self, request: HttpRequest) -> HttpResponse:
        return self._beta(request, ga_transcription_session)

    def _beta(self, request: HttpRequest, translated: Callable[[dict[str, Any]], dict[str, Any]]) -> HttpResponse:
        body = _body(request)
        asked = _valid(BetaRequest, {"client_secret": body.pop("client_secret", None)}).client_secret
        try:
            patch = translated(body)
        except APIError as error:
            raise _flat(error) from None
        try:
            session = self._proposed(patch, "beta")
        except APIError as error:
            raise _flat(beta_refusal(error)) from None
        expiry = asked.expires_after or asked.expires_at or Expiry()
        value, expires_at = self._mint(request, session, expiry.seconds or BETA_SECONDS)
        flat = beta_session(self._shown(session))
        return _answer(flat | {"client_secret": {"value": value, "expires_at": expires_at}})

    def _mint(self, request: HttpRequest, session: Session, seconds: int) -> tuple[str, int]:
        value, secret = self._secrets.mint(self._keyring.owner(api_key(request)), session, seconds)
        return value, secret.expires_at

    def _shown(self, session: Session) -> dict[str, Any]:
        """The session as it would be, had it begun: each that begins has an id of its own."""
        return session.model_copy(update={"id": self._ids.new("sess"), "expires_at": 0}).wire()


def _body(request: HttpRequest) -> dict[str, Any]:
    body = request.json()
    if body is None:
        return {}
    if not isinstance(body, dict):
        raise APIError(
            f"Invalid request body: expected an object, but got {kind_of(body)} instead.", code="invalid_type"
        )
    return body


def _valid(model: type[T], value: Any) -> T:
    try:
        return model.model_validate(value)
    except ValidationError as failure:
        raise api_error_of(failure) from None


def _flat(error: APIError) -> APIError:
    """Here the session's keys are those of the body."""
    param = error.param.removeprefix("session.") if error.param else None
    message = error.message.replace("'session.", "'")
    return APIError(message, code=error.code, type=error.type, param=param)


def _answer(body: dict[str, Any]) -> HttpResponse:
    return HttpResponse.json(body, headers=_UNCACHED)
