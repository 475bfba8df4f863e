"""What every script of a client here does: its turns one by one, each in a line of output. Standard library only."""

from __future__ import annotations

import asyncio
import os
import sys
import traceback
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

HTTP = os.environ["RTENGINE_HTTP"]
"""``http://host:port/v1``"""
WS = HTTP.replace("http", "ws", 1)
MODEL = "gpt-realtime"
SECONDS = 30
FRAME_BYTES = 960
"""20 ms of PCM16 at 24 kHz."""


class NotPossible(Exception):
    """The client has no such turn."""


def pcm(name: str) -> bytes:
    """``question`` or ``stop``: speech without the silence that ends a turn; or ``silence``, a second of it."""
    return (Path(os.environ["RTENGINE_SPEECH"]) / f"{name}.pcm").read_bytes()


def frames(name: str) -> Iterator[bytes]:
    audio = pcm(name)
    for at in range(0, len(audio), FRAME_BYTES):
        yield audio[at : at + FRAME_BYTES].ljust(FRAME_BYTES, b"\0")


async def until(true: Callable[[], object], what: str) -> None:
    """Let the client work until something holds."""
    try:
        async with asyncio.timeout(SECONDS):
            while not true():  # noqa: ASYNC110 - what the client keeps has no event to wait for
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"never: {what}") from None


def run(**turns: Callable[[], Awaitable[None]]) -> None:
    """Run each turn on a loop of its own, and say how it went."""
    for name, turn in turns.items():
        try:
            asyncio.run(asyncio.wait_for(turn(), 3 * SECONDS))
        except NotPossible as why:
            print(f"turn {name}: not possible: {why}", flush=True)
        except BaseException as error:
            traceback.print_exc()
            print(f"turn {name}: failed: {type(error).__name__}: {str(error).splitlines()[0:1]}", flush=True)
        else:
            print(f"turn {name}: ok", flush=True)
    sys.stdout.flush()
    os._exit(0)  # some libraries leave threads behind
