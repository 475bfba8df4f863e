"""A Realtime server of a few lines, on loopback: it answers what a test tells it to."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pybase64
from websockets.asyncio.server import ServerConnection, serve

Event = dict[str, Any]
Answer = Callable[[Event], list[Event]]


class Stub:
    """Keeps what clients sent and with which headers."""

    def __init__(self, answer: Answer, first: list[Event]) -> None:
        self._answer = answer
        self._first = first
        self.received: list[Event] = []
        self.headers: dict[str, str] = {}
        self.path = ""
        self.url = ""

    async def handle(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        self.headers = dict(connection.request.headers.raw_items())
        self.path = connection.request.path
        await self._send(connection, self._first)
        async for frame in connection:
            event = json.loads(frame)
            self.received.append(event)
            await self._send(connection, self._answer(event))

    async def _send(self, connection: ServerConnection, events: list[Event]) -> None:
        for event in events:
            if event["type"] == "close":
                await connection.close(event["code"], event["reason"])
                return
            await connection.send(json.dumps(event))


@asynccontextmanager
async def stub(answer: Answer, first: list[Event]) -> AsyncIterator[Stub]:
    server_stub = Stub(answer, first)
    async with serve(server_stub.handle, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        server_stub.url = f"ws://127.0.0.1:{port}"
        yield server_stub


def session_object(turn_detection: Event | None = None, transcription: Event | None = None) -> Event:
    audio = {"input": {"turn_detection": turn_detection, "transcription": transcription}, "output": {}}
    return {"type": "realtime", "audio": audio}


CREATED = {"type": "session.created", "session": session_object()}


def spoken(text: str, audio: bytes) -> list[Event]:
    """The events of a spoken answer."""
    return [
        {"type": "response.created", "response": {"status": "in_progress"}},
        {"type": "response.output_audio_transcript.delta", "delta": text},
        {"type": "response.output_audio.delta", "delta": pybase64.b64encode(audio).decode(), "item_id": "item_1"},
        {"type": "response.done", "response": {"status": "completed"}},
    ]
