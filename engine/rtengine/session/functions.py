"""The functions that expressions in machine files may call."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from rtengine.models.completeness import completeness, word_count
from rtengine.protocol import client as protocol_client
from rtengine.protocol import errors, formats
from rtengine.protocol.codec import encode_audio
from rtengine.protocol.formats import VoiceId
from rtengine.protocol.items import Item
from rtengine.protocol.parts import InputImage
from rtengine.protocol.response import Response, ResponseCreateParams, StatusDetails
from rtengine.protocol.server import RateLimit
from rtengine.protocol.transcription import LogProb, TranscriptionError, TranscriptionLanguage
from rtengine.protocol.usage import TranscriptionDuration, TranscriptionUsage
from rtengine.session.content import item_with_audio, needs_transcript, speech_index, transcript_of
from rtengine.session.conversation import call_ids, item_id_of
from rtengine.session.data import SessionData
from rtengine.session.input_audio import padding_ms
from rtengine.session.outbox import Outbox
from rtengine.session.patience import silence_ms
from rtengine.session.request import overflows
from rtengine.session.tool_functions import PURE_OF_TOOLS, ToolFunctions


class Functions(ToolFunctions):
    """Functions that look at the session. None changes it, but that ``new_id`` never gives the same id twice."""

    def __init__(self, data: SessionData, outbox: Outbox) -> None:
        self._data = data
        self._outbox = outbox

    def new_id(self, kind: str) -> str:
        """A new id of the API's shape: of a `resp`, an `item` or a `call`."""
        return self._outbox.ids.new(kind)

    def unknown_language(self, codes: list[str] | None) -> str | None:
        """The first of the codes that the transcriber does not know. A region, as in `en-GB`, does not count."""
        known = self._data.abilities.languages
        given = codes or []
        return None if known is None else next((c for c in given if c.lower().split("-")[0] not in known), None)

    def unknown_voice(self, voice: str | VoiceId | None) -> str | None:
        """The voice's name if there is none of that name; else null."""
        known, name = self._data.abilities.voices, voice_name(voice)
        return None if known is None or name in known else name

    def voices(self) -> str:
        """The names of the voices there are, as a sentence lists them."""
        return errors.listed(sorted(self._data.abilities.voices or ()))

    # --- conversation

    def has_item(self, item_id: str | None) -> bool:
        """Whether the default conversation holds the item."""
        return item_id in self._data.conversation

    def knows_item(self, item_id: str | None) -> bool:
        """Whether the session has or is to have an item of that id, in the default conversation or out of band."""
        return self._data.conversation.knows(item_id)

    def has_call(self, call_id: str) -> bool:
        """Whether the default conversation holds the function call."""
        return call_id in call_ids(record.item for record in self._data.conversation.items())

    def speech_index(self, item_id: str) -> int:
        """Which part of an item holds its speech; the first when there are several."""
        return speech_index(self._data.conversation.records[item_id].item)

    def open_call(self, name: str) -> bool:
        """Whether the model has called the function and nobody has given the call its output yet."""
        items = [record.item for record in self._data.conversation.items()]
        given = {item.call_id for item in items if item.type == "function_call_output"}
        return any(item.type == "function_call" and item.name == name and item.call_id not in given for item in items)

    def transcript(self, item_id: str) -> str | None:
        """What was said in an item; null while it is not in words."""
        record = self._data.conversation.records.get(item_id)
        return transcript_of(record.item) if record is not None else None

    def item(self, item_id: str) -> Item:
        """The item as the client sees it. The session must have it."""
        return self._data.conversation.records[item_id].item

    def item_with_audio(self, item_id: str) -> Any:
        """The item with its audio, as `conversation.item.retrieved` shows it."""
        return item_with_audio(self._data.conversation.records[item_id], self._data.session)

    def previous_item_id(self, item_id: str) -> str | None:
        """The item before it in the conversation; null for the first, and for one out of band."""
        return self._data.conversation.previous(item_id)

    def spoken_ms(self, item_id: str, content_index: int) -> int | None:
        """How much the assistant has said in an item, in ms, rounded up; null when that part is no such audio."""
        record = self._data.conversation.records[item_id]
        if content_index != 0 or not record.audio:
            return None
        return int(-(-record.audio_ms // 1))

    # --- responses

    def live_response(self, response_id: str | None) -> str | None:
        """The response of that id while it runs; of the default conversation when no id is given."""
        if response_id is not None:
            return response_id if response_id in self._data.answers else None
        answers = self._data.answers.values()
        return next((a.response.id for a in answers if a.response.conversation_id is not None), None)

    def missing_reference(self, params: ResponseCreateParams | None) -> str | None:
        """The first item the client refers to that the session has never had."""
        given = (params.input if params else None) or []
        wanted = [item.id for item in given if item.type == "item_reference"]
        return next((item_id for item_id in wanted if item_id not in self._data.conversation.records), None)

    def wanted_modalities(self, params: ResponseCreateParams | None) -> list[str]:
        """What a response is to be made of: its own modalities, else the session's."""
        own = params.output_modalities if params else None
        return list(own or getattr(self._data.session, "output_modalities", None) or [])

    def unknown_call(self, params: ResponseCreateParams | None) -> str | None:
        """The first call that the client's own input answers and does not hold."""
        items = self._input_items(params)
        known = call_ids(items)
        answered = [item.call_id for item in items if item.type == "function_call_output"]
        return next((call_id for call_id in answered if call_id not in known), None)

    def repeated_call(self, params: ResponseCreateParams | None) -> str | None:
        """The first call that the client's own input holds twice."""
        known = call_ids(self._input_items(params))
        return next((call_id for at, call_id in enumerate(known) if call_id in known[:at]), None)

    def _input_items(self, params: ResponseCreateParams | None) -> list[Item]:
        given = (params.input if params else None) or []
        records = self._data.conversation.records
        return [records[item.id].item if item.type == "item_reference" else item for item in given]

    def unheard(self, response_id: str) -> str | None:
        """An item of the response's own input whose speech nobody has begun to transcribe."""
        records = self._data.answers[response_id].records or []
        return next((item_id_of(record.item) for record in records if record.unheard), None)

    def overflows(self, response_id: str) -> bool:
        """Whether the response's context is longer than the chat model may be given."""
        return overflows(self._data, self._data.answers[response_id])

    def words_ready(self, response_id: str) -> bool:
        """Whether everything said in the response's context is in words by now."""
        answer = self._data.answers[response_id]
        records = self._data.conversation.items() if answer.records is None else answer.records
        return not any(record.pending for record in records)

    def all_said(self, item_id: str) -> bool:
        """Whether nothing of an item's text is left to be spoken."""
        speech = self._data.speeches.get(item_id)
        return speech is None or speech.over

    def playback_seconds(self) -> float:
        """How long a client that plays at natural speed still has to play."""
        return max(0.0, self._data.playing_until - self._outbox.now)

    def heard_ms(self) -> float:
        """How much of the answer such a client has played by now; 0 before its first sound, and when it is over."""
        left = self.playback_seconds() * 1000
        if self._data.sounding not in self._data.answers and left == 0:
            return 0.0
        return max(0.0, self._data.sounded_ms - left)

    def user_speaks(self) -> bool:
        """Whether an utterance is under way that the detector will tell the end of; its pauses belong to it."""
        return self._data.input.voiced

    def fits_buffer(self, audio: bytes) -> bool:
        """Whether the input audio buffer has room for the audio."""
        buffer = self._data.input.buffer
        return buffer.buffered_ms + buffer.format.duration_ms(len(audio)) <= buffer.limit_seconds * 1000

    def rate_limits(self) -> list[RateLimit]:
        """What is left of the key's limits; empty while the profile sets none."""
        return list(self._data.rates.left())

    def spent_limit(self) -> RateLimit | None:
        """The limit that nothing is left of; of several the one that lasts longest."""
        spent = [limit for limit in self._data.rates.left() if limit.remaining == 0]
        return max(spent, key=lambda limit: limit.reset_seconds, default=None)


# --- pure


def text(pattern: str, *values: Any) -> str:
    """``pattern`` with each ``{}`` replaced by the next value. No other format syntax."""
    pieces = pattern.split("{}")
    filled = [pieces[0]]
    for piece, value in zip(pieces[1:], values, strict=True):
        filled += [str(value), piece]
    return "".join(filled)


def listed(*values: Any) -> str:
    """``'a' and 'b'``; ``'a', 'b', and 'c'``."""
    return errors.listed(values)


def shows_image(items: list[Any] | None) -> bool:
    """Whether one of the items holds an image."""
    return any(isinstance(part, InputImage) for item in items or () for part in getattr(item, "content", ()))


def as_list(value: str | None) -> list[str]:
    """A list of the value; empty for none."""
    return [] if value is None else [value]


def quoted(value: Any) -> str:
    """The value between single quotes."""
    return f"'{value}'"


def mentions(said: str | None, words: str) -> bool:
    """Whether the words occur in what was said, one after the other; case and punctuation do not matter."""
    heard, wanted = (re.findall(r"\w+", (text or "").casefold()) for text in (said, words))
    return bool(wanted) and any(heard[at : at + len(wanted)] == wanted for at in range(len(heard)))


def decimals(value: float, places: int) -> str:
    """The number with so many decimal places."""
    return f"{value:.{places}f}"


def minutes(seconds: float) -> int:
    """Seconds as whole minutes, rounded."""
    return round(seconds / 60)


def base64(audio: bytes) -> str:
    """Bytes as the API sends them."""
    return encode_audio(audio)


def message_kind(response: Response) -> str:
    """``spoken`` or ``written``, by the response's output modalities."""
    return "spoken" if "audio" in response.output_modalities else "written"


def voice_name(voice: str | VoiceId | None) -> str | None:
    """A voice as one string; null for none."""
    return None if voice is None else formats.voice_name(voice)


def logprobs(pairs: tuple[tuple[str, float], ...] | None) -> list[LogProb] | None:
    """Pairs of token and log probability in the API's shape."""
    if pairs is None:
        return None
    return [LogProb(token=token, logprob=value, bytes=list(token.encode())) for token, value in pairs]


def languages(code: str | None) -> list[TranscriptionLanguage] | None:
    """A language code in the API's shape; null for none."""
    return None if code is None else [TranscriptionLanguage(code=code)]


def transcription_error(type: str, code: str | None, message: str) -> TranscriptionError:
    """The error of `conversation.item.input_audio_transcription.failed`."""
    return TranscriptionError(type=type, code=code, message=message)


def transcription_usage(seconds: float) -> TranscriptionUsage:
    """The usage of a transcription: the seconds that were heard."""
    return TranscriptionDuration(seconds=seconds)


def unsupported_event(name: str) -> str:
    """The text for an event that is none of the API's over WebSocket."""
    return protocol_client.unsupported_event(name).message


PURE: Mapping[str, Callable[..., Any]] = {
    "abs": abs,
    "int": int,
    "len": len,
    "max": max,
    "min": min,
    "round": round,
    "str": str,
    "text": text,
    "quoted": quoted,
    "listed": listed,
    "shows_image": shows_image,
    "mentions": mentions,
    "decimals": decimals,
    "minutes": minutes,
    "base64": base64,
    "message_kind": message_kind,
    "cancelled": StatusDetails.cancelled,
    "incomplete": StatusDetails.incomplete,
    "failed": StatusDetails.failed,
    "needs_transcript": needs_transcript,
    "padding_ms": padding_ms,
    "list": as_list,
    "word_count": word_count,
    "completeness": completeness,
    "silence_ms": silence_ms,
    "voice_name": voice_name,
    "logprobs": logprobs,
    "languages": languages,
    "unsupported_event": unsupported_event,
    "transcription_error": transcription_error,
    "transcription_usage": transcription_usage,
    **PURE_OF_TOOLS,
}
"""Functions of their arguments alone."""

PLAIN: Mapping[str, str] = {
    "abs": "The number without its sign.",
    "int": "The number without its fraction; a text that is a whole number, as that number.",
    "len": "How many entries a list has, or characters a text.",
    "max": "The greatest of the values.",
    "min": "The least of the values.",
    "round": "The nearest whole number, or the nearest with so many decimal places.",
    "str": "The value as a text.",
}
"""What the functions of ``PURE`` do that are Python's own."""
