"""Where utterances begin and end: the part that all voice activity detectors share.

Two things come in, on a fixed grid of audio time: the power of every hop (8 or 10 ms), and the classifier's probability
of speech at the end of every frame (some hops). The classifier says *whether* somebody speaks; power says *when* that
began and stopped, because a classifier needs several frames to make up its mind. Everything happens at grid points, so
how a client cuts its audio into messages changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from rtengine.audio.activity import Edge
from rtengine.audio.loudness import Loudness


@dataclass(frozen=True, slots=True)
class Timing:
    """What is known of a classifier, in milliseconds."""

    hop_ms: float
    frame_ms: float
    attack_frames: int
    """Frames of speech in a row that begin an utterance."""
    sure_frames: int
    """Frames of speech in a row that begin one even if it is hardly louder than the noise; 0 for never."""
    release_ms: float
    """How long the classifier may say speech after the voice has ended. If it insists for longer, it is right."""
    hangover_ms: float
    """How long it says speech after the end of a voice that power does not show."""
    tail_ms: float
    """For how long a final fricative or a fading voice may still sound after the classifier has dropped it."""


_HYSTERESIS = 0.15
_LOWEST_RELEASE = 0.1
"""What a neural classifier may say of plain noise. Lower thresholds than this would never end an utterance."""
_GAP_MS = 64
"""A stop consonant is silent for so long within a word."""
_LOOK_BACK_MS = 600
_ATTACK_MS = 64
_EVIDENCE_MS = 100
_LOUD_HOPS = 2
_BACKGROUND_MS = 240
"""A faint sound before the voice, if it lasts longer than consonants do ("st", "spr"), is the room, not the voice."""
_RETURN_MS = 24
_AFTERGLOW_HOPS = 2
"""After a reset, sound from before it is still in the hop under way, and in the next one by way of a resampler."""
_PAUSE_MS = 64
_SURE_PAUSE_MS = 96
"""Silence after which a pause is told: at once if the classifier agrees, a little later if it still hears a voice."""


@dataclass(slots=True)
class Endpointer:
    """The state of one stream. ``hop`` and ``decide`` return an edge when there is one."""

    timing: Timing
    threshold: float = 0.5
    silence_ms: float = 500.0
    loudness: Loudness = field(default_factory=Loudness)
    now: float = 0.0
    """The audio clock, in milliseconds."""
    _state: str = "idle"
    _speech: bool = False
    """What the classifier said last, with hysteresis."""
    _run: int = 0
    """Frames of speech in a row."""
    _since: float = 0.0
    """When it began to say speech."""
    _stale: bool = False
    """It has said speech since before the last reset."""
    _heard: float = 0.0
    """End of the last frame that the classifier called speech."""
    _voice: float = 0.0
    """End of the voice so far."""
    _return: int = 0
    """Loud hops since a pause began."""
    _faint: bool = False
    """The classifier insists on a voice that power does not show."""
    _peak: float = 0.0
    _barrier: int = 0
    """No utterance begins before this hop: an earlier one ended there, or was forgotten."""
    _fresh: int = 0
    """Hops before this one prove no voice: they may hold sound from before the last reset."""

    @property
    def idle(self) -> bool:
        return self._state == "idle"

    @property
    def _voiced(self) -> bool:
        """Whether a loud hop is the voice: the classifier says speech, or said so a moment ago."""
        return self._speech or self.now - self._heard <= self.timing.tail_ms

    def configure(self, threshold: float, silence_ms: float) -> None:
        self.threshold = max(threshold, _LOWEST_RELEASE)
        self.silence_ms = silence_ms

    def reset(self) -> None:
        """Forget the utterance under way; the clock, the noise floor and the classifier's opinion stay."""
        self._state = "idle"
        self._run = 0
        self._stale = self._speech
        self._barrier = self.loudness.hops
        self._fresh = self._barrier + _AFTERGLOW_HOPS

    def hop(self, power: float) -> Edge | None:
        """The next hop of audio, with its mean square."""
        idle = self._state == "idle"
        self.loudness.push(power, idle, idle and not self._speech)
        self.now = self.loudness.hops * self.timing.hop_ms
        if idle:
            return None
        if power > self._peak:
            self._peak = power
        loud = power > self.loudness.gate(self._peak)
        return self._while_speaking(loud) if self._state == "speaking" else self._while_paused(loud)

    def decide(self, probability: float) -> Edge | None:
        """The classifier's opinion of the frame that ends now."""
        release = max(self.threshold - _HYSTERESIS, _LOWEST_RELEASE)
        speech = probability >= (release if self._speech else self.threshold)
        if speech:
            self._heard = self.now
            if not self._speech:
                self._since = self.now - self.timing.frame_ms
        else:
            self._stale = False
        self._speech = speech
        self._run = self._run + 1 if probability >= self.threshold else 0
        if self._state == "idle" and self._run >= self.timing.attack_frames:
            return self._begin()
        return None

    def _begin(self) -> Edge | None:
        loudness, timing = self.loudness, self.timing
        if not loudness.ready:
            return None
        look_back = int(_LOOK_BACK_MS / timing.hop_ms)
        onset = self._onset(look_back)
        if loudness.hops - self._onset(look_back, self._fresh) < _LOUD_HOPS:
            if self._stale or not timing.sure_frames or self._run < timing.sure_frames:
                return None
            heard = int((self._run * timing.frame_ms + _ATTACK_MS) / timing.hop_ms)
            loudness.admit(heard)
            onset = self._onset(heard)
        onset = self._without_room(onset)
        self._state, self._voice, self._faint = "speaking", self.now, False
        return Edge("speech", onset * timing.hop_ms)

    def _onset(self, look_back: int, first: int = 0) -> int:
        """The hop at which the voice began, at most ``look_back`` hops ago and not before the hop ``first``."""
        loudness, hop_ms = self.loudness, self.timing.hop_ms
        self._peak = loudness.peak(min(int(_EVIDENCE_MS / hop_ms), loudness.hops - self._barrier))
        earliest = max(self._barrier, first, loudness.hops - look_back)
        return loudness.onset(earliest, loudness.onset_gate(self._peak), int(_GAP_MS / hop_ms))

    def _without_room(self, onset: int) -> int:
        """The onset, after any faint noise that set in long before the classifier heard a voice."""
        loudness, timing = self.loudness, self.timing
        heard = loudness.hops - int(self._run * timing.frame_ms / timing.hop_ms)
        if (heard - onset) * timing.hop_ms <= _BACKGROUND_MS:
            return onset
        gate = loudness.background(onset, heard, self._peak)
        return onset if gate is None else loudness.onset(onset, gate, int(_GAP_MS / timing.hop_ms))

    def _while_speaking(self, loud: bool) -> Edge | None:
        now = self.now
        if self._faint and not self._speech:
            self._faint = False
            self._voice = max(self._voice, self._heard - self.timing.hangover_ms)
        if loud and self._voiced:
            self._voice = now
            return None
        if self._faint or now - self._voice < (_SURE_PAUSE_MS if self._speech else _PAUSE_MS):
            return None
        self._state, self._return = "paused", 0
        return Edge("silence", self._voice)

    def _while_paused(self, loud: bool) -> Edge | None:
        now, timing = self.now, self.timing
        self._return = self._return + 1 if loud and self._voiced else 0
        if self._return * timing.hop_ms >= _RETURN_MS:
            self._state, self._voice = "speaking", now
            return Edge("resumed", now - self._return * timing.hop_ms)
        since = max(self._voice, self._since)
        if self._speech and now - since > timing.release_ms:
            self._state, self._faint = "speaking", True
            return Edge("resumed", since)
        return self.overdue()

    def overdue(self) -> Edge | None:
        """The end of the utterance, once its silence is long enough; the window may have become shorter meanwhile."""
        end = self._voice + self.silence_ms
        if self._state != "paused" or self.now < end or self._speech:
            return None
        self._state, self._run = "idle", 0
        self._barrier = int(self._voice / self.timing.hop_ms)
        return Edge("ended", end)
