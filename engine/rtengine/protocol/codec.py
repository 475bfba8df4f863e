"""Events as text, and audio as base64."""

from __future__ import annotations

import binascii
import json
from typing import Any

import pybase64
from pydantic_core import PydanticSerializationError, to_json

from rtengine.protocol.errors import api_error

MAX_AUDIO_BYTES = 15 << 20
"""Audio that one event may carry."""
_MAX_BASE64 = -(-MAX_AUDIO_BYTES // 3) * 4


def encode(event: dict[str, Any]) -> str:
    """A complete server event as JSON text. NaN and infinities, which JSON has not, become null."""
    try:
        return to_json(event, inf_nan_mode="null").decode()
    except (PydanticSerializationError, UnicodeError):  # half a surrogate pair, which a model may well write
        finite = json.loads(json.dumps(event), parse_constant=lambda _: None)
        return json.dumps(finite, allow_nan=False, separators=(",", ":"))


def encode_audio(audio: bytes) -> str:
    """Audio as base64, as deltas carry it."""
    return pybase64.b64encode_as_string(audio)


def decode_audio(text: str, *, param: str = "audio", encoding: str = "mono PCM16 at 24kHz") -> bytes:
    """The bytes of ``text``. Raises APIError when it is empty, too long or not base64.

    ``encoding`` is the session's input format in words; whether the bytes fit it is not looked at.
    """
    if len(text) > _MAX_BASE64:
        size = len(text) * 3 / 4 / (1 << 20)
        raise api_error("audio_too_long", param=param, limit_mib=MAX_AUDIO_BYTES >> 20, got_mib=size)
    try:
        audio = pybase64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise api_error("invalid_audio", param=param, encoding=encoding, got="an invalid value") from None
    if not audio:
        raise api_error("invalid_audio", param=param, encoding=encoding, got="empty bytes")
    return audio
