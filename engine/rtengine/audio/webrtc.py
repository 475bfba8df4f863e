"""The voice activity detector of WebRTC: Gaussian mixtures over six bands, about 2 µs of CPU per 20 ms of audio.

It cannot tell speech from music or keyboards, and its answer is yes or no, so ``threshold`` chooses one of its modes.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import webrtcvad
from numpy.typing import NDArray

from rtengine.audio.detector import Detector, Stream
from rtengine.audio.endpointer import Timing
from rtengine.audio.resample import Resampler

RATE = 8000
"""WebRTC's detector works at 8 kHz inside, whatever it is given."""

_HANGOVER_MS = (140, 140, 100, 100)
"""How long each mode goes on saying speech, by design: seven or five frames of 20 ms."""


class WebrtcClassifier:
    """Yes (1.0) or no (0.0) for each 20 ms frame of one stream at 8 kHz."""

    rate = RATE
    hop = 80
    frame = 160
    timing = Timing(
        hop_ms=10, frame_ms=20, attack_frames=2, sure_frames=0, release_ms=260, hangover_ms=100, tail_ms=240
    )

    def __init__(self) -> None:
        self._vad = webrtcvad.Vad(2)
        self._warm_up()

    def configure(self, threshold: float) -> float:
        """Choose the mode: 0 (keen) under 0.25, 1 under 0.5, 2 under 0.75, else 3 (strict). This is approximate."""
        mode = min(int(threshold * 4), 3)
        self._vad.set_mode(mode)
        self.timing = replace(WebrtcClassifier.timing, hangover_ms=_HANGOVER_MS[mode])
        return 0.5

    def probability(self, frame: Stream) -> float:
        return 1.0 if self._vad.is_speech(frame.tobytes(), RATE) else 0.0

    def skip(self, frame: Stream) -> None:
        """Its noise model does not learn from silence anyway."""

    def _warm_up(self) -> None:
        """A new detector calls its first 100 ms speech, whatever they are: let those be silence."""
        for _ in range(10):
            self._vad.is_speech(bytes(320), RATE)


class _Converter:
    """To PCM16 at 8 kHz without a filter, for its delay: every second or third sample where that is enough."""

    def __init__(self, rate: int) -> None:
        self._step, remainder = divmod(rate, RATE)
        self._skip = 0
        self._resampler = Resampler(rate, RATE, "QQ") if remainder else None

    def feed(self, samples: NDArray[np.int16]) -> Stream:
        if self._resampler is not None:
            resampled = self._resampler.feed(samples.astype(np.float32))
            return np.clip(resampled, -32768, 32767).astype(np.int16)
        taken = samples[self._skip :: self._step]
        self._skip = (self._skip - len(samples)) % self._step
        return taken


def webrtc(rate: int) -> Detector:
    """A detector of a stream of ``rate`` samples a second."""
    return Detector(WebrtcClassifier(), _Converter(rate), rate)
