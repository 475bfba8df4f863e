"""Sampling temperature: a parameter of the beta's sessions and responses that the GA ones no longer have.

These are the GA objects with that one key more. A session made as one of them keeps the key through its updates; every
other session refuses it.
"""

from __future__ import annotations

from rtengine.protocol.response import Response, ResponseCreateParams
from rtengine.protocol.session import RealtimeSession, Session
from rtengine.protocol.wire import Number, Omit

DEFAULT_TEMPERATURE = 0.8


class SampledSession(RealtimeSession):
    temperature: Number = DEFAULT_TEMPERATURE


class SampledResponseCreateParams(ResponseCreateParams):
    temperature: Omit[Number] = None
    """None: as the session has it."""


class SampledResponse(Response):
    temperature: Number = DEFAULT_TEMPERATURE


def sampled_session(session: RealtimeSession, temperature: float | None) -> SampledSession:
    """``session`` with a temperature: the given one, else the API's default."""
    given = DEFAULT_TEMPERATURE if temperature is None else temperature
    return SampledSession.model_construct(**dict(session), temperature=given)


def sampled_response(response: Response, session: Session, params: ResponseCreateParams | None) -> Response:
    """``response`` with the temperature it is to have, where its session has one."""
    if not isinstance(session, SampledSession):
        return response
    asked = params.temperature if isinstance(params, SampledResponseCreateParams) else None
    given = session.temperature if asked is None else asked
    return SampledResponse.model_construct(**dict(response), temperature=given)


def temperature_of(response: Response) -> float | None:
    """None: the chat model's own."""
    return response.temperature if isinstance(response, SampledResponse) else None
