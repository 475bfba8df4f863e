"""A spoken conversation through the machine's own microphone and loudspeaker. Needs the package ``sounddevice``."""

from __future__ import annotations

import asyncio
import importlib
import threading
from collections import deque
from typing import Any

import pybase64
import typer

from rtengine.errors import RtengineError
from rtengine_cli.client import CHUNK, Client
from rtengine_cli.recording import BYTES_PER_SECOND, RATE


class Speaker:
    """Audio waiting to be played, and how much of it has been. Filled by the client, emptied by the sound card."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._lock = threading.Lock()
        self._item = ""
        self._played = 0

    def add(self, item_id: str, audio: bytes) -> None:
        with self._lock:
            self._waiting.append((item_id, audio))

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes to play, filled up with silence."""
        taken = bytearray()
        with self._lock:
            while self._waiting and len(taken) < size:
                item_id, audio = self._waiting.popleft()
                if item_id != self._item:
                    self._item, self._played = item_id, 0
                room = size - len(taken)
                taken += audio[:room]
                self._played += len(audio[:room])
                if audio[room:]:
                    self._waiting.appendleft((item_id, audio[room:]))
        return bytes(taken) + bytes(size - len(taken))

    def interrupt(self) -> tuple[str, int] | None:
        """Stop playing; returns the item that was cut off and how many milliseconds of it were heard."""
        with self._lock:
            if not self._waiting:
                return None
            playing = self._item if self._waiting[0][0] == self._item else ""
            self._waiting.clear()
            return (playing, self._played * 1000 // BYTES_PER_SECOND) if playing else None


async def converse(client: Client, devices: Any) -> None:
    """Send the microphone and play the answers until the user stops. Raises RtengineError when the server hangs up."""
    loop = asyncio.get_running_loop()
    speaker = Speaker()
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    cut: asyncio.Queue[tuple[str, int]] = asyncio.Queue()

    def listen(data: Any, frames: int, time: Any, status: Any) -> None:
        loop.call_soon_threadsafe(heard.put_nowait, bytes(data))

    def play(data: Any, frames: int, time: Any, status: Any) -> None:
        data[:] = speaker.take(len(data))

    def on_event(event: dict[str, Any]) -> None:
        if event["type"] == "response.output_audio.delta":
            speaker.add(event["item_id"], pybase64.b64decode(event["delta"]))
        elif event["type"] == "input_audio_buffer.speech_started" and (interrupted := speaker.interrupt()):
            cut.put_nowait(interrupted)

    client.listeners.append(on_event)
    shape = {"samplerate": RATE, "channels": 1, "dtype": "int16"}
    with (
        devices.RawInputStream(callback=listen, blocksize=CHUNK // 2, **shape),
        devices.RawOutputStream(callback=play, **shape),
    ):
        typer.echo("listening; Ctrl+C ends the conversation", err=True)
        while not client.closed:
            await client.append(await heard.get())
            while not cut.empty():
                item_id, milliseconds = cut.get_nowait()
                # The server forgets what was never heard.
                await client.send(
                    "conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=milliseconds
                )
    raise RtengineError(client.closed)


def sound_devices() -> Any:
    """The module ``sounddevice``. Raises RtengineError where it or the sound system is missing."""
    try:
        return importlib.import_module("sounddevice")
    except ImportError:
        hint = "pip install sounddevice, or say a recording with --file"
        raise RtengineError("the microphone needs the package 'sounddevice'", hint) from None
    except OSError as error:
        raise RtengineError(f"there is no sound system here: {error}", "say a recording with --file") from None
