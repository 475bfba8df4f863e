from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Self

import pybase64
import pytest
from tests.cli.realtime_stub import CREATED, Event, stub

from rtengine.errors import RtengineError
from rtengine_cli.client import CHUNK, realtime_url, session
from rtengine_cli.microphone import Speaker, converse, sound_devices

pytestmark = pytest.mark.unit

SOUND = b"\1\2" * (CHUNK // 2)


class Stream:
    """Stands for a stream of the sound card."""

    def __init__(self, callback: Callable[..., None], **shape: Any) -> None:
        self.callback = callback
        self.shape = shape

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass


class Devices:
    def __init__(self) -> None:
        self.microphone: Stream | None = None
        self.loudspeaker: Stream | None = None
        self.on_start: Callable[[], None] = lambda: None

    def RawInputStream(self, **settings: Any) -> Stream:
        self.microphone = Stream(**settings)
        return self.microphone

    def RawOutputStream(self, **settings: Any) -> Stream:
        self.loudspeaker = Stream(**settings)
        self.on_start()
        self.say()
        return self.loudspeaker

    def play(self, size: int) -> bytes:
        assert self.loudspeaker is not None
        data = bytearray(size)
        self.loudspeaker.callback(memoryview(data), size // 2, None, None)
        return bytes(data)

    def say(self) -> None:
        assert self.microphone is not None
        self.microphone.callback(SOUND, CHUNK // 2, None, None)


async def test_the_microphone_is_sent_and_the_answer_cut_off_where_it_was_interrupted() -> None:
    devices = Devices()
    appends = 0

    def answer(event: Event) -> list[Event]:
        nonlocal appends
        if event["type"] != "input_audio_buffer.append":
            devices.say()
            return [{"type": "close", "code": 1000, "reason": ""}]
        assert pybase64.b64decode(event["audio"]) == SOUND
        appends += 1
        if appends == 1:
            delta = pybase64.b64encode(SOUND).decode()
            return [{"type": "response.output_audio.delta", "item_id": "item_1", "delta": delta}]
        return [{"type": "input_audio_buffer.speech_started"}]

    def on_event(event: Event) -> None:
        if event["type"] == "response.output_audio.delta":
            assert devices.play(CHUNK // 2) == SOUND[: CHUNK // 2]
            devices.say()
        if event["type"] == "input_audio_buffer.speech_started":
            assert devices.play(10) == bytes(10)
            devices.say()

    async with stub(answer, [CREATED]) as server, session(realtime_url(server.url)) as client:
        # Listeners are called in order: this one comes after that of the conversation.
        devices.on_start = lambda: client.listeners.append(on_event)
        with pytest.raises(RtengineError, match="the server closed the connection"):
            await converse(client, devices)
    truncate = server.received[-1]
    assert truncate == {
        "type": "conversation.item.truncate",
        "item_id": "item_1",
        "content_index": 0,
        "audio_end_ms": 50,
    }


def test_the_speaker_knows_how_much_was_heard() -> None:
    speaker = Speaker()
    speaker.add("item_1", bytes(4800))
    speaker.add("item_1", bytes(4800))
    assert speaker.take(7200) == bytes(7200)
    assert speaker.interrupt() == ("item_1", 150)
    assert speaker.take(10) == bytes(10)
    assert speaker.interrupt() is None
    speaker.add("item_2", b"\1" * 100)
    assert speaker.take(200) == b"\1" * 100 + bytes(100)
    assert speaker.interrupt() is None


def test_without_the_package_a_hint_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(RtengineError, match="needs the package 'sounddevice'") as caught:
        sound_devices()
    assert "--file" in caught.value.hint
