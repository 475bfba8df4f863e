"""How much of an answer a client that plays at natural speed has heard."""

from __future__ import annotations

import pytest
from tests.scenario import World
from tests.session.machines import MACHINES

from rtengine.session.functions import Functions

pytestmark = pytest.mark.unit


@pytest.fixture
def world() -> World:
    return World(MACHINES)


def heard(world: World) -> tuple[float, float]:
    """Milliseconds that have been heard, seconds that are still to come."""
    session = world.session
    functions = Functions(session.data, session._outbox)
    return functions.heard_ms(), functions.playback_seconds()


def answer(world: World, text: str, **saying: int) -> None:
    world.client({"type": "response.create"})
    world.result(text=text, done="stop")
    world.speak(**saying)


def test_nothing_is_heard_before_the_first_answer(world: World) -> None:
    assert heard(world) == (0, 0)


def test_an_answer_is_heard_at_the_speed_of_speech_until_it_is_over(world: World) -> None:
    answer(world, "Twenty characters ab")  # 50 ms each
    assert heard(world) == (0, 1)
    world.advance(0.25)
    world.client({"type": "conversation.item.create", "item": SYSTEM})
    assert heard(world) == pytest.approx((250, 0.75))
    world.advance(1.0)
    world.client({"type": "conversation.item.create", "item": SYSTEM})
    assert heard(world) == (0, 0)


def test_a_voice_that_falls_behind_is_not_counted_as_heard(world: World) -> None:
    answer(world, "Twenty characters ab", clauses=1, unfinished=True)
    world.advance(5.0)
    world.client({"type": "conversation.item.create", "item": SYSTEM})
    assert heard(world) == (1000, 0)
    world.speak()
    assert heard(world) == (1000, 1)


def test_the_next_answer_is_heard_when_the_one_before_it_is_over(world: World) -> None:
    answer(world, "Twenty characters ab")
    answer(world, "Forty characters, or twice as many as it")
    world.advance(0.5)
    world.client({"type": "conversation.item.create", "item": SYSTEM})
    assert heard(world) == pytest.approx((0, 2.5))
    world.advance(0.75)
    world.client({"type": "conversation.item.create", "item": SYSTEM})
    assert heard(world) == pytest.approx((250, 1.75))


def test_what_is_said_out_of_band_is_no_answer(world: World) -> None:
    world.client({"type": "response.create", "response": {"conversation": "none"}})
    world.result(text="Beside it", done="stop")
    world.speak()
    assert heard(world)[0] == 0


SYSTEM = {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "x"}]}
"""An event that changes nothing here: time passes for a session when something is told to it."""
