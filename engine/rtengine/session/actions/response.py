"""Actions on responses and on the items they produce."""

from __future__ import annotations

import re

from rtengine.chart.instance import Instance
from rtengine.models.jobs import GenerateDone
from rtengine.protocol.items import Item, ItemStatus
from rtengine.protocol.response import Response, ResponseCreateParams, ResponseStatus, StatusDetails
from rtengine.session.answer import new_answer, new_output_item
from rtengine.session.content import set_status, show_text
from rtengine.session.conversation import Record
from rtengine.session.data import SessionData
from rtengine.session.input_audio import as_audio_format
from rtengine.session.outbox import Outbox
from rtengine.session.usage import USER_MS_PER_TOKEN, estimated_tokens

CALL_ID = re.compile(r"[a-zA-Z0-9_-]{1,32}")


class ResponseActions:
    def __init__(self, data: SessionData, outbox: Outbox) -> None:
        self._data = data
        self._outbox = outbox

    def open_response(self, instance: Instance, response_id: str, params: ResponseCreateParams | None) -> Response:
        answer = new_answer(self._data, response_id, params, self._outbox.ids)
        self._data.answers[response_id] = answer
        return answer.response

    def mark_heard(self, instance: Instance, item_id: str) -> None:
        """A transcription of this item has been started."""
        self._data.conversation.records[item_id].unheard = False

    def count_tokens(self, instance: Instance, response_id: str, counted: GenerateDone) -> None:
        """Keep what the chat model has counted."""
        answer = self._data.answers[response_id]
        answer.counted = True
        answer.tally.input_text = counted.input_tokens
        answer.tally.cached = counted.cached_tokens
        answer.tally.output_text = counted.output_tokens

    def close_response(
        self, instance: Instance, response_id: str, status: ResponseStatus, details: StatusDetails | None
    ) -> None:
        """Write the end of a response into the object the client sees, its output and usage included."""
        answer = self._data.answers.pop(response_id)
        known = self._data.conversation.records
        records = [known[item_id] for item_id in answer.items if item_id in known]
        tally = answer.tally
        if not answer.counted:
            tally.output_text = sum(estimated_tokens(record.text) for record in records)
        context = self._data.conversation.items() if answer.records is None else answer.records
        heard_ms = sum(record.clip.duration_ms for record in context if record.clip is not None)
        tally.input_audio = round(heard_ms / USER_MS_PER_TOKEN)
        tally.output_audio_ms = sum(record.audio_ms for record in records)
        response = answer.response
        response.status, response.status_details = status, details
        response.output = [record.item for record in records]
        response.usage = tally.usage()

    def open_item(self, instance: Instance, response_id: str, kind: str, call_id: str, name: str) -> Item:
        """Begin an output item; it joins the conversation unless the response is out of band."""
        answer = self._data.answers[response_id]
        ids = self._outbox.ids
        if not CALL_ID.fullmatch(call_id):  # a model's own id may be longer than the API lets a client send back
            call_id = ids.new("call")
        item = new_output_item(ids.new("item"), kind, call_id, name)
        sounds = as_audio_format(answer.response.audio.output.format)
        record = Record(item, format=sounds, spoken=kind == "spoken")
        if answer.response.conversation_id is None:
            self._data.conversation.add_outside(record)
        else:
            self._data.conversation.add(record)
        answer.items.append(item.id or "")
        return item

    def close_item(self, instance: Instance, item_id: str, status: ItemStatus) -> None:
        record = self._data.conversation.records.get(item_id)
        if record is not None:  # deleted meanwhile
            show_text(record)
            set_status(record.item, status)

    def keep_text(self, instance: Instance, item_id: str, text: str) -> None:
        record = self._data.conversation.records.get(item_id)
        if record is not None:
            record.text += text
            show_text(record)

    def keep_audio(self, instance: Instance, item_id: str, audio: bytes, duration_ms: float, text: str) -> None:
        """Keep a piece of the answer's sound, and with its first piece the words of a clause."""
        playing_since = max(self._data.playing_until, self._outbox.now)
        self._data.playing_until = playing_since + duration_ms / 1000
        record = self._data.conversation.records.get(item_id)
        if record is not None:
            record.keep_audio(audio, duration_ms, text)
            show_text(record)
