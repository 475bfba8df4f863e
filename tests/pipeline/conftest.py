from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.pipeline.doubles import Ear, Held, started

from rtengine.pipeline.local import LocalHost
from rtengine.pipeline.stage import GenerateStage, TranscribeStage


@pytest.fixture
def held() -> Held:
    return Held()


@pytest.fixture
async def host(held: Held) -> AsyncIterator[LocalHost]:
    host = await started(generate=GenerateStage(held), transcribe=TranscribeStage(Ear()))
    yield host
    await host.close()
