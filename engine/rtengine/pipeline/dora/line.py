"""Questions to a node whose answers do not say what they belong to."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from rtengine.models.ports import Cancel, ModelFailure
from rtengine.pipeline.dora.attachment import Event

log = logging.getLogger(__name__)

ANSWER_SECONDS = 60.0

Send = Callable[[Any, Mapping[str, Any]], bool]


class Line:
    """One question after the other, asked by one thread, answered from any.

    No question is sent while the answer to an earlier one may still come, whether somebody waits for that or not: so
    whatever comes is the answer to the last question.
    """

    def __init__(self, send: Send, seconds: float = ANSWER_SECONDS) -> None:
        """``send`` sends a value with its metadata, and says whether it could; ``seconds`` is an answer's limit."""
        self._send = send
        self._seconds = seconds
        self._changed = threading.Condition()
        self._asked: float | None = None
        """When the question was sent whose answer has not come."""
        self._answer: Event | None = None

    @property
    def overdue(self) -> bool:
        """The answer has not come in time; no other question is sent before it has."""
        return self._waited > self._seconds

    @property
    def lost(self) -> bool:
        """So late that it is taken for lost, and nobody can tell what the next answer would belong to."""
        return self._waited > 2 * self._seconds

    @property
    def _waited(self) -> float:
        with self._changed:
            return 0.0 if self._asked is None else time.monotonic() - self._asked

    def answer(self, event: Event) -> None:
        with self._changed:
            if self._asked is None:
                log.error("an answer that nobody has asked for is dropped: one question has one answer")
                return
            self._asked, self._answer = None, event
            self._changed.notify_all()

    def ask(self, value: Any, metadata: Mapping[str, Any], cancel: Cancel) -> Event | None:
        """The answer; None when the job was cancelled. Raises ``ModelFailure`` when there is none in time."""
        cancel.on_set(self._wake)
        if not self._idle(cancel):
            return None
        with self._changed:
            self._asked = time.monotonic()
        if not self._send(value, metadata):
            with self._changed:
                self._asked = None
            raise ModelFailure("The model's node cannot be reached.")
        return self._answer if self._idle(cancel) else None

    def _idle(self, cancel: Cancel) -> bool:
        """Wait until no answer is to come; false when the job was cancelled."""
        with self._changed:
            left = 0.0 if self._asked is None else self._asked + self._seconds - time.monotonic()
            self._changed.wait_for(lambda: self._asked is None or bool(cancel), max(0.0, left))
            if cancel:
                return False
            if self._asked is not None:
                raise ModelFailure("The model's node does not answer.")
            return True

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()
