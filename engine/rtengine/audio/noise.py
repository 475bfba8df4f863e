"""Noise reduction of the input, before it is heard and transcribed: WebRTC's noise suppression and automatic gain."""

from __future__ import annotations

import importlib.util
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rtengine.audio.resample import Quality, Resampler
from rtengine.errors import ModelError

RATE = 16000
"""WebRTC's processor takes 10 ms of this rate at a time."""
_FRAME = 160

_STREAMS: dict[int, tuple[Quality, float]] = {8000: ("QQ", 11), 16000: ("QQ", 10), 24000: ("LQ", 40)}
"""By rate: the filter there and back, and the delay in ms. Cubic interpolation to twice the rate and back is exact."""

_LEVELS = {"near_field": 1, "far_field": 2}
"""Suppression at strength 1. A microphone at the mouth hears little noise, and more suppression would cost words."""
_MOST = 4
_GAIN = 1
"""Turns on the gain: distant voices are made about 10 dB louder, and limited."""

Kind = Literal["near_field", "far_field"]


def available() -> bool:
    """Whether the extra ``noise`` is installed."""
    return importlib.util.find_spec("webrtc_noise_gain") is not None


def require() -> None:
    """Raises ModelError when the extra ``noise`` is not installed."""
    if not available():
        raise ModelError(
            "Noise reduction needs the package webrtc-noise-gain, which is not installed.",
            hint="pip install 'rtengine[noise]'",
        )


class NoiseReducer:
    """One stream of mono PCM16. It gives as many samples as it takes, later by ``delay_ms``.

    ``near_field`` is the library's first level of suppression, nominally 6 dB; ``far_field`` its second, 12 dB, with a
    gain for distant voices.
    ``strength`` multiplies the level of suppression: there are five of about 6 dB each, none included.
    """

    def __init__(self, kind: Kind, strength: float, rate: int) -> None:
        """``rate`` is 8000, 16000 or 24000. Raises ModelError when the extra ``noise`` is not installed."""
        require()
        from webrtc_noise_gain import AudioProcessor

        self.settings = (kind, strength, rate)
        quality, self.delay_ms = _STREAMS[rate]
        level = min(int(_LEVELS[kind] * strength + 0.5), _MOST)
        self._processor = AudioProcessor(_GAIN if kind == "far_field" else 0, level)
        self._down = Resampler(rate, RATE, quality)
        self._up = Resampler(RATE, rate, quality)
        self._pending: NDArray[np.float32] = np.zeros(0, np.float32)
        self._ready: NDArray[np.int16] = np.zeros(int(self.delay_ms * rate / 1000), np.int16)

    def feed(self, samples: NDArray[np.int16]) -> NDArray[np.int16]:
        pending = np.concatenate((self._pending, self._down.feed(samples.astype(np.float32))))
        whole = len(pending) // _FRAME * _FRAME
        self._pending = pending[whole:]
        if whole:
            cleaned = self._up.feed(self._process(pending[:whole]))
            self._ready = np.concatenate((self._ready, _pcm16(cleaned)))
        given, self._ready = self._ready[: len(samples)], self._ready[len(samples) :]
        return given

    def _process(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        data = _pcm16(samples).tobytes()
        step = _FRAME * 2
        frames = [self._processor.Process10ms(data[at : at + step]).audio for at in range(0, len(data), step)]
        return np.frombuffer(b"".join(frames), "<i2").astype(np.float32)


def _pcm16(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    return np.clip(np.rint(samples), -32768, 32767).astype(np.int16)
