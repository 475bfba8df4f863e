"""Client events, beta to GA.

What the beta does not have is refused here, with the names of the beta; all other checks are those of the GA models.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rtengine.protocol.beta.fields import (
    CONTENT_TYPES,
    FORMATS,
    INSIDE,
    ITEM_TYPES,
    RESPONSE,
    SESSION,
    TRANSCRIPTION_SESSION,
    Path,
)
from rtengine.protocol.errors import APIError, api_error, unsupported_value
from rtengine.protocol.validation import kind_of

JSON = dict[str, Any]
MODALITIES = ({"text"}, {"audio", "text"})
TEMPERATURES = (0.6, 1.2)


def ga_session(given: Mapping[str, Any]) -> JSON:
    """The patch of ``session.update`` as the GA has it. Raises APIError."""
    return {**_moved(given, SESSION, "session"), "type": "realtime"}


def ga_transcription_session(given: Mapping[str, Any]) -> JSON:
    """The patch of ``transcription_session.update`` as the GA has it. Raises APIError."""
    rest = dict(given)
    modalities = rest.pop("modalities", None)
    if modalities not in (None, ["text"]):  # it is all such a session has
        raise _modalities_error(modalities, "['text']", "session.modalities")
    return {**_moved(rest, TRANSCRIPTION_SESSION, "session"), "type": "transcription"}


def ga_response(given: Mapping[str, Any]) -> JSON:
    """``response`` of ``response.create`` as the GA has it, but for its temperature. Raises APIError."""
    if given.get("max_output_tokens") is not None and given.get("max_response_output_tokens") is not None:
        raise api_error("unknown_parameter", param="response.max_output_tokens")
    return _moved(given, RESPONSE, "response")


def ga_item(item: Any, param: str) -> Any:
    """An item of the client as the GA has it. ``param`` is its place in the event. Raises APIError."""
    if not isinstance(item, dict):
        return item
    kind = item.get("type")
    if isinstance(kind, str) and kind not in (*ITEM_TYPES, "item_reference"):
        raise unsupported_value(kind, ITEM_TYPES, f"{param}.type")
    content = item.get("content")
    allowed = CONTENT_TYPES.get(item["role"]) if isinstance(item.get("role"), str) else None
    if kind != "message" or allowed is None or not isinstance(content, list):
        return item
    return item | {"content": [_ga_part(part, allowed, f"{param}.content[{at}]") for at, part in enumerate(content)]}


def _ga_part(part: Any, allowed: tuple[str, ...], param: str) -> Any:
    kind = part.get("type") if isinstance(part, dict) else None
    if not isinstance(kind, str):
        return part
    if kind not in allowed:
        raise unsupported_value(kind, allowed, f"{param}.type")
    return part | {"type": "output_text"} if kind == "text" else part


# --- values ---------------------------------------------------------------------------------------------------------


def _moved(given: Mapping[str, Any], places: Mapping[str, Path], root: str) -> JSON:
    """The values at their places in the GA object."""
    result: JSON = {}
    for key, value in given.items():
        param = f"{root}.{key}"
        if key == "client_secret" and root == "session":
            if value is not None:  # made with the session, over REST
                raise api_error("fixed_parameter", param=param)
            continue
        if key not in places:
            raise api_error("unknown_parameter", param=param)
        *outer, last = places[key]
        inner = result
        for step in outer:
            inner = inner.setdefault(step, {})
        if value is not None or last not in inner:
            inner[last] = value if value is None else _VALUES.get(key, _same)(value, param)
    return result


def _same(value: Any, param: str) -> Any:
    return value


def _format(value: Any, param: str) -> Any:
    if not isinstance(value, str):
        raise api_error("invalid_type", param=param, expected="a string", got=kind_of(value))
    if value not in FORMATS:
        raise unsupported_value(value, FORMATS, param)
    return {"type": FORMATS[value]}


def _modalities(value: Any, param: str) -> Any:
    """Both mean speech, which has its words beside it; there is no speech alone."""
    if not isinstance(value, list) or any(entry not in ("text", "audio") for entry in value):
        return value
    if set(value) not in MODALITIES or len(value) > len(set(value)):
        raise _modalities_error(value, "['text'] and ['audio', 'text']", param)
    return ["audio"] if "audio" in value else ["text"]


def _modalities_error(value: Any, supported: str, param: str) -> APIError:
    message = f"Invalid modalities: {value}. Supported combinations are: {supported}."
    return APIError(message, code="invalid_value", param=param)


def _temperature(value: Any, param: str) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise api_error("invalid_type", param=param, expected="a decimal", got=kind_of(value))
    low, high = TEMPERATURES
    if value < low:
        raise api_error("decimal_below_min_value", param=param, limit=low, value=value)
    if value > high:
        raise api_error("decimal_above_max_value", param=param, limit=high, value=value)
    return value


def _tools(value: Any, param: str) -> Any:
    for at, tool in enumerate(value if isinstance(value, list) else ()):
        kind = tool.get("type") if isinstance(tool, dict) else None
        if kind is not None and kind != "function":
            raise unsupported_value(kind, ["function"], f"{param}[{at}].type")
    return value


def _choice(value: Any, param: str) -> Any:
    if isinstance(value, dict) and value.get("type") not in (None, "function"):
        raise unsupported_value(value["type"], ["function"], f"{param}.type")
    return value


def _items(value: Any, param: str) -> Any:
    return [ga_item(item, f"{param}[{at}]") for at, item in enumerate(value)] if isinstance(value, list) else value


def _known_keys(value: Any, param: str) -> Any:
    if isinstance(value, dict):
        allowed = INSIDE[param.rpartition(".")[2]]
        for key in value:
            if key not in allowed:
                raise api_error("unknown_parameter", param=f"{param}.{key}")
    return value


_VALUES: Mapping[str, Callable[[Any, str], Any]] = {
    "modalities": _modalities,
    "input_audio_format": _format,
    "output_audio_format": _format,
    "temperature": _temperature,
    "tools": _tools,
    "tool_choice": _choice,
    "input": _items,
    **dict.fromkeys(INSIDE, _known_keys),
}
