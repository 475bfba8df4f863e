"""Audio formats: sizes, and samples to bytes and back."""

from __future__ import annotations

import numpy as np
import pytest

from rtengine.audio.format import PCM_24K, PCMA, PCMU, AudioFormat

pytestmark = pytest.mark.unit


def test_a_millisecond_of_the_apis_formats_takes_48_and_8_bytes() -> None:
    assert [f.bytes_per_ms for f in (PCM_24K, PCMU, PCMA)] == [48, 8, 8]


def test_a_duration_follows_from_the_size() -> None:
    assert PCM_24K.duration_ms(4800) == 100
    assert PCMU.duration_ms(4800) == 600


def test_pcm_is_little_endian_and_is_not_copied() -> None:
    data = b"\x01\x00\xff\xff\x00\x80"
    samples = PCM_24K.decode(data)
    assert samples.tolist() == [1, -1, -32768]
    assert not samples.flags.owndata
    assert PCM_24K.encode(samples) == data


def test_half_a_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of element size"):
        PCM_24K.decode(b"\x01\x00\xff")


@pytest.mark.parametrize("format", [PCMU, PCMA])
def test_g711_survives_a_round_trip(format: AudioFormat) -> None:
    data = bytes(set(range(256)) - {0x7F})  # µ-law has two zeros; the negative one becomes the other.
    assert format.encode(format.decode(data)) == data
    assert format.decode(data).dtype == np.int16
