"""Records the journals of this folder anew: conversations with the default profile, in real time.

``python -m tests.journals.record`` needs the weights of the profile. It is for changes of the machines that are meant:
what a journal says now is what every later version is held to.
"""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import sys
import tempfile
import wave
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

HERE = Path(__file__).parent
RECORDINGS = HERE.parent / "audio" / "recordings"
FRAME_SECONDS = 0.1
RATE = 24000
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather of a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


class Caller:
    """A client that speaks recordings."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.events: list[dict[str, Any]] = []
        self._arrived = asyncio.Condition()
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for message in self._socket:
            async with self._arrived:
                self.events.append(json.loads(message))
                self._arrived.notify_all()

    async def send(self, type: str, **fields: Any) -> None:
        await self._socket.send(json.dumps({"type": type, **fields}))

    async def until(self, kind: str, after: int = 0) -> dict[str, Any]:
        """The first event of that kind behind the first ``after`` events."""

        def found() -> dict[str, Any] | None:
            return next((event for event in self.events[after:] if event["type"] == kind), None)

        async with self._arrived:
            await asyncio.wait_for(self._arrived.wait_for(lambda: found() is not None), 60)
        event = found()
        assert event is not None
        return event

    async def answers(self, count: int) -> None:
        """Wait until so many responses have ended."""
        async with self._arrived:
            await asyncio.wait_for(self._arrived.wait_for(lambda: self._count("response.done") >= count), 60)

    def _count(self, kind: str) -> int:
        return sum(event["type"] == kind for event in self.events)

    async def say(self, name: str, silence: float = 1.0) -> None:
        """A recording at the speed of speech, and silence behind it."""
        with wave.open(str(RECORDINGS / name)) as file:
            assert file.getframerate() == RATE
            sound = file.readframes(file.getnframes()) + bytes(int(2 * RATE * silence))
        size = int(2 * RATE * FRAME_SECONDS)
        for at in range(0, len(sound), size):
            frame = base64.b64encode(sound[at : at + size]).decode()
            await asyncio.gather(self.send("input_audio_buffer.append", audio=frame), asyncio.sleep(FRAME_SECONDS))

    async def write(self, text: str) -> None:
        content = [{"type": "input_text", "text": text}]
        await self.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})


async def spoken_turns(caller: Caller) -> None:
    """A question, and an answer that is spoken over."""
    await caller.say("capital_of_france_24k.wav")
    await caller.until("response.done")
    before = len(caller.events)
    await caller.write("Tell me a long story about a lighthouse.")
    await caller.send("response.create")
    item = (await caller.until("response.output_audio.delta", before))["item_id"]
    await caller.say("please_stop_24k.wav")
    await caller.send("conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=300)
    await caller.until("conversation.item.truncated")
    await caller.answers(3)


async def written_turns(caller: Caller) -> None:
    """Text alone: a change of the session, a function call and its output, errors, an answer that is cancelled."""
    await caller.send("session.update", session={"type": "realtime", "output_modalities": ["text"], "tools": [WEATHER]})
    await caller.until("session.updated")
    await caller.write("What is the weather in Paris? Use the tool.")
    await caller.send("response.create", response={"tool_choice": {"type": "function", "name": "get_weather"}})
    done = await caller.until("response.done")
    before = len(caller.events)
    for item in done["response"]["output"]:
        if item["type"] == "function_call":
            output = {"type": "function_call_output", "call_id": item["call_id"], "output": '{"sky": "clear"}'}
            await caller.send("conversation.item.create", item=output)
    await caller.send("response.create", response={"tool_choice": "none"})
    await caller.until("response.done", before)
    await caller.send("conversation.item.delete", item_id="item_that_never_was")
    await caller.send("response.cancel")
    before = len(caller.events)
    aside = {"conversation": "none", "input": [], "instructions": "Count to 100."}
    await caller.send("response.create", response=aside)
    await caller.until("response.output_text.delta", before)
    await caller.send("response.cancel", response_id=(await caller.until("response.created", before))["response"]["id"])
    await caller.until("response.done", before)


async def push_to_talk(caller: Caller) -> None:
    """The client ends the turns: one with speech, one without any."""
    sound = {"format": {"type": "audio/pcm", "rate": RATE}, "turn_detection": None}
    await caller.send("session.update", session={"type": "realtime", "audio": {"input": sound}})
    await caller.until("session.updated")
    await caller.say("go_somewhere_24k.wav", silence=0.2)
    await caller.send("input_audio_buffer.commit")
    await caller.send("response.create", response={"max_output_tokens": 24})
    await caller.until("response.done")
    await caller.send("input_audio_buffer.commit")
    await caller.until("error")


CONVERSATIONS: tuple[Callable[[Caller], Awaitable[None]], ...] = (spoken_turns, written_turns, push_to_talk)


async def converse(url: str, conversation: Callable[[Caller], Awaitable[None]]) -> None:
    async with connect(url, max_size=None, proxy=None) as socket:
        await conversation(Caller(socket))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "rtengine_cli", "run", "--port", "0", "--record", folder]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            url = next(line.split()[-1] for line in server.stdout if "WebSocket" in line)
            try:
                for conversation in CONVERSATIONS:
                    record(f"{url}?model=default", conversation, Path(folder))
            finally:
                server.terminate()


def record(url: str, conversation: Callable[[Caller], Awaitable[None]], folder: Path) -> None:
    known = set(folder.iterdir())
    asyncio.run(converse(url, conversation))
    (written,) = set(folder.iterdir()) - known
    target = HERE / f"{conversation.__name__}.jsonl"
    text = wait_for_end(written)
    target.write_text(text, encoding="utf-8")
    print(f"{target.name}: {len(text):,} characters")


def wait_for_end(journal: Path) -> str:
    """The whole journal, once its session has ended."""
    for _ in range(200):
        text = journal.read_text(encoding="utf-8")
        if '\n{"end":' in text:
            return text
        asyncio.run(asyncio.sleep(0.05))
    raise TimeoutError(f"{journal} does not end")


if __name__ == "__main__":
    main()
