from __future__ import annotations

import re

import pytest

from rtengine.protocol.ids import Ids

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("kind", "length"), [("event", 21), ("item", 21), ("resp", 21), ("conv", 21), ("sess", 21), ("call", 16)]
)
def test_an_id_has_the_shape_of_the_api(kind: str, length: int) -> None:
    assert re.fullmatch(rf"{kind}_[0-9A-Za-z]{{{length}}}", Ids(1).new(kind))


def test_a_seed_fixes_the_sequence() -> None:
    first, second, other = Ids(7), Ids(7), Ids(8)
    sequence = [first.new(kind) for kind in ("event", "item", "call", "event")]
    assert sequence == [second.new(kind) for kind in ("event", "item", "call", "event")]
    assert sequence[0] != other.new("event")


def test_without_a_seed_every_sequence_is_new() -> None:
    assert Ids().new("item") != Ids().new("item")


def test_ids_do_not_repeat() -> None:
    ids = Ids(1)
    assert len({ids.new("event") for _ in range(20_000)}) == 20_000
