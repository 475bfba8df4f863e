"""Actions on the user's audio."""

from __future__ import annotations

from rtengine.chart.instance import Instance
from rtengine.protocol.items import UserMessage
from rtengine.protocol.parts import InputAudio
from rtengine.session.conversation import Record
from rtengine.session.data import SessionData
from rtengine.session.early import EarlyTranscript
from rtengine.session.outbox import Outbox
from rtengine.session.request import transcribe_request


class TurnActions:
    def __init__(self, data: SessionData, outbox: Outbox) -> None:
        self._data = data
        self._outbox = outbox

    def hear(self, instance: Instance, audio: bytes) -> None:
        """Take in audio; every change in voice activity comes back as an event ``vad.*``."""
        for edge in self._data.input.hear(audio):
            instance.system.post(instance, f"vad.{edge.kind}", edge)

    def clear_audio(self, instance: Instance) -> None:
        self.discard_early(instance)
        self._data.input.clear()

    def forget_voice(self, instance: Instance) -> None:
        """The client ended the turn itself: what is heard from now on is another one."""
        self._data.input.reset()

    def transcribe_early(self, instance: Instance, item_id: str, start_ms: int) -> None:
        """Begin to transcribe the turn so far, on the chance that it is over."""
        self.discard_early(instance)
        clip = self._data.input.buffer.cut(start_ms)
        job_id = self._outbox.ids.new("job")
        self._data.early = EarlyTranscript(item_id, job_id)
        request = transcribe_request(self._data.session, clip)
        self._outbox.start(self._data.early, "transcribe", request, job_id)

    def discard_early(self, instance: Instance) -> None:
        early, self._data.early = self._data.early, None
        if early is not None:
            self._outbox.cancel(early.job_id)

    def commit_audio(self, instance: Instance, item_id: str, start_ms: int, end_ms: int) -> None:
        """Make the audio between two moments of the audio clock the next item of the conversation."""
        clip = self._data.input.commit(start_ms, end_ms)
        item = UserMessage(id=item_id, status="completed", content=[InputAudio()])
        self._data.conversation.add(Record(item, clip=clip, pending=True))
