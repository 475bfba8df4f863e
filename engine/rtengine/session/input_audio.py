"""The ears of a session: the input audio buffer and the voice activity detector that listens along."""

from __future__ import annotations

from collections.abc import Callable

from rtengine.audio.activity import Edge, VoiceActivity
from rtengine.audio.buffer import AudioClip, InputAudioBuffer
from rtengine.audio.format import AudioFormat
from rtengine.protocol.session import Session
from rtengine.protocol.turn_detection import ServerVad

DetectorFactory = Callable[[int], VoiceActivity]
"""Makes the detector of one session, for audio at the given rate (Hz)."""

PREROLL_MS = 1000
"""Audio kept from before the voice began, beside the padding: onsets are found late."""
DEFAULT_THRESHOLD = 0.5
DEFAULT_SILENCE_MS = 500


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
        self.configure(session)

    def configure(self, session: Session) -> None:
        """Take over the session's input format and turn detection."""
        new_format = audio_format(session)
        if new_format != self.buffer.format:
            self.buffer = InputAudioBuffer(new_format, self._limit_seconds, start_ms=self.buffer.total_ms)
            self._detector = None
        detection = session.audio.input.turn_detection
        if detection is None:
            self._detector, self._keep_ms, self._voiced = None, None, False
            return
        if self._detector is None:
            self._detector = self._factory(new_format.rate)
            self._detector_start_ms, self._voiced = self.buffer.total_ms, False
        if isinstance(detection, ServerVad):
            self._detector.configure(detection.threshold, detection.silence_duration_ms)
            self._keep_ms = detection.prefix_padding_ms + PREROLL_MS
        else:
            self._detector.configure(DEFAULT_THRESHOLD, DEFAULT_SILENCE_MS)
            self._keep_ms = 300 + PREROLL_MS

    def hear(self, audio: bytes) -> list[Edge]:
        """Add audio; the changes in voice activity it brings, on the session's audio clock."""
        samples = self.buffer.append(audio)
        if self._detector is None or self._keep_ms is None:
            return []
        edges = self._detector.feed(samples)
        if edges:
            offset = self._detector_start_ms
            edges = [Edge(edge.kind, edge.at_ms + offset) for edge in edges]
            self._voiced = edges[-1].kind != "ended"
        elif not self._voiced:
            self.buffer.keep_last(self._keep_ms)
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


def audio_format(session: Session) -> AudioFormat:
    """The audio room's name for the session's input format."""
    return as_audio_format(session.audio.input.format)


def as_audio_format(wire: object) -> AudioFormat:
    kind = getattr(wire, "type", "audio/pcm")
    if kind == "audio/pcmu":
        return AudioFormat("pcmu", 8000)
    if kind == "audio/pcma":
        return AudioFormat("pcma", 8000)
    return AudioFormat("pcm", getattr(wire, "rate", 24000))
