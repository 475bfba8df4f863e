"""Between the items of the wire and what a record knows: text, transcripts, audio."""

from __future__ import annotations

from rtengine.audio.buffer import AudioClip
from rtengine.audio.format import PCM_24K
from rtengine.audio.resample import resample
from rtengine.protocol.codec import decode_audio, encode_audio
from rtengine.protocol.ids import Ids
from rtengine.protocol.items import (
    AssistantMessage,
    FunctionCall,
    FunctionCallOutput,
    Item,
    ItemStatus,
    McpApprovalRequest,
    McpCall,
    RetrievedItem,
    SystemMessage,
    UserMessage,
    retrieved,
)
from rtengine.protocol.parts import InputAudio, OutputAudioPart, OutputText
from rtengine.protocol.session import Session
from rtengine.session.conversation import Record
from rtengine.session.input_audio import audio_format


def given_text(item: Item) -> str:
    """The text a client's item brings for the model: an assistant message, or the arguments of a call."""
    if isinstance(item, FunctionCall | McpCall | McpApprovalRequest):
        return item.arguments
    if isinstance(item, AssistantMessage):
        return "".join(part.text for part in item.content if isinstance(part, OutputText))
    return ""


def give_call_id(item: Item, ids: Ids) -> None:
    """A client may leave out the id of a call; its output cannot do without."""
    if isinstance(item, FunctionCall) and item.call_id is None:
        item.call_id = ids.new("call")


def spoken_parts(item: Item) -> list[InputAudio]:
    if not isinstance(item, UserMessage):
        return []
    return [part for part in item.content if isinstance(part, InputAudio)]


def needs_transcript(item: Item) -> bool:
    """Whether an item brings speech without its words."""
    return any(part.audio and not part.transcript for part in spoken_parts(item))


def check_audio(item: Item, where: str, session: Session) -> None:
    """Raises APIError when a part of the item at ``where`` holds audio that is no base64."""
    for at, part in enumerate(getattr(item, "content", [])):
        if isinstance(part, InputAudio) and part.audio is not None:
            decode_audio(part.audio, param=f"{where}.content[{at}].audio", encoding=in_words(session))


def given_audio(item: Item, session: Session) -> AudioClip | None:
    """The speech of a client's item, as PCM16 on a clock of its own. It is taken out of the item: once is enough."""
    wire_format = audio_format(session)
    heard: list[bytes] = []
    for part in spoken_parts(item):
        if part.audio:
            audio = whole(decode_audio(part.audio), wire_format.bytes_per_sample)
            heard.append(wire_format.decode(audio).tobytes())
            part.audio = None
    if not heard:
        return None
    pcm16 = b"".join(heard)
    return AudioClip(pcm16, wire_format.rate, 0.0, len(pcm16) / 2 / wire_format.rate * 1000)


def in_words(session: Session) -> str:
    """The input format as error messages name it."""
    wire_format = audio_format(session)
    names = {"pcm": "PCM16", "pcmu": "G.711 u-law", "pcma": "G.711 A-law"}
    return f"mono {names[wire_format.encoding]} at {wire_format.rate // 1000}kHz"


def pcm_rate(session: Session) -> int:
    """Of PCM16 in this session: the API's rate, unless the input has another."""
    wire_format = audio_format(session)
    return wire_format.rate if wire_format.encoding == "pcm" else PCM_24K.rate


def whole(audio: bytes, sample: int) -> bytes:
    """Without half a sample at the end."""
    return audio[: len(audio) // sample * sample]


def speech_index(item: Item) -> int:
    """Which part of an item holds its speech; the first of them when there are several."""
    return next((at for at, part in enumerate(getattr(item, "content", [])) if isinstance(part, InputAudio)), 0)


def transcript_of(item: Item) -> str | None:
    """The words of an item's speech; None while there are none."""
    return next((part.transcript for part in spoken_parts(item) if part.transcript is not None), None)


def set_transcript(item: Item, transcript: str) -> None:
    """All speech of an item is transcribed as one: the words go to its first part, and the others have none."""
    for at, part in enumerate(spoken_parts(item)):
        part.transcript = transcript if at == 0 else ""


def set_status(item: Item, status: ItemStatus) -> None:
    if isinstance(item, AssistantMessage | FunctionCall):
        item.status = status


def default_status(item: Item) -> None:
    """A client's item is complete unless the client says otherwise; the API's items of MCP servers have no status."""
    if isinstance(item, SystemMessage | UserMessage | AssistantMessage | FunctionCall | FunctionCallOutput):
        item.status = item.status or "completed"


def show_text(record: Record) -> None:
    """Write what an answer says so far into the item the client sees."""
    item = record.item
    if isinstance(item, FunctionCall | McpCall | McpApprovalRequest):
        item.arguments = record.text
    elif isinstance(item, AssistantMessage):
        item.content = [OutputAudioPart(transcript=record.text) if record.spoken else OutputText(text=record.text)]


WIRE_NAMES = {"pcm": "pcm16", "pcmu": "g711_ulaw", "pcma": "g711_alaw"}
"""How retrieved items name an encoding."""


def item_with_audio(record: Record, session: Session) -> RetrievedItem:
    """The item as `conversation.item.retrieved` shows it: with its sound, in the session's PCM16 or as it was sent."""
    if record.clip is not None:
        first = speech_index(record.item)
        pcm16 = resample(record.clip.samples(), record.clip.rate, pcm_rate(session)).tobytes()
        return retrieved(record.item, {first: encode_audio(pcm16)})
    if record.audio:
        return retrieved(record.item, {0: encode_audio(b"".join(record.audio))}, WIRE_NAMES[record.format.encoding])
    return retrieved(record.item, {})
