"""Many callers at once, in one process: each sends audio at the speed of speech, and notes when it was answered."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pybase64
from websockets.asyncio.client import ClientConnection, connect

from rtengine.errors import RtengineError
from rtengine_cli.recording import BYTES_PER_SECOND

FRAME_SECONDS = 0.04
"""What browsers and telephones send at a time, or twice that."""
FRAME = round(FRAME_SECONDS * BYTES_PER_SECOND)
PAUSE = 10
"""Frames between an answer and the next words."""
ROOM_RMS = 20
"""Of 32768: -64 dBFS."""
MAX_SIZE = 16 << 20
START_SECONDS = 30.0
SETTLE_SECONDS = 3.0
AUDIO = b'{"type":"response.output_audio.delta"'


def frames(audio: bytes) -> list[bytes]:
    """PCM16 at 24 kHz as ``input_audio_buffer.append`` events of ``FRAME_SECONDS`` each, the last one filled up."""
    pieces = (audio[at : at + FRAME].ljust(FRAME, b"\0") for at in range(0, len(audio), FRAME))
    return [b'{"type":"input_audio_buffer.append","audio":"%s"}' % pybase64.b64encode(piece) for piece in pieces]


ROOM = frames(np.random.default_rng(1).normal(0, ROOM_RMS, 25 * FRAME // 2).astype("<i2").tobytes())
"""A quiet room, for a second. Digital silence would be cheaper to listen to than any microphone is."""


@dataclass
class Tally:
    """What all callers of a crowd have seen, in seconds."""

    appends: int = 0
    heard: list[float] = field(default_factory=list)
    """From the moment the frame with the onset was sent to ``speech_started``."""
    answered: list[float] = field(default_factory=list)
    """From ``speech_stopped`` to the first audio of the answer."""
    errors: list[str] = field(default_factory=list)

    def reset(self) -> None:
        self.appends = 0
        self.heard.clear()
        self.answered.clear()


class Caller:
    """One session. It says ``words`` whenever it has been answered, or nothing at all when there are none."""

    def __init__(self, tally: Tally, words: Sequence[bytes], onset: int) -> None:
        self._tally = tally
        self._words, self._onset = words, onset
        self._sent_at = 0.0
        self._stopped_at: float | None = None
        self._waits = False

    async def run(self, connection: ClientConnection, phase: float) -> None:
        """Until cancelled. ``phase`` puts callers apart from each other: 0..1, of ``SETTLE_SECONDS``."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._send(connection, phase * SETTLE_SECONDS))
            group.create_task(self._receive(connection))

    async def _send(self, connection: ClientConnection, after: float) -> None:
        due = time.monotonic() + after
        for at, frame in self._frames():
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            await connection.send(frame, text=True)
            if at == self._onset:
                self._sent_at = time.monotonic()
            self._tally.appends += 1
            due += FRAME_SECONDS

    def _frames(self) -> Iterator[tuple[int, bytes]]:
        """Each with its place in the words, -1 in the silence between them."""
        room = itertools.cycle(ROOM)
        while True:
            self._waits = bool(self._words)
            yield from enumerate(self._words)
            while self._waits or not self._words:
                yield -1, next(room)
            yield from ((-1, next(room)) for _ in range(PAUSE))

    async def _receive(self, connection: ClientConnection) -> None:
        async for message in connection:
            data = message.encode() if isinstance(message, str) else message
            if data.startswith(AUDIO):
                if self._stopped_at is not None:
                    self._tally.answered.append(time.monotonic() - self._stopped_at)
                    self._stopped_at = None
            else:
                self._note(json.loads(data))

    def _note(self, event: dict[str, Any]) -> None:
        tally = self._tally
        match event["type"]:
            case "input_audio_buffer.speech_started":
                tally.heard.append(time.monotonic() - self._sent_at)
            case "input_audio_buffer.speech_stopped":
                self._stopped_at = time.monotonic()
            case "response.done":
                self._waits = False
            case "error":
                tally.errors.append(str(event["error"]["message"]))


@dataclass(frozen=True)
class Cost:
    """What a server spent on a crowd, and what the crowd saw meanwhile."""

    cpu_seconds: float
    tally: Tally

    @property
    def append_us(self) -> float:
        """CPU per append, in µs."""
        return self.cpu_seconds / max(1, self.tally.appends) * 1e6

    @property
    def session(self) -> float:
        """CPU of a session that sends audio all the time, as a part of one core."""
        return self.append_us * 1e-6 / FRAME_SECONDS


async def measure(
    url: str,
    size: int,
    seconds: float,
    cpu: Callable[[], float],
    words: Sequence[bytes] = (),
    onset: int = 0,
    update: dict[str, Any] | None = None,
) -> Cost:
    """``size`` callers for some seconds, after as many as one turn takes to settle.

    ``update`` is the ``session.update`` of each; ``cpu`` tells the CPU seconds of the server. Raises ``RtengineError``
    when a caller is refused anything or cut off.
    """
    tally = Tally()
    connections: list[ClientConnection] = []
    tasks: list[asyncio.Task[None]] = []
    try:
        for at in range(size):
            connections.append(await _connected(url, update))
            tasks.append(asyncio.create_task(Caller(tally, words, onset).run(connections[at], at / size)))
        await asyncio.wait(tasks, timeout=SETTLE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        tally.reset()
        spent = cpu()
        await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        cost = Cost(cpu() - spent, tally)
        over = [task for task in tasks if task.done()]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(connection.close() for connection in connections))
    if over or tally.errors:
        cause = over[0].exception() if over else None
        said = tally.errors[0] if tally.errors else _innermost(cause)
        raise RtengineError(f"a caller of {size} was refused or cut off: {said}") from cause
    return cost


def _innermost(error: BaseException | None) -> str:
    """What is said by the first error of a group of groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error)


async def _connected(url: str, update: dict[str, Any] | None) -> ClientConnection:
    connection = await connect(url, compression=None, max_size=MAX_SIZE, open_timeout=START_SECONDS)
    if update is not None:
        await connection.send(json.dumps({"type": "session.update", "session": {"type": "realtime"} | update}))
        event: dict[str, Any] = {}
        while event.get("type") not in ("session.updated", "error"):
            event = json.loads(await connection.recv())
        if event["type"] == "error":
            await connection.close()
            raise RtengineError(f"the server refused to change the session: {event['error']['message']}")
    return connection
