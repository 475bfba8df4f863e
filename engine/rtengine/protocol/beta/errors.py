"""Places in errors, GA to beta: a client is told of the key that it wrote."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rtengine.protocol.beta.fields import RESPONSE, SESSION, Path
from rtengine.protocol.errors import APIError


def _written(root: str, places: Mapping[str, Path]) -> list[tuple[str, str]]:
    return [(".".join((root, *place)), f"{root}.{key}") for key, place in places.items()]


PLACES = [*_written("session", SESSION), *_written("response", RESPONSE)]


def beta_error(body: dict[str, Any], asked: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The error object with the names of the beta. ``asked``: what the client's ``response`` had, if it was one."""
    param = body["param"]
    told = beta_param(param, asked or {}) if param is not None else None
    if body["code"] == "invalid_parameter":  # about the type of the session, which the beta does not write
        told = None
    if told == param:
        return body
    message = body["message"].replace(f"'{param}'", f"'{told}'") if told else body["message"]
    return {**body, "param": told, "message": message}


def beta_refusal(error: APIError, asked: Mapping[str, Any] | None = None) -> APIError:
    body = beta_error(error.body().wire(), asked)
    return APIError(body["message"], code=error.code, type=error.type, param=body["param"], event_id=error.event_id)


def beta_param(param: str, asked: Mapping[str, Any]) -> str:
    """``session.audio.input.format.type`` is ``session.input_audio_format``: an object there is a word here."""
    for place, key in PLACES:
        if param == place or param.startswith((f"{place}.", f"{place}[")):
            if place == "response.max_output_tokens" and key.partition(".")[2] not in asked:
                continue
            return key if key.endswith("_format") else key + param.removeprefix(place)
    return param
