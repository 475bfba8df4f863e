from __future__ import annotations

import json
import math

import pytest

from rtengine.protocol.codec import MAX_AUDIO_BYTES, decode_audio, encode, encode_audio
from rtengine.protocol.errors import APIError

pytestmark = pytest.mark.unit


def test_an_event_is_compact_json_text() -> None:
    assert encode({"type": "error", "text": "é", "param": None}) == '{"type":"error","text":"é","param":null}'


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_has_not_become_null(value: float) -> None:
    assert json.loads(encode({"a": [value, 1.5]})) == {"a": [None, 1.5]}


def test_half_a_surrogate_pair_is_escaped_not_refused() -> None:
    text = encode({"delta": "\ud83d", "x": math.nan})
    assert text.isascii()
    assert json.loads(text) == {"delta": "\ud83d", "x": None}


def test_audio_comes_back_as_it_was() -> None:
    audio = bytes(range(256)) * 7
    assert decode_audio(encode_audio(audio)) == audio


@pytest.mark.parametrize("text", ["no base64", "AAA", "AAAA\n", "AA=A", "é", "A-_A", "AAAA="])
def test_what_is_not_base64_is_refused_in_the_words_of_the_api(text: str) -> None:
    with pytest.raises(APIError) as caught:
        decode_audio(text)
    assert caught.value.body().wire() == {
        "type": "invalid_request_error",
        "code": "invalid_value",
        "message": "Invalid 'audio'. Expected base64-encoded audio bytes (mono PCM16 at 24kHz) "
        "but got an invalid value.",
        "param": "audio",
        "event_id": None,
    }


def test_no_audio_is_refused_and_named_by_its_place() -> None:
    with pytest.raises(APIError) as caught:
        decode_audio("", param="item.content[0].audio")
    assert caught.value.message == (
        "Invalid 'item.content[0].audio'. Expected base64-encoded audio bytes (mono PCM16 at 24kHz) "
        "but got empty bytes."
    )


def test_fifteen_mebibytes_of_audio_are_the_most() -> None:
    assert len(decode_audio(encode_audio(bytes(MAX_AUDIO_BYTES)))) == MAX_AUDIO_BYTES
    with pytest.raises(APIError, match=r"Expected at most 15 MiB of audio, but got 15\.5 MiB\."):
        decode_audio(encode_audio(bytes(MAX_AUDIO_BYTES + (1 << 19))))
    with pytest.raises(APIError, match="Expected at most 15 MiB of audio"):
        decode_audio(encode_audio(bytes(MAX_AUDIO_BYTES + 1)))
