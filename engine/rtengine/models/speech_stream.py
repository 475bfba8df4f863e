"""The audio that a speech endpoint sends, in pieces of any length: raw samples, or a WAV file."""

from __future__ import annotations

import struct

from rtengine.errors import ModelError

_CONTAINERS = {b"RIFF": "WAV", b"ID3": "MP3", b"OggS": "Ogg", b"fLaC": "FLAC"}
_MP3_TYPES = ("audio/mpeg", "audio/mp3")
_BEGINNING = 4
"""Bytes that tell what it is."""
_HEADER = 12
_CHUNK_HEADER = 8
_PCM, _EXTENSIBLE = 1, 0xFFFE


class RawStream:
    """Makes sure that raw samples are none of what endpoints send that know no raw samples."""

    def __init__(self, content_type: str) -> None:
        self._content_type = content_type
        self._beginning = b""
        self._begun = False

    def push(self, data: bytes) -> bytes:
        """The bytes of samples that are known by now. Raises ``ModelError``."""
        if self._begun:
            return data
        self._beginning += data
        if len(self._beginning) < _BEGINNING:
            return b""
        self._begun = True
        if found := _container(self._beginning, self._content_type):
            hint = "set `format: wav`" if found == "WAV" else "does the endpoint know `response_format: pcm`?"
            raise ModelError(f"sent {found} instead of raw samples", hint)
        return self._beginning


class WavStream:
    """Takes the samples out of a WAV file: one channel, 16 bits, at ``rate``."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._held = b""
        self._left: float | None = None
        """Bytes of samples to come; None while none have begun. Many files that are sent while they are made say 0, or
        more than there will ever be."""

    def push(self, data: bytes) -> bytes:
        """The bytes of samples that are in. Raises ``ModelError``."""
        if self._left is None:
            self._held += data
            data = self._begin()
        if self._left is None:
            return b""
        samples = data[: int(min(self._left, len(data)))]
        self._left -= len(samples)
        return samples

    def _begin(self) -> bytes:
        """Read the chunks before the samples; what follows these."""
        if len(self._held) < _HEADER:
            return b""
        if self._held[:4] != b"RIFF" or self._held[8:12] != b"WAVE":
            raise ModelError("sent something that is no WAV", "does it know `response_format: wav`?")
        at = _HEADER
        while len(self._held) >= at + _CHUNK_HEADER:
            name, length = struct.unpack_from("<4sI", self._held, at)
            at += _CHUNK_HEADER
            if name == b"data":
                self._left = length or float("inf")
                return self._held[at:]
            if name == b"fmt " and len(self._held) >= at + length:
                self._check(self._held[at : at + length])
            at += length + length % 2
        return b""

    def _check(self, described: bytes) -> None:
        if len(described) < 16:
            raise ModelError("sent a WAV file without its format", "")
        kind, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", described)
        if kind not in (_PCM, _EXTENSIBLE) or (channels, bits) != (1, 16):
            found = f"format {kind}, {channels} channels, {bits} bits"
            raise ModelError("sent WAV that has other samples than one channel of 16 bits", f"it has {found}")
        if rate != self._rate:
            raise ModelError(f"sent {rate} samples per second instead of {self._rate}", f"set `rate: {rate}`")


def _container(beginning: bytes, content_type: str) -> str | None:
    """The format of audio that is no raw samples.

    An MP3 may begin with a bare frame, which samples may look like: there, the endpoint has to call it one as well.
    """
    for magic, name in _CONTAINERS.items():
        if beginning.startswith(magic):
            return name
    frame = beginning[0] == 0xFF and beginning[1] >= 0xE0
    return "MP3" if frame and content_type in _MP3_TYPES else None
