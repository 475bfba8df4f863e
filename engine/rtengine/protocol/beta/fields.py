"""Where the beta and the GA have the same thing under another name."""

from __future__ import annotations

from typing import Final

from rtengine.protocol.client import CLIENT_EVENTS

Path = tuple[str, ...]

FORMATS: Final = {"pcm16": "audio/pcm", "g711_ulaw": "audio/pcmu", "g711_alaw": "audio/pcma"}
FORMAT_NAMES: Final = {kind: name for name, kind in FORMATS.items()}

SESSION: Final[dict[str, Path]] = {
    "id": ("id",),
    "object": ("object",),
    "model": ("model",),
    "expires_at": ("expires_at",),
    "modalities": ("output_modalities",),
    "instructions": ("instructions",),
    "voice": ("audio", "output", "voice"),
    "input_audio_format": ("audio", "input", "format"),
    "output_audio_format": ("audio", "output", "format"),
    "input_audio_transcription": ("audio", "input", "transcription"),
    "input_audio_noise_reduction": ("audio", "input", "noise_reduction"),
    "turn_detection": ("audio", "input", "turn_detection"),
    "tools": ("tools",),
    "tool_choice": ("tool_choice",),
    "temperature": ("temperature",),
    "max_response_output_tokens": ("max_output_tokens",),
    "speed": ("audio", "output", "speed"),
    "tracing": ("tracing",),
    "prompt": ("prompt",),
    "include": ("include",),
}
"""Keys of a session, to their places in a GA session."""

TRANSCRIPTION_SESSION: Final = {
    key: SESSION[key]
    for key in (
        "id",
        "object",
        "expires_at",
        "input_audio_format",
        "input_audio_transcription",
        "turn_detection",
        "input_audio_noise_reduction",
        "include",
    )
}

RESPONSE: Final[dict[str, Path]] = {
    "conversation": ("conversation",),
    "input": ("input",),
    "instructions": ("instructions",),
    "modalities": ("output_modalities",),
    "voice": ("audio", "output", "voice"),
    "output_audio_format": ("audio", "output", "format"),
    "tools": ("tools",),
    "tool_choice": ("tool_choice",),
    "temperature": ("temperature",),
    "max_response_output_tokens": ("max_output_tokens",),
    "max_output_tokens": ("max_output_tokens",),
    "metadata": ("metadata",),
}
"""Keys of ``response.create``. The SDK writes ``max_response_output_tokens``, the API's reference the shorter name."""

INSIDE: Final[dict[str, tuple[str, ...]]] = {
    "input_audio_transcription": ("model", "language", "prompt"),
    "input_audio_noise_reduction": ("type",),
    "turn_detection": (
        "type",
        "threshold",
        "prefix_padding_ms",
        "silence_duration_ms",
        "eagerness",
        "create_response",
        "interrupt_response",
    ),
}
"""Keys of the objects that have more of them in the GA."""

_NOT_OVER_WEBSOCKET = ("output_audio_buffer.clear",)
CLIENT_TYPES: Final = tuple(
    name
    for known in CLIENT_EVENTS
    if known not in _NOT_OVER_WEBSOCKET
    for name in ((known, "transcription_session.update") if known == "session.update" else (known,))
)
"""Client events, in the order in which errors list them."""

ITEM_TYPES: Final = ("message", "function_call", "function_call_output")
CONTENT_TYPES: Final = {"system": ("input_text",), "user": ("input_text", "input_audio"), "assistant": ("text",)}
"""Content that a client may create, by role."""
PARTS: Final = {"output_text": "text", "output_audio": "audio"}
"""Content of an assistant's message, GA to beta."""
