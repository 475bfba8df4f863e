"""What a host does when its dataflow cannot be started again. Nothing is started here."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest
from tests.pipeline.dora.dataflows import profile

from rtengine.pipeline.dora import host as module
from rtengine.pipeline.dora.dataflow import parse, write
from rtengine.pipeline.dora.host import DoraHost
from rtengine.pipeline.dora.stack import Stack

pytestmark = pytest.mark.unit


async def test_a_start_for_which_the_system_has_no_room_is_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = 0
    tried_again = asyncio.Event()

    async def start(*arguments: Any) -> Stack:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        tried_again.set()
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")

    monkeypatch.setattr(Stack, "start", start)
    monkeypatch.setattr(module, "_RESTART_SECONDS", (0.0, 0.0))
    host = DoraHost(parse(write(profile(tmp_path))))
    host._supervision = asyncio.ensure_future(host._supervise())
    with caplog.at_level(logging.ERROR):
        async with asyncio.timeout(60):
            await tried_again.wait()
    await host.close()
    assert "Resource temporarily unavailable" in caplog.text
