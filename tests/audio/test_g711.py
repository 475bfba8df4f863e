"""G.711 is bit-exact."""

from __future__ import annotations

import warnings
import zlib

import numpy as np
import pytest

from rtengine.audio import g711

pytestmark = pytest.mark.unit

EVERY_SAMPLE = np.arange(-32768, 32768, dtype=np.int16)
EVERY_CODE = bytes(range(256))


def test_every_sample_and_code_maps_as_in_audioop() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import audioop

    assert g711.encode(EVERY_SAMPLE, "pcmu") == audioop.lin2ulaw(EVERY_SAMPLE.tobytes(), 2)
    assert g711.encode(EVERY_SAMPLE, "pcma") == audioop.lin2alaw(EVERY_SAMPLE.tobytes(), 2)
    assert g711.decode(EVERY_CODE, "pcmu").tobytes() == audioop.ulaw2lin(EVERY_CODE, 2)
    assert g711.decode(EVERY_CODE, "pcma").tobytes() == audioop.alaw2lin(EVERY_CODE, 2)


@pytest.mark.parametrize(
    ("law", "encoded", "decoded"),
    [("pcmu", 0x3B7C3A3E, 0x0C847A9F), ("pcma", 0x9133796E, 0x9D764657)],
)
def test_the_whole_tables_have_the_checksums_of_the_reference(law: g711.Law, encoded: int, decoded: int) -> None:
    assert zlib.crc32(g711.encode(EVERY_SAMPLE, law)) == encoded
    assert zlib.crc32(g711.decode(EVERY_CODE, law).astype("<i2").tobytes()) == decoded


@pytest.mark.parametrize(
    ("law", "sample", "code"),
    [
        ("pcmu", 0, 0xFF),
        ("pcmu", -1, 0x7E),
        ("pcmu", 32767, 0x80),
        ("pcmu", -32768, 0x00),
        ("pcmu", 1000, 0xCE),
        ("pcma", 0, 0xD5),
        ("pcma", -1, 0x55),
        ("pcma", 32767, 0xAA),
        ("pcma", -32768, 0x2A),
        ("pcma", 1000, 0xFA),
    ],
)
def test_known_samples_have_known_codes(law: g711.Law, sample: int, code: int) -> None:
    assert g711.encode(np.array([sample], np.int16), law) == bytes([code])


@pytest.mark.parametrize(("law", "loudest"), [("pcmu", 32124), ("pcma", 32256)])
def test_the_loudest_code_is_the_loudest_sample(law: g711.Law, loudest: int) -> None:
    decoded = g711.decode(EVERY_CODE, law)
    assert (decoded.min(), decoded.max()) == (-loudest, loudest)


@pytest.mark.parametrize("law", ["pcmu", "pcma"])
def test_what_was_decoded_encodes_to_the_same_sample_again(law: g711.Law) -> None:
    decoded = g711.decode(EVERY_CODE, law)
    assert np.array_equal(g711.decode(g711.encode(decoded, law), law), decoded)


@pytest.mark.parametrize("law", ["pcmu", "pcma"])
def test_samples_need_not_lie_side_by_side_in_memory(law: g711.Law) -> None:
    assert g711.encode(EVERY_SAMPLE[::3], law) == g711.encode(EVERY_SAMPLE[::3].copy(), law)
