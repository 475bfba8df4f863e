"""Actions that give text to the voice."""

from __future__ import annotations

from rtengine.chart.instance import Instance
from rtengine.session.data import Answer, SessionData
from rtengine.session.outbox import Outbox
from rtengine.session.request import speak_request
from rtengine.session.speech import Speech


class SpeechActions:
    def __init__(self, data: SessionData, outbox: Outbox) -> None:
        self._data = data
        self._outbox = outbox

    def say(self, instance: Instance, item_id: str, text: str) -> None:
        """Add text to what an item says; its first whole clause is spoken at once."""
        self._speech(item_id).add(text)
        self._speak(instance, item_id)

    def say_next(self, instance: Instance, item_id: str) -> None:
        """A clause has been spoken: on to the next."""
        self._speech(item_id).job_id = None
        self._speak(instance, item_id)

    def say_rest(self, instance: Instance, item_id: str) -> None:
        """The text is complete: its last clause need not wait for more."""
        self._speech(item_id).finish()
        self._speak(instance, item_id)

    def hush(self, instance: Instance, item_id: str) -> None:
        """Say nothing more of an item."""
        speech = self._data.speeches.pop(item_id, None)
        job_id = speech.stop() if speech else None
        if job_id is not None:
            self._outbox.cancel(job_id)

    def _speech(self, item_id: str) -> Speech:
        return self._data.speeches.setdefault(item_id, Speech())

    def _speak(self, instance: Instance, item_id: str) -> None:
        speech = self._speech(item_id)
        clause = speech.next()
        if clause is not None:
            request = speak_request(self._data, self._answer(item_id), clause)
            speech.job_id = self._outbox.start(instance, "speak", request)

    def _answer(self, item_id: str) -> Answer:
        return next(answer for answer in self._data.answers.values() if item_id in answer.items)
