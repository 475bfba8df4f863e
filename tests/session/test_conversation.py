"""The conversation: its order, and what is left of an answer once it is cut to what was heard."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.scenario import World
from tests.session.machines import MACHINES

from rtengine.audio.format import PCM_24K, PCMA, PCMU, AudioFormat
from rtengine.protocol.items import AssistantMessage
from rtengine.session.conversation import Conversation, Record, item_id_of, whole_words

pytestmark = pytest.mark.unit

FORMATS = (PCM_24K, PCMU, PCMA)
PIECES = st.lists(
    st.tuples(st.text("abc déß好。 ,.", max_size=30), st.integers(0, 1500), st.integers(1, 3)), min_size=1, max_size=5
)


def spoken(format: AudioFormat, pieces: list[tuple[str, int, int]]) -> Record:
    """An answer of clauses (text, ms, number of chunks), each sample of which is different from its neighbours."""
    record = Record(AssistantMessage(id="item_1", content=[]), format=format, spoken=True)
    at = 0
    for text, ms, chunks in pieces:
        for chunk in range(chunks):
            size = int(ms * format.bytes_per_ms)
            audio = bytes((at + i) % 251 for i in range(size))
            at += size
            record.keep_audio(audio, float(ms), "" if chunk else text)
    return record


@pytest.mark.property
@given(st.sampled_from(FORMATS), PIECES, st.integers(0, 9000), st.integers(0, 9000))
def test_a_cut_keeps_whole_samples_and_never_more_words_than_were_heard(
    format: AudioFormat, pieces: list[tuple[str, int, int]], one: int, other: int
) -> None:
    sooner, later = sorted((one, other))
    whole = spoken(format, pieces)
    audio = b"".join(whole.audio)
    texts = []
    for end_ms in (sooner, later):
        record = spoken(format, pieces)
        record.cut(end_ms)
        kept = b"".join(record.audio)
        assert kept == audio[: int(end_ms * format.bytes_per_ms)]
        assert len(kept) % format.bytes_per_sample == 0
        assert record.audio_bytes == len(kept)
        assert record.audio_ms == min(whole.audio_ms, end_ms)
        assert whole.text.startswith(record.text)
        assert len(record.text) <= heard_characters(whole, end_ms) + 1e-6
        assert record.text == "".join(span.text for span in record.spans)
        texts.append(record.text)
    assert texts[1].startswith(texts[0])


def heard_characters(record: Record, end_ms: float) -> float:
    """How many characters are said by then, when every clause is said at an even pace."""
    heard, left = 0.0, end_ms
    for span in record.spans:
        if left <= 0:
            break
        heard += len(span.text) * min(1.0, left / span.audio_ms if span.audio_ms else 1.0)
        left -= span.audio_ms
    return heard


@given(st.sampled_from(FORMATS), PIECES, st.integers(0, 9000), st.integers(0, 9000))
def test_two_cuts_are_the_shorter_one(
    format: AudioFormat, pieces: list[tuple[str, int, int]], one: int, other: int
) -> None:
    once, twice = spoken(format, pieces), spoken(format, pieces)
    once.cut(min(one, other))
    twice.cut(max(one, other))
    twice.cut(min(one, other))
    assert b"".join(once.audio) == b"".join(twice.audio)
    assert once.text.startswith(twice.text)  # what was dropped by the first cut is never said again


def test_after_a_cut_nothing_is_added() -> None:
    record = spoken(PCM_24K, [("One two", 700, 1)])
    record.cut(700)
    record.keep_audio(bytes(4800), 100.0, " three")
    assert (record.text, record.audio_ms) == ("One two", 700)


@pytest.mark.parametrize(
    ("text", "share", "heard"),
    [
        ("one two three", 0.0, ""),
        ("one two three", 0.2, ""),
        ("one two three", 0.24, "one"),
        ("one two three", 0.5, "one"),
        ("one two three", 0.54, "one two"),
        ("one two three", 0.99, "one two"),
        ("one two three", 1.0, "one two three"),
        (" and so", 0.5, ""),
        ("long", 0.9, ""),
        ("今日は晴れです。", 0.5, "今日は晴"),
        ("今日はGPTです。", 0.5, "今日は"),
        ("", 0.5, ""),
    ],
)
def test_a_word_cut_off_was_not_heard(text: str, share: float, heard: str) -> None:
    assert whole_words(text, share) == heard


def item(item_id: str) -> Record:
    return Record(AssistantMessage(id=item_id, content=[]))


def test_items_are_inserted_where_the_client_says() -> None:
    conversation = Conversation("conv_1")
    for item_id, after in (("b", None), ("d", None), ("a", "root"), ("c", "b")):
        conversation.add(item(item_id), after)
    assert conversation.order == ["a", "b", "c", "d"]
    assert [conversation.previous(item_id) for item_id in conversation.order] == [None, "a", "b", "c"]
    conversation.take_out("b")
    conversation.forget("b")
    assert conversation.previous("c") == "a"
    assert "b" not in conversation


def test_an_item_out_of_band_can_be_referred_to_and_is_not_in_the_conversation() -> None:
    conversation = Conversation("conv_1")
    conversation.add_outside(item("aside"))
    assert "aside" not in conversation
    assert conversation.previous("aside") is None
    assert conversation.items() == []
    assert "aside" in conversation.records


def test_input_that_nobody_can_refer_to_goes_with_its_response() -> None:
    world = World(MACHINES)
    said = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Is this polite?"}]}
    asked = {"conversation": "none", "output_modalities": ["text"], "input": [said, {**said, "id": "item_named"}]}
    world.client({"type": "response.create", "response": asked})
    world.result(text="Yes.", done="stop")
    answer = world.sent[-2]["response"]["output"][0]["id"]
    assert sorted(world.session.data.conversation.records) == sorted(["item_named", answer])


@given(st.lists(st.tuples(st.sampled_from(["root", "end", "after"]), st.integers(0, 99)), max_size=30))
def test_every_item_is_in_the_order_once(steps: list[tuple[str, int]]) -> None:
    conversation = Conversation("conv_1")
    for number, (place, choice) in enumerate(steps):
        before = list(conversation.order)
        after = "root" if place == "root" else before[choice % number] if place == "after" and number else None
        conversation.add(item(f"item_{number}"), after)
        expected = before[-1] if after is None and before else after
        assert conversation.previous(f"item_{number}") == (None if expected == "root" else expected)
    assert sorted(conversation.order) == sorted(conversation.records)
    assert [item_id_of(record.item) for record in conversation.items()] == conversation.order


def test_an_item_without_an_id_enters_no_conversation() -> None:
    with pytest.raises(ValueError, match="has an id before"):
        Conversation("conv_1").add(Record(AssistantMessage(content=[])))
