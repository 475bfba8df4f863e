"""Actions on the items of the conversation."""

from __future__ import annotations

from rtengine.chart.instance import Instance
from rtengine.protocol.items import Item
from rtengine.session.content import (
    default_status,
    give_call_id,
    given_audio,
    given_text,
    needs_transcript,
    set_transcript,
    show_text,
)
from rtengine.session.conversation import Record
from rtengine.session.data import SessionData
from rtengine.session.outbox import Outbox


class ConversationActions:
    def __init__(self, data: SessionData, outbox: Outbox) -> None:
        self._data = data
        self._outbox = outbox

    def add_item(self, instance: Instance, item: Item, after: str | None) -> str:
        """Put the client's item into the conversation; its id, made here when the client gave none."""
        added = item.model_copy(update={"id": item.id or self._outbox.ids.new("item")})
        default_status(added)
        give_call_id(added, self._outbox.ids)
        pending = needs_transcript(added)
        clip = given_audio(added, self._data.session)
        self._data.conversation.add(Record(added, clip=clip, pending=pending, text=given_text(added)), after)
        return added.id or ""

    def delete_item(self, instance: Instance, item_id: str) -> None:
        """Take an item out of the conversation. A response that brings it goes on with it."""
        self._data.conversation.take_out(item_id)
        if not any(item_id in answer.items for answer in self._data.answers.values()):
            self._data.conversation.forget(item_id)

    def truncate_item(self, instance: Instance, item_id: str, audio_end_ms: int) -> None:
        """Keep of a spoken item what was heard: the audio up to ``audio_end_ms``, and its words."""
        record = self._data.conversation.records[item_id]
        record.cut(audio_end_ms)
        show_text(record)

    def set_transcript(self, instance: Instance, item_id: str, transcript: str) -> None:
        """Write what was said into an item, where the chat model reads it."""
        record = self._data.conversation.records.get(item_id)
        if record is not None:  # deleted meanwhile
            record.pending = False
            set_transcript(record.item, transcript)

    def give_up_transcript(self, instance: Instance, item_id: str) -> None:
        """The words will never be known: nothing waits for them any longer."""
        record = self._data.conversation.records.get(item_id)
        if record is not None:
            record.pending = False
