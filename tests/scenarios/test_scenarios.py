"""Every scenario file is a test."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic_core import to_json
from tests.scenario import run
from tests.session.machines import MACHINES

pytestmark = pytest.mark.scenario

FILES = sorted(Path(__file__).parent.glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_scenario(path: Path) -> None:
    world = run(path, MACHINES)
    created = [event["response"]["id"] for event in world.everything if event["type"] == "response.created"]
    done = [event["response"]["id"] for event in world.everything if event["type"] == "response.done"]
    assert [response_id for response_id in created if response_id not in world.session.data.answers] == sorted(
        done, key=created.index
    )
    event_ids = [event["event_id"] for event in world.everything]
    assert all(event_id.startswith("event_") for event_id in event_ids)
    assert len(set(event_ids)) == len(event_ids)


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_the_same_inputs_give_the_same_bytes(path: Path) -> None:
    first, second = (to_json(run(path, MACHINES).effects, bytes_mode="base64") for _ in range(2))
    assert first == second
