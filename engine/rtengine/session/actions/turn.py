"""Actions on the user's audio."""

from __future__ import annotations

from rtengine.chart.instance import Instance
from rtengine.models.jobs import Request
from rtengine.protocol.items import UserMessage
from rtengine.protocol.parts import InputAudio
from rtengine.session.conversation import Record
from rtengine.session.data import SessionData
from rtengine.session.early import EarlyJob
from rtengine.session.outbox import Outbox
from rtengine.session.request import early_generate_request, transcribe_request


class TurnActions:
    def __init__(self, data: SessionData, outbox: Outbox) -> None:
        self._data = data
        self._outbox = outbox

    def hear(self, instance: Instance, audio: bytes) -> None:
        """Take in audio; every change in voice activity comes back as an event ``vad.*``, one after the other."""
        self._data.edges.extend(self._data.input.hear(audio))

    def hear_on(self, instance: Instance) -> None:
        """Take in the next portion of a long append."""
        self._data.edges.extend(self._data.input.hear_on())

    def end_after(self, instance: Instance, silence_ms: float) -> None:
        """Let so much silence end the turn, counted from the end of the voice."""
        self._data.edges.extend(self._data.input.end_after(silence_ms))

    def end_as_usual(self, instance: Instance) -> None:
        """Let as much silence end a turn as the session's turn detection says."""
        self._data.input.configure(self._data.session)

    def clear_audio(self, instance: Instance) -> None:
        """Forget the audio that has not been committed, and what was begun on speculation."""
        self.discard_early(instance)
        self._data.input.clear()

    def stop_playing(self, instance: Instance) -> None:
        """The client plays no more of what it was sent."""
        self._data.playing_until = self._outbox.now

    def reserve_id(self, instance: Instance, item_id: str) -> None:
        """The turn under way becomes the item of this id. The client is told of it, and may not give it to another."""
        self._data.conversation.reserved = item_id

    def forget_voice(self, instance: Instance) -> None:
        """The client ended the turn itself: what is heard from now on is another one."""
        self._data.input.reset()

    def transcribe_early(self, instance: Instance, item_id: str, start_ms: int) -> None:
        """Begin to transcribe the turn so far, on the chance that it is over: what a commit adds is silence."""
        self.discard_early(instance)
        request = transcribe_request(self._data.session, self._data.input.buffer.cut(start_ms))
        self._data.early_transcript = self._begin("transcribe", item_id, request)

    def answer_early(self, instance: Instance, item_id: str, transcript: str) -> None:
        """Begin the answer to a turn that may be over. It counts only if, in the end, the model is asked the same."""
        request = early_generate_request(self._data, item_id, transcript)
        self._data.early_answer = self._begin("generate", item_id, request)

    def discard_early(self, instance: Instance) -> None:
        """The turn goes on: neither its words nor the answer to them count."""
        early, self._data.early_transcript = self._data.early_transcript, None
        if early is not None:
            self._outbox.cancel(early.job_id)
        self.discard_early_answer(instance)

    def discard_early_answer(self, instance: Instance) -> None:
        """Nobody will be given the answer that was begun; the words of the turn count all the same."""
        early, self._data.early_answer = self._data.early_answer, None
        if early is not None:
            self._outbox.cancel(early.job_id)

    def _begin(self, stage: str, item_id: str, request: Request) -> EarlyJob:
        early = EarlyJob(item_id, self._outbox.ids.new("job"), request)
        self._outbox.start(early, stage, request, early.job_id)
        return early

    def commit_audio(self, instance: Instance, item_id: str, start_ms: int, end_ms: int) -> None:
        """Make the audio between two moments of the audio clock the next item of the conversation."""
        clip = self._data.input.commit(start_ms, end_ms)
        item = UserMessage(id=item_id, status="completed", content=[InputAudio()])
        self._data.conversation.add(Record(item, clip=clip, pending=True))
