"""Audio formats on the wire: how many bytes a moment takes, and the way to samples and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rtengine.audio import g711

Encoding = Literal["pcm", "pcmu", "pcma"]


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """Mono audio: PCM16 (little endian) at ``rate`` samples a second, or G.711 (one byte a sample)."""

    encoding: Encoding = "pcm"
    rate: int = 24000

    @property
    def bytes_per_sample(self) -> int:
        return 2 if self.encoding == "pcm" else 1

    @property
    def bytes_per_ms(self) -> float:
        return self.rate * self.bytes_per_sample / 1000

    def duration_ms(self, size: int) -> float:
        """How long ``size`` bytes play."""
        return size / self.bytes_per_ms

    def decode(self, data: bytes | bytearray | memoryview) -> NDArray[np.int16]:
        """Samples of whole bytes. PCM is not copied, so the samples may be read-only.

        Raises ValueError when ``data`` ends within a sample; whoever feeds a stream carries the odd byte over.
        """
        if self.encoding == "pcm":
            return np.frombuffer(data, dtype="<i2")
        return g711.decode(data, self.encoding)

    def encode(self, samples: NDArray[np.int16]) -> bytes:
        if self.encoding == "pcm":
            return samples.astype("<i2", copy=False).tobytes()
        return g711.encode(samples, self.encoding)


PCM_24K = AudioFormat("pcm", 24000)
PCMU = AudioFormat("pcmu", 8000)
PCMA = AudioFormat("pcma", 8000)
