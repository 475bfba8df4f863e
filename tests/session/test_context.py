"""What the chat model is given of a conversation."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtengine.protocol.items import (
    AssistantMessage,
    FunctionCall,
    FunctionCallOutput,
    Item,
    SystemMessage,
    UserMessage,
)
from rtengine.protocol.parts import InputAudio, InputImage, InputText
from rtengine.protocol.session import RealtimeSession
from rtengine.session.context import UNHEARD, content, messages, newest, room, size, tokens
from rtengine.session.conversation import Record
from rtengine.session.usage import LOW_IMAGE_TOKENS

pytestmark = pytest.mark.unit

CALL_IDS = st.sampled_from(["call_1", "call_2", "call_3", "call_4"])


def user(text: str) -> Record:
    return Record(UserMessage(id="u", content=[InputText(text=text)]))


def assistant(text: str) -> Record:
    return Record(AssistantMessage(id="a", content=[]), text=text)


def call(call_id: str) -> Record:
    return Record(FunctionCall(id="c", name="f", call_id=call_id, arguments=""), text='{"x":1}')


def output(call_id: str) -> Record:
    return Record(FunctionCallOutput(id="o", call_id=call_id, output="done"))


RECORDS = st.lists(
    st.one_of(
        st.text(max_size=40).map(user),
        st.text(max_size=40).map(assistant),
        CALL_IDS.map(call),
        CALL_IDS.map(output),
    ),
    max_size=25,
)


def spoken(*parts: Any) -> Item:
    return UserMessage(id="u", content=list(parts))


@pytest.mark.parametrize(
    ("item", "text", "expected"),
    [
        (spoken(InputText(text="one"), InputText(text="two")), "", {"role": "user", "content": "one\ntwo"}),
        (spoken(InputAudio(transcript="heard")), "", {"role": "user", "content": "heard"}),
        (spoken(InputAudio()), "", {"role": "user", "content": UNHEARD}),
        (spoken(InputAudio(transcript="")), "", {"role": "user", "content": UNHEARD}),
        (spoken(InputAudio(), InputAudio()), "", {"role": "user", "content": UNHEARD}),
        (spoken(InputAudio(transcript="both"), InputAudio(transcript="")), "", {"role": "user", "content": "both"}),
        (spoken(InputText(text="see"), InputAudio(transcript="this")), "", {"role": "user", "content": "see\nthis"}),
        (SystemMessage(id="s", content=[InputText(text="rule")]), "", {"role": "system", "content": "rule"}),
        (AssistantMessage(id="a", content=[]), "said", {"role": "assistant", "content": "said"}),
    ],
)
def test_every_item_is_read_as_its_message(item: Item, text: str, expected: dict[str, Any]) -> None:
    assert messages("", [Record(item, text=text)]) == (expected,)


def test_an_answer_that_said_nothing_is_not_read() -> None:
    assert messages("", [assistant("")]) == ()


def test_images_make_a_list_of_parts() -> None:
    image = InputImage(image_url="data:image/png;base64,aGk=", detail="low")
    (message,) = messages("", [Record(spoken(InputText(text="see"), image))])
    assert message["content"] == [
        {"type": "text", "text": "see"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk=", "detail": "low"}},
    ]


def test_words_and_images_of_one_item_both_take_room() -> None:
    image = InputImage(image_url="data:image/png;base64,aGk=", detail="low")
    words = "What is on this picture?"
    seen = Record(spoken(InputText(text=words), image))
    (message,) = messages("", [seen])
    assert size(message) >= size({"content": words})
    assert tokens([seen]) == size(message) + LOW_IMAGE_TOKENS


def test_the_instructions_come_first_and_none_are_no_message() -> None:
    assert messages("Be brief.", [user("Hi")])[0] == {"role": "system", "content": "Be brief."}
    assert [message["role"] for message in messages("", [user("Hi")])] == ["user"]


def test_calls_of_one_answer_stand_in_its_message_and_their_outputs_right_after_it() -> None:
    history = [user("?"), assistant("Let me see."), call("call_1"), call("call_2"), user("Quick!"), output("call_2")]
    read = messages("", [*history, output("call_1"), output("call_gone"), assistant("So it is.")])
    assert [message["role"] for message in read] == ["user", "assistant", "tool", "tool", "user", "assistant"]
    assert read[1]["content"] == "Let me see."
    assert [each["id"] for each in read[1]["tool_calls"]] == ["call_1", "call_2"]
    assert [message["tool_call_id"] for message in read[2:4]] == ["call_1", "call_2"]


@pytest.mark.property
@given(RECORDS)
def test_every_call_has_just_one_output_and_every_output_its_call_right_before_it(records: list[Record]) -> None:
    read = messages("", records)
    waiting: list[str] = []
    for message in read:
        if message["role"] == "tool":
            assert waiting.pop(0) == message["tool_call_id"]
        else:
            assert not waiting
            waiting = [each["id"] for each in message.get("tool_calls", [])]
    assert not waiting
    words = [content(record) for record in records if isinstance(record.item, UserMessage)]
    assert [message["content"] for message in read if message["role"] == "user"] == words


@pytest.mark.property
@given(RECORDS, st.integers(-50, 400))
def test_the_newest_records_are_a_tail_that_fits_and_takes_all_it_can(records: list[Record], limit: int) -> None:
    kept = newest(records, limit)
    assert kept == (records[-len(kept) :] if kept else [])
    assert bool(kept) == bool(records)
    assert tokens(kept) <= limit or len(kept) <= 1
    if len(kept) < len(records) and tokens(kept) <= limit:
        assert tokens(records[-len(kept) - 1 :]) > limit


@pytest.mark.parametrize(
    ("truncation", "expected"),
    [
        ("auto", (1000, 1000)),
        ("disabled", (1000, 1000)),
        ({"type": "retention_ratio", "retention_ratio": 0.5}, (1000, 500)),
        ({"type": "retention_ratio", "retention_ratio": 0.5, "token_limits": {"post_instructions": 300}}, (300, 150)),
        ({"type": "retention_ratio", "retention_ratio": 1, "token_limits": {"post_instructions": 9000}}, (1000, 1000)),
    ],
)
def test_the_room_follows_the_truncation_of_the_session(truncation: Any, expected: tuple[int, int]) -> None:
    space = room(RealtimeSession.model_validate({"truncation": truncation}), "", 1000)
    assert (space.tokens, space.retained) == expected


def test_instructions_take_their_part_of_the_room() -> None:
    instructions = "Speak in rhymes, and never of the weather."
    assert room(RealtimeSession(), instructions, 1000).tokens == 1000 - size({"content": instructions})
