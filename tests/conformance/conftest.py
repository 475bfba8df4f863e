"""A running server with scripted models, and a relay before it that keeps every frame."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.conformance.relay import Relay
from tests.conformance.tape import check

from rtengine_cli.child import Child

PROFILE = Path(__file__).parent / "conformance.yaml"


@pytest.fixture(scope="session")
def upstream() -> Iterator[str]:
    with Child(str(PROFILE), on_line=lambda line: None) as child:
        yield child.url.split("/v1/")[0]


@pytest.fixture
async def relay(upstream: str) -> AsyncIterator[Relay]:
    """What went through it is checked when the test is over."""
    async with Relay(upstream) as relay:
        yield relay
    assert relay.tapes
    for tape in relay.tapes:
        check(tape)
