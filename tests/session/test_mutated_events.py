"""Events with something wrong in them never break a session: each is answered as an error, or does what it says."""

from __future__ import annotations

import copy
import json
import os
import random
from pathlib import Path
from typing import Any

import pytest
from pydantic_core import from_json
from tests.scenario import World
from tests.session.machines import MACHINES
from tests.session.test_random_sequences import Wanderer, check_promises

from rtengine.models.abilities import Abilities
from rtengine.session.effects import Disconnected

pytestmark = pytest.mark.fuzz

EVENTS = int(os.environ.get("RTENGINE_FUZZ_EVENTS", "6000"))
PER_SESSION = 150
SEEDS = 4

EXAMPLES = [
    from_json(path.read_bytes())
    for path in sorted((Path(__file__).parent.parent / "protocol" / "examples" / "client").glob("*.json"))
]
VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 0.5, 10**9, 10**30, "", "x", "auto", "none", "item_unknown", "\ud7ff\U0001f600",
    "x" * 600, [], {}, [None], [[]], {"type": "message"}, {"type": "function", "name": "f"}, {"id": "x"}, "AAAA",
    "AA==", "%%%",
)  # fmt: skip
"""What a leaf may become."""


class Mutator(Wanderer):
    """A wanderer that spoils what it says."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        able = Abilities(images=True, reasoning=True, noise_reduction=True)
        self.world = World(MACHINES, {"output_modalities": [self.random.choice(("audio", "text"))]}, abilities=able)

    def client(self) -> None:
        event = copy.deepcopy(self.random.choice(EXAMPLES))
        for _ in range(self.random.randint(0, 2)):
            spoil(event, self.random)
        if self.random.random() < 0.3 and "item_id" in event:
            event["item_id"] = self.item_id()
        before = len(self.world.everything)
        self.world.client(json.dumps(event))
        answered = [each for each in self.world.everything[before:] if each["type"] == "error"]
        given = event.get("event_id")
        if isinstance(given, str) and len(given) <= 512:
            assert all(each["error"]["event_id"] in (given, None) for each in answered)


def spoil(value: Any, chance: random.Random) -> None:
    """Change one thing somewhere in it: replace it, leave it out, double it, or add what nobody knows."""
    places = list(containers(value))
    place = chance.choice(places)
    if isinstance(place, list):
        if place and chance.random() < 0.7:
            place[chance.randrange(len(place))] = copy.deepcopy(chance.choice(VALUES))
        else:
            place.append(copy.deepcopy(chance.choice([*place, *VALUES])))
        return
    key = chance.choice([*place, "unknown"])
    if key in place and key != "type" and chance.random() < 0.25:
        del place[key]
    else:
        place[key] = copy.deepcopy(chance.choice(VALUES))


def containers(value: Any) -> list[Any]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    found = [value] if isinstance(value, dict | list) else []
    return found + [each for child in inner for each in containers(child)]


@pytest.mark.parametrize("seed", range(SEEDS))
def test_events_with_something_wrong_in_them_break_nothing(seed: int) -> None:
    for number in range(max(1, EVENTS // SEEDS // PER_SESSION)):
        mutator = Mutator(seed * 7919 + number)
        for _ in range(PER_SESSION):
            mutator.step()
            if mutator.world.session.closed:
                break
        mutator.world.receive(Disconnected())
        assert mutator.world.session.closed
        check_promises(mutator.world.everything)
