"""Server events, GA to beta. Nothing that is given is changed: what differs is copied."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rtengine.protocol.beta.fields import FORMAT_NAMES, INSIDE, ITEM_TYPES, PARTS, SESSION, TRANSCRIPTION_SESSION, Path

JSON = dict[str, Any]

RENAMED = {
    "response.output_text.delta": "response.text.delta",
    "response.output_text.done": "response.text.done",
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio.done": "response.audio.done",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "response.output_audio_transcript.done": "response.audio_transcript.done",
    "conversation.item.added": "conversation.item.created",
}
UNTOLD = frozenset(
    (
        "conversation.item.done",
        "input_audio_buffer.timeout_triggered",
        "input_audio_buffer.dtmf_event_received",
        "conversation.item.input_audio_transcription.segment",
    )
)
"""Events that the beta does not have; those of MCP besides, and its tools and items."""
_MESSAGE = {"type": "message"}
UNTOLD_KEYS = {
    "response.output_text.delta": ("obfuscation",),
    "response.output_audio_transcript.delta": ("obfuscation",),
    "response.function_call_arguments.done": ("name",),
    "conversation.item.input_audio_transcription.delta": ("obfuscation",),
    "conversation.item.input_audio_transcription.completed": ("languages",),
}


def beta_event(event: JSON) -> JSON | None:
    """A server event of the GA as the beta has it; None when the beta has none such."""
    kind: str = event["type"]
    if kind in UNTOLD or "mcp_" in kind or event.get("item", _MESSAGE)["type"] not in ITEM_TYPES:
        return None
    told = dict(event)
    for key in UNTOLD_KEYS.get(kind, ()):
        told.pop(key, None)
    if kind in RENAMED:
        told["type"] = RENAMED[kind]
    for key, translate in _OBJECTS.items():
        if key in told:
            told[key] = translate(told[key])
    if kind.startswith("session.") and event["session"]["type"] == "transcription":
        told["type"] = f"transcription_{kind}"
    return told


def beta_session(session: Mapping[str, Any]) -> JSON:
    """A session, flat. ``client_secret`` is null: only REST gives one."""
    spoken = session["type"] == "realtime"
    flat: JSON = {}
    for key, place in (SESSION if spoken else TRANSCRIPTION_SESSION).items():
        found, value = _at(session, place)
        if found:
            flat[key] = _VALUES.get(key, _same)(value)
            if key in INSIDE and flat[key] is not None:
                flat[key] = {name: entry for name, entry in flat[key].items() if name in INSIDE[key]}
    if not spoken:
        flat["modalities"] = ["text"]
    flat["client_secret"] = None
    return flat


def beta_response(response: Mapping[str, Any]) -> JSON:
    told = {key: value for key, value in response.items() if key not in ("output_modalities", "audio")}
    told["modalities"] = _modalities(response["output_modalities"])
    told["voice"] = response["audio"]["output"]["voice"]
    told["output_audio_format"] = _format(response["audio"]["output"]["format"])
    told["output"] = [beta_item(item) for item in response["output"] if item["type"] in ITEM_TYPES]
    if response["usage"] is not None:
        told["usage"] = _usage(response["usage"])
    return told


def beta_item(item: Mapping[str, Any]) -> JSON:
    if "content" not in item:
        return dict(item)
    return {**item, "content": [_part(part) for part in item["content"]]}


def _part(part: Mapping[str, Any]) -> JSON:
    kind: str = part["type"]
    return {key: value for key, value in part.items() if key != "format"} | {"type": PARTS.get(kind, kind)}


def _usage(usage: Mapping[str, Any]) -> JSON:
    """Images came with the GA."""
    kept = ("text_tokens", "audio_tokens", "cached_tokens")
    return {**usage, "input_token_details": {key: usage["input_token_details"][key] for key in kept}}


def _at(value: Any, place: Path) -> tuple[bool, Any]:
    for step in place:
        if step not in value:
            return False, None
        value = value[step]
    return True, value


def _same(value: Any) -> Any:
    return value


def _modalities(value: list[str]) -> list[str]:
    return ["audio", "text"] if value == ["audio"] else value


def _format(value: Mapping[str, Any]) -> str:
    return FORMAT_NAMES[value["type"]]


def _voice(value: Any) -> Any:
    return value["id"] if isinstance(value, dict) else value


def _tools(value: list[JSON]) -> list[JSON]:
    return [tool for tool in value if tool["type"] == "function"]


_VALUES: Mapping[str, Callable[[Any], Any]] = {
    "modalities": _modalities,
    "input_audio_format": _format,
    "output_audio_format": _format,
    "voice": _voice,
    "tools": _tools,
}
_OBJECTS: Mapping[str, Callable[[Any], Any]] = {
    "session": beta_session,
    "response": beta_response,
    "item": beta_item,
}
