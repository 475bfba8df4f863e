"""The ports that model adapters implement.

An adapter is loaded once per process and serves many sessions from worker threads. Each port yields results as they
come, and looks at ``cancel`` at least once per token or audio chunk. A port raises to fail: the host turns the
exception into ``JobFailed``; ``ModelFailure`` carries the API's error code.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rtengine.errors import ModelError
from rtengine.models.jobs import (
    GenerateArguments,
    GenerateCall,
    GenerateDone,
    GenerateRequest,
    GenerateText,
    SpeakRequest,
    TranscribeDelta,
    TranscribeDone,
    TranscribeRequest,
)

Samples = NDArray[np.float32]
"""Mono samples in -1..1."""


class ModelFailure(ModelError):
    """A job failed for a reason the client should see: the API's error type, its code and a sentence."""

    def __init__(self, message: str, code: str | None = None, type: str = "server_error") -> None:
        super().__init__(message)
        self.code = code
        self.type = type


class Cancel:
    """Tells a running job to stop. Safe to set from any thread, more than once."""

    __slots__ = ("_callbacks", "_event", "_lock")

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], None]] = []

    def __bool__(self) -> bool:
        return self._event.is_set()

    def set(self) -> None:
        with self._lock:
            self._event.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def wait(self, seconds: float) -> bool:
        """Sleep for up to ``seconds``; true when the job was cancelled meanwhile."""
        return self._event.wait(seconds)

    def on_set(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` when the job is cancelled (at once if it already is), to break a blocking read."""
        with self._lock:
            if not self._event.is_set():
                self._callbacks.append(callback)
                return
        callback()


class Transcriber(Protocol):
    def transcribe(self, request: TranscribeRequest, cancel: Cancel) -> Iterator[TranscribeDelta | TranscribeDone]: ...


class ChatModel(Protocol):
    def generate(
        self, request: GenerateRequest, cancel: Cancel
    ) -> Iterator[GenerateText | GenerateCall | GenerateArguments | GenerateDone]: ...


@runtime_checkable
class TurnJudge(Protocol):
    """What a chat model may be able to do besides."""

    def judge(self, text: str, cancel: Cancel) -> float | None:
        """How likely it is that a user who has said ``text`` and paused has finished (see ``JudgeDone``).

        None when the model cannot tell, for instance because it does not know the script.
        """
        ...


class Voice(Protocol):
    rate: int
    """Samples per second of what ``speak`` yields."""

    def speak(self, request: SpeakRequest, cancel: Cancel) -> Iterator[Samples]:
        """Samples of the clause, in pieces, at ``rate``. Encoding and resampling are the stage's work."""
        ...
