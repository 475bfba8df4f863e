"""A voice activity detector of one session: stream in, edges out, around any classifier of short frames."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rtengine.audio.activity import Edge
from rtengine.audio.endpointer import Endpointer, Timing
from rtengine.audio.loudness import FAINT_VOICE

Stream = NDArray[np.float32 | np.int16]
"""Mono samples in the range of PCM16; which of the two types is the classifier's choice."""

_IDLE_POWER = FAINT_VOICE / 2
"""-53 dBFS, a quiet room: as long as no hop is louder no utterance can begin, whatever a classifier makes of it."""
_IDLE_AFTER_MS = 1000
"""Until then it hears the room as well."""

_NARROW = 8000
_HISS = 2.0
"""Telephone audio has lost most of its s, f and th. Sample-to-sample change, counted so many times, gives what is left
of them more weight beside the vowels: the power of 3.5 kHz grows by 9 dB, that of 500 Hz by 1 dB."""


class Classifier(Protocol):
    """Tells speech from everything else, frame by frame."""

    rate: int
    """Samples per second of the frames."""
    hop: int
    """Samples per hop, the grid on which power is measured."""
    frame: int
    """Samples per frame, a multiple of ``hop``."""
    timing: Timing
    """It may change with the threshold."""

    def configure(self, threshold: float) -> float:
        """Adapt to a new threshold, and return the one to compare probabilities with."""
        ...

    def probability(self, frame: Stream) -> float:
        """How likely the next frame is speech, 0..1."""
        ...

    def skip(self, frame: Stream) -> None:
        """The next frame is one more of a long silence: remember what the following frame needs of it."""
        ...


class Converter(Protocol):
    """Brings the session's samples to the classifier's rate, without delay."""

    def feed(self, samples: NDArray[np.int16]) -> Stream: ...


class Detector:
    """Implements ``VoiceActivity``."""

    def __init__(self, classifier: Classifier, converter: Converter, rate: int) -> None:
        """``rate`` is that of the session's samples."""
        self._classifier = classifier
        self._lag = classifier.rate // _NARROW if rate <= _NARROW else 0
        self._converter = converter
        self._endpointer = Endpointer(classifier.timing)
        self._hops_per_frame = classifier.frame // classifier.hop
        self._idle_after = _IDLE_AFTER_MS / classifier.timing.hop_ms
        self._pending: Stream = np.zeros(0, np.int16)
        self._counted = 0
        """Hops of the pending samples whose power was already taken."""
        self._still = 0
        """Hops of next to silence in a row."""
        self.configure(0.5, 500.0)

    def configure(self, threshold: float, silence_ms: float) -> None:
        self._endpointer.configure(self._classifier.configure(threshold), silence_ms)
        self._endpointer.timing = self._classifier.timing

    def reset(self) -> None:
        self._endpointer.reset()

    def feed(self, samples: NDArray[np.int16]) -> list[Edge]:
        if not len(samples):
            overdue = self._endpointer.overdue()
            return [] if overdue is None else [overdue]
        stream = self._converter.feed(samples)
        if len(self._pending):
            stream = np.concatenate((self._pending, stream))
        classifier, endpointer = self._classifier, self._endpointer
        hop, frame, per_frame = classifier.hop, classifier.frame, self._hops_per_frame
        edges: list[Edge] = []
        for index, energy in enumerate(self._energies(stream), start=self._counted + 1):
            power = energy / hop
            self._still = self._still + 1 if power < _IDLE_POWER else 0
            edge = endpointer.hop(power)
            if edge is not None:
                edges.append(edge)
            if index % per_frame == 0:
                end = index // per_frame * frame
                edge = endpointer.decide(self._probability(stream[end - frame : end]))
                if edge is not None:
                    edges.append(edge)
        hops = len(stream) // hop
        frames = hops // per_frame
        self._pending = stream[frames * frame :]
        self._counted = hops - frames * per_frame
        return edges

    def _probability(self, frame: Stream) -> float:
        if self._still > self._idle_after and self._endpointer.idle:
            self._classifier.skip(frame)
            return 0.0
        return self._classifier.probability(frame)

    def _energies(self, stream: Stream) -> list[float]:
        """Sums of squares of the hops not counted yet; in telephone audio with more weight on high frequencies."""
        hop = self._classifier.hop
        new = stream[self._counted * hop : len(stream) // hop * hop].astype(np.float32, copy=False).reshape(-1, hop)
        sums: NDArray[np.float32] = np.vecdot(new, new)
        if self._lag:
            change = new[:, self._lag :] - new[:, : -self._lag]
            sums = sums + _HISS * np.vecdot(change, change)
        energies: list[float] = sums.tolist()
        return energies
