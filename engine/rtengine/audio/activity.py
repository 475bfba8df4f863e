"""The voice activity port."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Edge:
    """A change in voice activity, on the audio clock: milliseconds of audio since the detector's start.

    ``speech``   somebody began to speak at ``at_ms`` (true onset, without padding)
    ``silence``  the voice paused at ``at_ms`` (true end of the sound); it may come back
    ``resumed``  the voice came back after a ``silence``
    ``ended``    silence has lasted for the whole silence window; ``at_ms`` is the end of that window
    """

    kind: Literal["speech", "silence", "resumed", "ended"]
    at_ms: float


class VoiceActivity(Protocol):
    """A streaming detector of one session. One object sees one continuous stream, in pieces of any length."""

    def configure(self, threshold: float, silence_ms: float) -> None:
        """Set the server_vad fields: ``threshold`` 0..1, and how much silence ends an utterance. At once."""
        ...

    def feed(self, samples: NDArray[np.int16]) -> list[Edge]:
        """Mono PCM16 at the rate the detector was made for.

        No samples tell whether the silence window, made shorter in the middle of a pause, has ended the utterance.
        """
        ...

    def reset(self) -> None:
        """Forget the utterance under way (the buffer was cleared or committed); the audio clock goes on.

        After ``ended`` there is none, and a reset could forget the next one: leave it out.
        """
        ...
