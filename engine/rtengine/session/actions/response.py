"""Actions on responses and on the items they produce."""

from __future__ import annotations

import re

from rtengine.chart.instance import Instance
from rtengine.models.jobs import GenerateDone
from rtengine.protocol.items import Item, ItemStatus
from rtengine.protocol.response import Response, ResponseCreateParams, ResponseStatus, StatusDetails
from rtengine.session.answer import approved_call, new_answer, new_mcp_item, new_output_item
from rtengine.session.content import set_status, show_text
from rtengine.session.conversation import Record, call_ids, item_id_of
from rtengine.session.data import SessionData
from rtengine.session.input_audio import as_audio_format
from rtengine.session.outbox import Outbox
from rtengine.session.request import estimated_input, generate_request, window

CALL_ID = re.compile(r"[a-zA-Z0-9_-]{1,32}")


class ResponseActions:
    def __init__(self, data: SessionData, outbox: Outbox) -> None:
        self._data = data
        self._outbox = outbox

    def open_response(self, instance: Instance, response_id: str, params: ResponseCreateParams | None) -> Response:
        """Begin a response; gives the object that the client sees."""
        answer = new_answer(self._data, response_id, params, self._outbox.ids)
        self._data.answers[response_id] = answer
        return answer.response

    def mark_heard(self, instance: Instance, item_id: str) -> None:
        """A transcription of this item has been started."""
        self._data.conversation.records[item_id].unheard = False

    def count_request(self, instance: Instance) -> None:
        """One more of the key's requests."""
        self._data.rates.spend("requests", 1)

    def count_input(self, instance: Instance, response_id: str) -> None:
        """Estimate what the chat model is about to read."""
        answer = self._data.answers[response_id]
        answer.tally.read(estimated_input(generate_request(self._data, answer)), window(self._data, answer))

    def count_tokens(self, instance: Instance, response_id: str, counted: GenerateDone) -> None:
        """Keep what the chat model has counted."""
        self._data.answers[response_id].tally.counted(counted)

    def spend_tokens(self, instance: Instance, tokens: int) -> None:
        """Take the tokens of a response from what the key has left."""
        self._data.rates.spend("tokens", tokens)

    def close_response(
        self, instance: Instance, response_id: str, status: ResponseStatus, details: StatusDetails | None
    ) -> None:
        """Write the end of a response into the object the client sees, its output and usage included."""
        answer = self._data.answers.pop(response_id)
        conversation = self._data.conversation
        records = [conversation.records[item_id] for item_id in answer.items]
        answer.tally.produced(records, failed=status == "failed")
        response = answer.response
        response.status, response.status_details = status, details
        response.output = [record.item for record in records]
        response.usage = answer.tally.usage()
        if response.conversation_id is not None:
            for item_id in answer.items:
                if item_id not in conversation:  # deleted meanwhile
                    conversation.forget(item_id)
        for record in answer.records or ():
            if record.passing:
                conversation.forget(item_id_of(record.item))

    def open_item(
        self,
        instance: Instance,
        response_id: str,
        kind: str,
        call_id: str,
        name: str,
        approval_request_id: str | None,
    ) -> Item:
        """Begin an output item; it joins the conversation unless the response is out of band."""
        if kind.startswith("mcp_"):
            return self._join(response_id, self._mcp_record(response_id, kind, name, approval_request_id))
        ids = self._outbox.ids
        # A model's own id may be longer than a client may send back, or one that it has given to another call before.
        if not CALL_ID.fullmatch(call_id) or call_id in self._call_ids():
            call_id = ids.new("call")
        item = new_output_item(ids.new("item"), kind, call_id, name)
        output = self._data.answers[response_id].response.audio.output
        record = Record(item, format=as_audio_format(output.format), voice=output.voice, spoken=kind == "spoken")
        record.own = kind == "function_call" and name in self._data.tools.catalog.functions
        return self._join(response_id, record)

    def _call_ids(self) -> list[str]:
        return call_ids(record.item for record in self._data.conversation.records.values())

    def _mcp_record(self, response_id: str, kind: str, name: str, approval_request_id: str | None) -> Record:
        item_id = self._outbox.ids.new("item")
        if approval_request_id is not None:
            asked = self._data.conversation.records[approval_request_id]
            return Record(approved_call(item_id, asked.item), function=asked.function)
        offer = self._data.answers[response_id].offers[name]
        return Record(new_mcp_item(item_id, kind, offer), function=name)

    def _join(self, response_id: str, record: Record) -> Item:
        answer, item = self._data.answers[response_id], record.item
        if answer.response.conversation_id is None:
            self._data.conversation.add_outside(record)
        else:
            self._data.conversation.add(record)
        answer.items.append(item.id or "")
        return item

    def close_item(self, instance: Instance, item_id: str, status: ItemStatus) -> None:
        """End an output item with this status."""
        record = self._data.conversation.records[item_id]
        show_text(record)
        set_status(record.item, status)

    def keep_text(self, instance: Instance, item_id: str, text: str) -> None:
        """Add to what an item says, writes or passes to a function."""
        record = self._data.conversation.records[item_id]
        record.text += text
        show_text(record)

    def keep_audio(self, instance: Instance, item_id: str, audio: bytes, duration_ms: float, text: str) -> None:
        """Keep a piece of the answer's sound, and with its first piece the words of a clause."""
        playing_since = max(self._data.playing_until, self._outbox.now)
        self._data.playing_until = playing_since + duration_ms / 1000
        for answer in self._data.answers.values():
            if item_id in answer.items:
                answer.tally.output_audio_ms += duration_ms
                self._sound(answer.response, duration_ms)
        record = self._data.conversation.records[item_id]
        record.keep_audio(audio, duration_ms, text)
        show_text(record)

    def _sound(self, response: Response, duration_ms: float) -> None:
        data = self._data
        if response.conversation_id is not None:
            data.sounded_ms = duration_ms + (data.sounded_ms if data.sounding == response.id else 0.0)
            data.sounding = response.id
