"""Between the items of the wire and what a record knows."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest

from rtengine.audio import g711
from rtengine.audio.buffer import AudioClip
from rtengine.audio.format import PCMU
from rtengine.protocol.errors import APIError
from rtengine.protocol.items import AssistantMessage, FunctionCall, Item, UserMessage
from rtengine.protocol.parts import InputAudio, InputText, OutputText
from rtengine.protocol.session import RealtimeSession
from rtengine.session.content import (
    check_audio,
    given_audio,
    given_text,
    in_words,
    item_with_audio,
    needs_transcript,
    set_status,
    set_transcript,
    show_text,
    speech_index,
    transcript_of,
)
from rtengine.session.conversation import Record

pytestmark = pytest.mark.unit

PCM = np.array([1, -2, 300, -400], dtype="<i2").tobytes()


def base64_of(audio: bytes) -> str:
    return base64.b64encode(audio).decode()


def session(input_format: str = "audio/pcm") -> RealtimeSession:
    return RealtimeSession.model_validate({"audio": {"input": {"format": {"type": input_format}}}})


def message(*parts: Any) -> UserMessage:
    return UserMessage(id="item_1", content=list(parts))


def test_the_speech_of_an_item_becomes_one_clip_and_leaves_the_item() -> None:
    item = message(InputText(text="x"), InputAudio(audio=base64_of(PCM)), InputAudio(audio=base64_of(PCM + b"\x07")))
    clip = given_audio(item, session())
    assert clip is not None
    assert (clip.pcm16, clip.rate, clip.start_ms) == (PCM + PCM, 24000, 0.0)
    assert clip.end_ms == pytest.approx(clip.duration_ms)
    assert [part.audio for part in item.content if isinstance(part, InputAudio)] == [None, None]
    assert given_audio(item, session()) is None


def test_the_speech_of_an_item_is_in_the_input_format_of_the_session() -> None:
    clip = given_audio(message(InputAudio(audio=base64_of(b"\x00\x80\xff"))), session("audio/pcmu"))
    assert clip is not None
    assert (clip.pcm16, clip.rate) == (g711.decode(b"\x00\x80\xff", "pcmu").astype("<i2").tobytes(), 8000)


def test_only_speech_without_words_needs_a_transcript() -> None:
    audio = base64_of(PCM)
    assert needs_transcript(message(InputAudio(audio=audio)))
    assert needs_transcript(message(InputAudio(audio=audio, transcript="a"), InputAudio(audio=audio)))
    assert not needs_transcript(message(InputAudio(audio=audio, transcript="a")))
    assert not needs_transcript(message(InputText(text="a")))
    assert not needs_transcript(AssistantMessage(id="item_1", content=[]))


def test_the_words_go_to_the_first_part_with_speech() -> None:
    item = message(InputText(text="x"), InputAudio(), InputAudio())
    assert speech_index(item) == 1
    assert transcript_of(item) is None
    set_transcript(item, "heard")
    assert transcript_of(item) == "heard"
    assert [part.transcript for part in item.content if isinstance(part, InputAudio)] == ["heard", ""]


@pytest.mark.parametrize(("kind", "named"), [("audio/pcm", "mono PCM16 at 24kHz"), ("audio/pcma", "mono G.711 A-law")])
def test_a_part_that_is_no_audio_is_refused_by_its_place_and_the_format_is_named(kind: str, named: str) -> None:
    assert in_words(session(kind)).startswith(named)
    with pytest.raises(APIError) as refused:
        check_audio(message(InputText(text="x"), InputAudio(audio="%%")), "item", session(kind))
    assert refused.value.param == "item.content[1].audio"
    assert named in refused.value.message
    check_audio(message(InputAudio(audio=base64_of(PCM)), InputAudio()), "item", session(kind))


@pytest.mark.parametrize(
    ("item", "text"),
    [
        (AssistantMessage(id="a", content=[OutputText(text="One "), OutputText(text="two")]), "One two"),
        (FunctionCall(id="c", name="f", call_id="call_1", arguments="{}"), "{}"),
        (message(InputText(text="x")), ""),
    ],
)
def test_the_text_a_client_gives_for_the_model(item: Item, text: str) -> None:
    assert given_text(item) == text


def test_what_an_answer_says_is_shown_in_the_kind_of_its_item() -> None:
    spoken = Record(AssistantMessage(id="a", content=[]), spoken=True, text="said")
    written = Record(AssistantMessage(id="b", content=[]), text="wrote")
    called = Record(FunctionCall(id="c", name="f", call_id="call_1", arguments=""), text="{}")
    for record in (spoken, written, called):
        show_text(record)
        set_status(record.item, "incomplete")
    assert spoken.item.wire()["content"] == [{"type": "output_audio", "transcript": "said"}]
    assert written.item.wire()["content"] == [{"type": "output_text", "text": "wrote"}]
    assert called.item.wire()["arguments"] == "{}"
    assert {record.item.wire()["status"] for record in (spoken, written, called)} == {"incomplete"}


def test_a_retrieved_item_brings_its_sound_at_the_part_that_holds_it() -> None:
    clip = AudioClip(PCM, 24000, 0.0, 4 / 24)
    item = item_with_audio(Record(message(InputText(text="x"), InputAudio(transcript="y")), clip=clip), session())
    assert item.wire()["content"][1]["audio"] == base64_of(PCM)
    assert "audio" not in item.wire()["content"][0]


def test_a_retrieved_answer_brings_its_sound_as_it_was_sent() -> None:
    record = Record(AssistantMessage(id="a", content=[]), format=PCMU, spoken=True)
    record.keep_audio(b"\x01\x02", 0.25, "Hi")
    record.keep_audio(b"\x03", 0.125, "")
    show_text(record)
    part = item_with_audio(record, session()).wire()["content"][0]
    assert (part["audio"], part["format"], part["transcript"]) == (base64_of(b"\x01\x02\x03"), "g711_ulaw", "Hi")
    assert record.item.wire()["content"] == [{"type": "output_audio", "transcript": "Hi"}]
