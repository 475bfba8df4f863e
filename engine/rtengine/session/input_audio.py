"""The ears of a session: the input audio buffer and the voice activity detector that listens along."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from rtengine.audio.activity import Edge, VoiceActivity
from rtengine.audio.buffer import AudioClip, InputAudioBuffer
from rtengine.audio.format import PCMA, PCMU, AudioFormat
from rtengine.audio.noise import NoiseReducer
from rtengine.protocol.session import Session
from rtengine.protocol.turn_detection import ServerVad, TranscriptionServerVad
from rtengine.session.patience import longest_silence_ms

DetectorFactory = Callable[[int], VoiceActivity]
"""Makes the detector of one session, for audio at the given rate (Hz)."""

PREROLL_MS = 1000
"""Audio kept from before the voice began, beside the padding: onsets are found late."""
PADDING_MS = 300
"""Audio before the voice that belongs to the turn, where the client cannot say how much."""
DEFAULT_THRESHOLD = 0.5
PORTION_SECONDS = 1
"""How much of a long append is heard at once: some 3 ms of work."""


class InputAudio:
    """Audio in, edges out. Follows the session's input format and turn detection."""

    def __init__(self, session: Session, detector: DetectorFactory, limit_seconds: float) -> None:
        self._factory = detector
        self._limit_seconds = limit_seconds
        self.buffer = InputAudioBuffer(audio_format(session), limit_seconds)
        self._detector: VoiceActivity | None = None
        self._detector_start_ms = 0.0
        self._keep_ms: float | None = None
        self._voiced = False
        self._noise: NoiseReducer | None = None
        self._rest = memoryview(b"")
        self.configure(session)

    def configure(self, session: Session) -> None:
        """Take over the session's input format and turn detection."""
        new_format = audio_format(session)
        if new_format != self.buffer.format:
            self.buffer = InputAudioBuffer(new_format, self._limit_seconds, start_ms=self.buffer.total_ms)
            self._detector = self._noise = None
        self._reduce_noise(session, new_format.rate)
        detection = session.audio.input.turn_detection
        if detection is None:
            self._detector, self._keep_ms, self._voiced = None, None, False
            return
        if self._detector is None:
            self._detector = self._factory(new_format.rate)
            self._detector_start_ms, self._voiced = self.buffer.total_ms, False
        if isinstance(detection, ServerVad | TranscriptionServerVad):
            self._detector.configure(detection.threshold, detection.silence_duration_ms)
        else:
            self._detector.configure(DEFAULT_THRESHOLD, longest_silence_ms(detection.eagerness))
        # An idle time-out commits the silence it has waited for: a voice too faint to be detected may be in it.
        self._keep_ms = max(padding_ms(detection) + PREROLL_MS, getattr(detection, "idle_timeout_ms", None) or 0)

    def _reduce_noise(self, session: Session, rate: int) -> None:
        wanted = session.audio.input.noise_reduction
        if wanted is None:
            self._noise = None
        else:
            settings = (wanted.type, 1.0 if wanted.strength is None else wanted.strength, rate)
            if self._noise is None or self._noise.settings != settings:
                self._noise = NoiseReducer(*settings)

    @property
    def voiced(self) -> bool:
        """An utterance is under way: its end is still to come."""
        return self._voiced

    @property
    def behind(self) -> bool:
        """Part of the last append is still to be heard: see ``hear_on``."""
        return len(self._rest) > 0

    def hear(self, audio: bytes) -> list[Edge]:
        """Add audio, up to a second of it, and keep the rest for ``hear_on``.

        The changes in voice activity it brings are on the session's audio clock.
        """
        self._rest = memoryview(audio)
        return self.hear_on()

    def hear_on(self) -> list[Edge]:
        """The next second of what waits."""
        size = PORTION_SECONDS * self.buffer.format.rate * self.buffer.format.bytes_per_sample
        portion, self._rest = self._rest[:size], self._rest[size:]
        clean = None if self._noise is None else self._noise.feed
        edges = self._detect(self.buffer.append(portion, clean))
        if not self._voiced and not edges and self._keep_ms is not None:
            self.buffer.keep_last(self._keep_ms)
        return edges

    def hush(self) -> None:
        """Nobody listens any longer: forget what is still to be heard."""
        self._rest = memoryview(b"")

    def end_after(self, silence_ms: float) -> list[Edge]:
        """Let so much silence end the utterance under way; the edge ``ended`` if it has been as long already."""
        if self._detector is None:
            return []
        self._detector.configure(DEFAULT_THRESHOLD, silence_ms)
        return self._detect(np.zeros(0, np.int16))

    def _detect(self, samples: NDArray[np.int16]) -> list[Edge]:
        if self._detector is None:
            return []
        edges = [Edge(edge.kind, edge.at_ms + self._detector_start_ms) for edge in self._detector.feed(samples)]
        if edges:
            self._voiced = edges[-1].kind != "ended"
        return edges

    def commit(self, start_ms: float, end_ms: float) -> AudioClip:
        """Take a turn out of the buffer."""
        return self.buffer.commit(start_ms, end_ms)

    def reset(self) -> None:
        """Forget the utterance under way; the audio stays."""
        if self._detector is not None:
            self._detector.reset()
        self._voiced = False

    def clear(self) -> None:
        self.buffer.clear()
        self.reset()


def padding_ms(detection: object) -> int:
    """How much audio before the voice belongs to the turn."""
    given = getattr(detection, "prefix_padding_ms", None)
    return PADDING_MS if given is None else int(given)


def audio_format(session: Session) -> AudioFormat:
    """The audio room's name for the session's input format."""
    return as_audio_format(session.audio.input.format)


def as_audio_format(wire: object) -> AudioFormat:
    kind = getattr(wire, "type", "audio/pcm")
    if kind == "audio/pcmu":
        return PCMU
    if kind == "audio/pcma":
        return PCMA
    return AudioFormat("pcm", getattr(wire, "rate", 24000))
