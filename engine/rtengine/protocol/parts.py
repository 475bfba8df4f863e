"""Content parts: of items (``input_text``, ``output_audio`` …) and of response events (``text``, ``audio``).

Audio that a client sends in a part is read, and never sent back but in ``conversation.item.retrieved``:
``audio`` of the ordinary parts is left out of their wire form, the ``Retrieved`` parts have it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, Tag

from rtengine.protocol.wire import NullTolerantModel, Omit, WireModel, one_of

# --- parts of items -------------------------------------------------------------------------------------------------


class InputText(NullTolerantModel):
    type: Literal["input_text"] = "input_text"
    text: str


class InputAudio(NullTolerantModel):
    """Speech of the user. ``transcript`` stays null in events; the transcript has events of its own."""

    type: Literal["input_audio"] = "input_audio"
    audio: str | None = Field(None, exclude=True, repr=False)
    """Base64, in the session's input format; only in what a client sends."""
    transcript: str | None = None
    """Always on the wire: agents-js reads the key."""


class InputImage(NullTolerantModel):
    type: Literal["input_image"] = "input_image"
    image_url: str = Field(repr=False)
    """A PNG or JPEG as a data URI."""
    detail: Omit[Literal["auto", "low", "high"]] = None


class OutputText(NullTolerantModel):
    type: Literal["output_text"] = "output_text"
    text: str


class OutputAudioPart(NullTolerantModel):
    """What the assistant said."""

    type: Literal["output_audio"] = "output_audio"
    audio: str | None = Field(None, exclude=True, repr=False)
    transcript: Omit[str] = None


SystemPart = Annotated[Annotated[InputText, Tag("$input_text")], one_of("type", "input_text")]
UserPart = Annotated[
    Annotated[InputText, Tag("$input_text")]
    | Annotated[InputAudio, Tag("$input_audio")]
    | Annotated[InputImage, Tag("$input_image")],
    one_of("type", "input_text", "input_audio", "input_image"),
]
AssistantPart = Annotated[
    Annotated[OutputText, Tag("$output_text")] | Annotated[OutputAudioPart, Tag("$output_audio")],
    one_of("type", "output_text", "output_audio"),
]


# --- parts of retrieved items ---------------------------------------------------------------------------------------


class RetrievedInputAudio(NullTolerantModel):
    type: Literal["input_audio"] = "input_audio"
    audio: Omit[str] = Field(None, repr=False)
    transcript: str | None = None
    format: Omit[str] = None
    """``pcm16``, ``g711_ulaw`` or ``g711_alaw``: the real server names it so here."""


class RetrievedOutputAudio(NullTolerantModel):
    type: Literal["output_audio"] = "output_audio"
    audio: Omit[str] = Field(None, repr=False)
    transcript: Omit[str] = None
    format: Omit[str] = None


RetrievedUserPart = Annotated[
    Annotated[InputText, Tag("$input_text")]
    | Annotated[RetrievedInputAudio, Tag("$input_audio")]
    | Annotated[InputImage, Tag("$input_image")],
    one_of("type", "input_text", "input_audio", "input_image"),
]
RetrievedAssistantPart = Annotated[
    Annotated[OutputText, Tag("$output_text")] | Annotated[RetrievedOutputAudio, Tag("$output_audio")],
    one_of("type", "output_text", "output_audio"),
]


# --- parts of response events ---------------------------------------------------------------------------------------


class TextPart(WireModel):
    """``response.content_part.*`` says ``text`` where the item says ``output_text``."""

    type: Literal["text"] = "text"
    text: str = ""


class AudioPart(WireModel):
    """``response.content_part.*`` says ``audio`` where the item says ``output_audio``."""

    type: Literal["audio"] = "audio"
    transcript: str = ""


ContentPart = Annotated[
    Annotated[TextPart, Tag("$text")] | Annotated[AudioPart, Tag("$audio")], one_of("type", "text", "audio")
]
