"""Token counts: what a response tells, and that it adds up however it ends."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.scenario import World
from tests.session.machines import MACHINES
from tests.usage import check_sums

from rtengine.audio.buffer import AudioClip
from rtengine.models.jobs import GenerateDone
from rtengine.protocol.items import UserMessage
from rtengine.protocol.parts import InputImage
from rtengine.session.conversation import Record
from rtengine.session.usage import IMAGE_TOKENS, LOW_IMAGE_TOKENS, Tally

pytestmark = pytest.mark.unit

COUNT = st.integers(0, 10**7)
IMAGE = "data:image/png;base64,aGk="


def heard(ms: int) -> Record:
    return Record(UserMessage(id="item_1", content=[]), clip=AudioClip(bytes(2 * ms), 1000, 0.0, ms))


def seen(*details: Any) -> Record:
    return Record(UserMessage(id="item_2", content=[InputImage(image_url=IMAGE, detail=each) for each in details]))


@pytest.mark.property
@given(COUNT, st.integers(0, 10**5), st.floats(0, 10**7), st.tuples(COUNT, COUNT, COUNT), st.booleans(), st.booleans())
def test_counts_add_up(
    text: int, heard_ms: int, spoken_ms: float, told: tuple[int, int, int], done: bool, failed: bool
) -> None:
    tally = Tally()
    tally.read(text, [heard(heard_ms), seen("low", "auto")])
    tally.output_audio_ms = spoken_ms
    if done:
        tally.counted(GenerateDone("stop", *told))
    tally.produced([], failed=failed)
    check_sums(tally.usage().wire())


def test_audio_counts_by_its_length() -> None:
    tally = Tally()
    tally.read(7, [heard(1500), heard(240)])
    tally.output_audio_ms = 2050
    tally.counted(GenerateDone("stop", 30, 9, 12))
    usage = tally.usage()
    assert (usage.input_token_details.audio_tokens, usage.output_token_details.audio_tokens) == (17, 41)
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (47, 50, 97)
    assert usage.input_token_details.cached_tokens == 12


def test_images_are_part_of_what_the_model_has_counted() -> None:
    tally = Tally()
    tally.read(10, [seen("low", "high", None)])
    tally.counted(GenerateDone("stop", 3000, 1))
    details = tally.usage().input_token_details
    assert details.image_tokens == LOW_IMAGE_TOKENS + 2 * IMAGE_TOKENS
    assert details.text_tokens == 3000 - details.image_tokens


def test_a_model_that_tells_no_counts_leaves_the_estimate() -> None:
    tally = Tally()
    tally.read(10, [])
    tally.counted(GenerateDone("stop"))
    tally.produced([Record(UserMessage(content=[]), text="twelve chars")], failed=False)
    usage = tally.usage()
    assert (usage.input_tokens, usage.output_tokens) == (10, 3)


def test_a_response_that_fails_before_it_brings_anything_has_used_nothing() -> None:
    tally = Tally()
    tally.read(10, [heard(1000)])
    tally.produced([], failed=True)
    assert tally.usage().total_tokens == 0


def ended(world: World) -> dict[str, Any]:
    return next(event["response"] for event in world.everything if event["type"] == "response.done")


def test_a_cancelled_response_tells_what_it_has_read_and_written() -> None:
    world = World(MACHINES, {"instructions": "Be brief, be kind.", "output_modalities": ["text"]})
    world.client({"type": "response.create"})
    world.result(text="Eight ch")
    world.client({"type": "response.cancel"})
    usage = ended(world)["usage"]
    check_sums(usage)
    assert usage["input_token_details"]["text_tokens"] == len("Be brief, be kind.") // 4 + 1 + 4
    assert usage["output_token_details"]["text_tokens"] == 2


def test_what_was_spoken_counts_even_when_the_client_has_cut_it_off() -> None:
    world = World(MACHINES)
    world.client({"type": "response.create"})
    world.result(text="One sentence. And another. ")
    world.speak(1)
    spoken_ms = sum(record.audio_ms for record in world.session.data.conversation.items())
    item_id = world.session.data.conversation.order[-1]
    cut = {"type": "conversation.item.truncate", "item_id": item_id, "content_index": 0, "audio_end_ms": 100}
    world.client(cut)
    world.client({"type": "response.cancel"})
    usage = ended(world)["usage"]
    check_sums(usage)
    assert usage["output_token_details"]["audio_tokens"] == spoken_ms / 50 > 2


def test_only_what_the_model_reads_is_counted_as_heard() -> None:
    world = World(MACHINES, {"output_modalities": ["text"], "audio": {"input": {"turn_detection": None}}})
    world.audio(2000)
    world.client({"type": "input_audio_buffer.commit"})
    world.result(transcript="Hello.")
    world.client({"type": "response.create", "response": {"conversation": "none", "input": []}})
    world.result(done="stop")
    assert ended(world)["usage"]["input_token_details"]["audio_tokens"] == 0
    world.client({"type": "response.create"})
    world.result(done="stop")
    last = [event["response"] for event in world.everything if event["type"] == "response.done"][-1]
    assert last["usage"]["input_token_details"]["audio_tokens"] == 20
