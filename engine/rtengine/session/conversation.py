"""The conversation: its items in order, with the sound and the words behind them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from unicodedata import east_asian_width

from rtengine.audio.buffer import AudioClip
from rtengine.audio.format import PCM_24K, AudioFormat
from rtengine.protocol.items import Item


@dataclass(slots=True)
class Span:
    """A clause and the audio that says it."""

    text: str
    audio_ms: float


@dataclass(slots=True)
class Record:
    """One item of the session, and what the wire does not show of it."""

    item: Item
    clip: AudioClip | None = None
    """What the user said, as PCM16."""
    pending: bool = False
    """The words are still to come. The chat model reads them even when the client did not ask for a transcription."""
    unheard: bool = False
    """No transcription has been started yet."""
    truncated: bool = False
    """The client has stopped playing: what is still produced will not be heard."""
    spoken: bool = False
    """An answer that is said, not written."""
    audio: list[bytes] = field(default_factory=list)
    """What the answer sounds like, in the format it was sent in."""
    audio_bytes: int = 0
    format: AudioFormat = PCM_24K
    """Of ``audio``."""
    voice: str = ""
    """Of ``audio``."""
    spans: list[Span] = field(default_factory=list)
    text: str = ""
    """What the answer says: spoken words, written text or function arguments."""
    own: bool = False
    """The model's call of a function that the server runs itself."""
    function: str = ""
    """Name of the tool of an MCP server as the chat model knows it."""
    passing: bool = False
    """Given to one response alone, under an id that nobody was told: it goes with the response."""

    @property
    def audio_ms(self) -> float:
        return self.format.duration_ms(self.audio_bytes)

    def keep_audio(self, audio: bytes, duration_ms: float, text: str) -> None:
        if self.truncated:
            return
        self.audio.append(audio)
        self.audio_bytes += len(audio)
        if text or not self.spans:
            self.spans.append(Span(text, 0.0))
            self.text += text
        self.spans[-1].audio_ms += duration_ms

    def cut(self, audio_end_ms: float) -> None:
        """Keep the first ``audio_end_ms`` of the audio, and only the words that are heard in it."""
        self.truncated = True
        sample = self.format.bytes_per_sample
        end = int(audio_end_ms * self.format.bytes_per_ms) // sample * sample
        kept = b"".join(self.audio)[:end]
        self.audio, self.audio_bytes = [kept], len(kept)
        left, spans = audio_end_ms, []
        for span in self.spans:
            if left <= 0:
                break
            heard = span.text if left >= span.audio_ms else whole_words(span.text, left / span.audio_ms)
            spans.append(Span(heard, min(left, span.audio_ms)))
            left -= span.audio_ms
        self.spans = spans
        self.text = "".join(span.text for span in spans)


def whole_words(text: str, share: float) -> str:
    """The words of a clause that lie whole in its first ``share``, at an even pace. A word cut off was not heard."""
    end = int(len(text) * share)
    while 0 < end < len(text) and not (text[end].isspace() or is_word(text[end]) or is_word(text[end - 1])):
        end -= 1
    return text[:end]


def is_word(char: str) -> bool:
    """Whether a character stands for itself, as those of Chinese and Japanese do, which have no spaces."""
    return east_asian_width(char) in "WF"


class Conversation:
    """Every item of the session. ``order`` holds those of the default conversation; others can be referred to."""

    __slots__ = ("id", "order", "records", "reserved")

    def __init__(self, id: str) -> None:
        self.id = id
        self.order: list[str] = []
        self.records: dict[str, Record] = {}
        self.reserved = ""
        """Id of the turn under way: the client knows it, and no item has it yet."""

    def __contains__(self, item_id: object) -> bool:
        return item_id in self.records and item_id in self.order

    def knows(self, item_id: str | None) -> bool:
        """Whether the id is taken: by an item, wherever it is, or by one that is to come."""
        return item_id in self.records or (item_id is not None and item_id == self.reserved)

    @property
    def voice(self) -> str | None:
        """The voice that was heard last; null while nothing has been said."""
        return next((record.voice for record in reversed(self.records.values()) if record.audio), None)

    def add(self, record: Record, after: str | None = None) -> None:
        """Append, or insert after an item; ``root`` is the place before the first."""
        item_id = item_id_of(record.item)
        self.records[item_id] = record
        if after is None:
            self.order.append(item_id)
        else:
            self.order.insert(0 if after == "root" else self.order.index(after) + 1, item_id)

    def add_outside(self, record: Record) -> None:
        """Keep an item that is not part of the conversation: the output of an out-of-band response."""
        self.records[item_id_of(record.item)] = record

    def take_out(self, item_id: str) -> None:
        """The item is no part of the conversation any longer, but is still kept."""
        self.order.remove(item_id)

    def forget(self, item_id: str) -> None:
        """Drop what is kept of an item outside the conversation."""
        del self.records[item_id]

    def previous(self, item_id: str) -> str | None:
        """The item before ``item_id``; null for the first and for items outside the conversation."""
        if item_id not in self.order:
            return None
        place = self.order.index(item_id)
        return self.order[place - 1] if place else None

    def items(self) -> list[Record]:
        return [self.records[item_id] for item_id in self.order]


def call_ids(items: Iterable[Item]) -> list[str]:
    """The ids of the function calls among some items."""
    return [item.call_id for item in items if item.type == "function_call" and item.call_id is not None]


def item_id_of(item: Item) -> str:
    item_id = item.id
    if item_id is None:
        raise ValueError("an item has an id before it enters the conversation")
    return item_id
