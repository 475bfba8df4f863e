"""The voice activity detectors, by name."""

from __future__ import annotations

from typing import Literal

from rtengine.audio.activity import VoiceActivity
from rtengine.errors import RtengineError


def detector(name: Literal["silero", "webrtc"], rate: int) -> VoiceActivity:
    """A detector of a new stream of ``rate`` samples a second. Loads its library when it is first asked for.

    Raises RtengineError for an unknown name and for weights that are missing.
    """
    if name == "silero":
        from rtengine.audio.silero import silero

        return silero(rate)
    if name == "webrtc":
        from rtengine.audio.webrtc import webrtc

        return webrtc(rate)
    raise RtengineError(f"There is no voice activity detector '{name}'.", hint="Choose 'silero' or 'webrtc'.")
