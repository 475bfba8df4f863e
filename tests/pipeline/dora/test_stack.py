"""What the server makes of dora's lines. The keeper is played by the test."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import cast

import pytest

from rtengine.errors import ModelError
from rtengine.pipeline.dora.node import NodeFormatter
from rtengine.pipeline.dora.stack import Stack

pytestmark = pytest.mark.unit


class Keeper:
    """A process that has said what it is given, and has ended."""

    def __init__(self, *lines: str) -> None:
        self.stdout = asyncio.StreamReader()
        for line in lines:
            self.stdout.feed_data(json.dumps({"line": line}).encode() + b"\n")
        self.stdout.feed_data(json.dumps({"failed": "the dataflow ended"}).encode() + b"\n")
        self.stdout.feed_eof()

    async def wait(self) -> int:
        return 1


async def heard(caplog: pytest.LogCaptureFixture, *lines: str) -> list[tuple[str, str]]:
    """What the log says of lines of dora, and a ModelError's hint."""
    caplog.set_level(logging.INFO, "rtengine.dora")
    stack = Stack(cast(asyncio.subprocess.Process, Keeper(*lines)), lambda text: None)
    with pytest.raises(ModelError, match="the dataflow ended") as raised:
        await stack.up()
    return [(record.levelname, record.getMessage()) for record in caplog.records] + [("hint", raised.value.hint)]


async def test_what_a_node_says_at_its_end_is_told_as_the_cause_and_the_node_is_what_ended(
    caplog: pytest.LogCaptureFixture,
) -> None:
    said = await heard(
        caplog,
        "14:45:51 stdout  speak: Traceback (most recent call last):",
        "14:45:51 stdout  speak: ImportError: no module named voice",
        "14:45:52 ERROR  speak: daemon exited with code 1 with stderr output:",
        "14:45:52 WARN   speak: daemon::pending node exited before initializing dora connection",
    )
    assert said[:2] == [
        ("ERROR", "speak: node exited with code 1: ImportError: no module named voice"),
        ("WARNING", "speak: node exited before initializing dora connection"),
    ]


@pytest.mark.parametrize(
    ("at", "how"),
    [("23:59:59", "exited because of signal SIGKILL"), ("00:00:07", "exited with code 1")],
)
async def test_an_error_of_before_is_not_named_as_the_cause_of_an_end_from_outside_or_a_later_one(
    caplog: pytest.LogCaptureFixture, at: str, how: str
) -> None:
    job = "speak job job_1 failed: ValueError: no such voice (voice.py:9)"
    said = await heard(
        caplog, f"23:59:59 stdout  speak: ERROR {job}", f"{at} ERROR  speak: daemon {how} with stderr output:"
    )
    assert said[:2] == [("ERROR", f"speak: {job}"), ("ERROR", f"speak: node {how}")]


async def test_a_node_that_cannot_be_started_is_named_with_the_reason(caplog: pytest.LogCaptureFixture) -> None:
    said = await heard(
        caplog,
        "Node `whistle` failed: failed to spawn node: failed to run `whistle.sh`",
        "Caused by:",
        "    Permission denied (os error 13)",
        "Location:",
        "    binaries/daemon/src/spawn/prepared.rs:832:33",
        "Node `server` failed: failed to spawn node: spawn failed on daemon",
    )
    why = "failed to spawn node: failed to run `whistle.sh` Caused by: Permission denied (os error 13)"
    assert said == [("hint", f"the node 'whistle': {why}")]


def test_a_node_says_what_was_raised_on_the_line_that_the_server_passes_on() -> None:
    try:
        raise ValueError("no such\nvoice")
    except ValueError as error:
        raised = (ValueError, error, error.__traceback__)
    record = logging.LogRecord("n", logging.ERROR, "", 1, "speak job %s failed", ("job_1",), raised)
    first, *rest = NodeFormatter().format(record).splitlines()
    assert first.startswith("ERROR speak job job_1 failed: ValueError: no such voice (test_stack.py:")
    assert rest[0] == "Traceback (most recent call last):"
