"""The voice activity detectors as adapters that a profile names."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pydantic import BaseModel, ConfigDict

from rtengine.audio.activity import VoiceActivity
from rtengine.audio.detection import detector

VoiceActivityFactory = Callable[[int], VoiceActivity]
"""Makes the detector of one session from the rate of its audio."""


class SileroSettings(BaseModel):
    """Silero's neural detector. ``threshold`` is the probability of speech."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class WebrtcSettings(BaseModel):
    """WebRTC's detector: next to no CPU, but noise and music set it off. ``threshold`` is honoured in four steps."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def load_silero(settings: SileroSettings, progress: Callable[[str], None]) -> VoiceActivityFactory:
    progress("Loading the Silero voice activity detector")
    return _tried(partial(detector, "silero"))


def load_webrtc(settings: WebrtcSettings, progress: Callable[[str], None]) -> VoiceActivityFactory:
    return _tried(partial(detector, "webrtc"))


def _tried(factory: VoiceActivityFactory) -> VoiceActivityFactory:
    """Make one detector now, so that what is missing is found at start and not in a session."""
    factory(24000)
    return factory
