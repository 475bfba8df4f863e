from __future__ import annotations

import socket
from typing import Any

import numpy as np
import pytest
from tests.cli.realtime_stub import CREATED, Event, session_object, spoken, stub
from typer.testing import CliRunner

from rtengine.errors import RtengineError
from rtengine_cli.client import CHUNK, realtime_url, session
from rtengine_cli.demo import judge
from rtengine_cli.exchange import Exchange
from rtengine_cli.main import app
from rtengine_cli.talk import begin, key_for, say, write

pytestmark = pytest.mark.unit

TONE = (8000 * np.sin(np.arange(2400) / 10)).astype("<i2").tobytes()
VAD = {"type": "server_vad", "create_response": True}


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("127.0.0.1:8765", "ws://127.0.0.1:8765/v1/realtime"),
        ("ws://host:1", "ws://host:1/v1/realtime"),
        ("http://host:1/v1", "ws://host:1/v1/realtime"),
        ("https://host/v1/", "wss://host/v1/realtime"),
        ("wss://host/openai/realtime?api-version=1", "wss://host/openai/realtime?api-version=1"),
    ],
)
def test_addresses_are_completed(given: str, address: str) -> None:
    assert realtime_url(given) == address


@pytest.mark.parametrize("given", ["http://[host", "ws://host:port", "host:70000"])
def test_what_is_no_address_is_told(given: str) -> None:
    with pytest.raises(RtengineError, match="is no address"):
        realtime_url(given)


def test_the_model_goes_into_the_query() -> None:
    assert realtime_url("ws://host", "a b") == "ws://host/v1/realtime?model=a+b"
    assert realtime_url("ws://host/v1/realtime?x=1", "m") == "ws://host/v1/realtime?x=1&model=m"
    for asked in ("ws://host/v1/realtime?model=mine", "ws://host/v1/realtime?intent=transcription"):
        assert realtime_url(asked, "m") == asked


def test_openais_key_goes_to_openai_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    assert key_for("wss://api.openai.com/v1/realtime", None) == "sk-canary"
    assert key_for("ws://127.0.0.1:8765/v1/realtime", None) is None
    assert key_for("wss://api.openai.com.example/v1/realtime", None) is None
    assert key_for("ws://127.0.0.1:8765/v1/realtime", "mine") == "mine"


def by_hand(event: Event) -> list[Event]:
    """A server without turn detection."""
    if event["type"] == "session.update":
        return [{"type": "session.updated", "session": session_object(transcription={"model": "whisper-1"})}]
    if event["type"] == "input_audio_buffer.commit":
        heard = {"type": "conversation.item.input_audio_transcription.completed", "transcript": "Hello."}
        return [{"type": "input_audio_buffer.committed"}, heard]
    return spoken("Good day.", TONE) if event["type"] == "response.create" else []


async def test_a_recording_is_committed_and_answered_where_turns_are_not_detected() -> None:
    async with stub(by_hand, [CREATED]) as server, session(realtime_url(server.url), "secret") as client:
        await begin(client)
        await say(client, TONE, fast=True)
        exchange = client.exchange
    assert [line.text for line in exchange.lines] == ["Hello.", "Good day."]
    assert bytes(exchange.answer) == TONE
    assert server.headers["Authorization"] == "Bearer secret"
    kinds = [event["type"] for event in server.received]
    assert kinds == ["session.update", "input_audio_buffer.append", "input_audio_buffer.commit", "response.create"]
    asked = server.received[0]["session"]
    assert asked["audio"]["input"]["transcription"] == {"model": "whisper-1"}
    assert asked["audio"]["output"]["format"] == {"type": "audio/pcm", "rate": 24000}
    judge(exchange)


async def test_a_voice_is_asked_for() -> None:
    async with stub(by_hand, [CREATED]) as server, session(realtime_url(server.url)) as client:
        await begin(client, "cedar")
    assert server.received[0]["session"]["audio"]["output"]["voice"] == "cedar"


async def test_a_voice_that_the_server_does_not_have_is_told() -> None:
    def refuse(event: Event) -> list[Event]:
        return [{"type": "error", "error": {"message": "Invalid value: 'nova'.", "code": "invalid_value"}}]

    async with stub(refuse, [CREATED]) as server, session(realtime_url(server.url)) as client:
        with pytest.raises(RtengineError, match="voice"):
            await begin(client, "nova")


async def test_a_message_is_written_and_answered() -> None:
    def answer(event: Event) -> list[Event]:
        return [] if event["type"] == "conversation.item.create" else by_hand(event)

    async with stub(answer, [CREATED]) as server, session(realtime_url(server.url)) as client:
        await begin(client)
        await write(client, "Good morning")
        exchange = client.exchange
    assert bytes(exchange.answer) == TONE
    asked = [event["item"]["content"] for event in server.received if event["type"] == "conversation.item.create"]
    assert asked == [[{"type": "input_text", "text": "Good morning"}]]


class Detecting:
    """A server that hears speech in the first append, and its end in the fourth."""

    def __init__(self, hears: bool = True) -> None:
        self.appends = 0
        self.hears = hears

    def __call__(self, event: Event) -> list[Event]:
        if event["type"] == "session.update":
            return [{"type": "session.updated", "session": session_object(VAD)}]
        if event["type"] != "input_audio_buffer.append" or not self.hears:
            return []
        self.appends += 1
        if self.appends == 1:
            return [{"type": "input_audio_buffer.speech_started"}]
        if self.appends == 4:
            stopped = [{"type": "input_audio_buffer.speech_stopped"}, {"type": "input_audio_buffer.committed"}]
            return [*stopped, *spoken("Yes.", TONE)]
        return []


async def test_silence_follows_until_the_server_hears_the_end_of_the_turn() -> None:
    answer = Detecting()
    created = {"type": "session.created", "session": session_object(VAD)}
    async with stub(answer, [created]) as server, session(realtime_url(server.url)) as client:
        await begin(client)
        await say(client, TONE, fast=True)
        assert client.exchange.statuses == ["completed"]
    assert answer.appends > 4
    assert "response.create" not in [event["type"] for event in server.received]
    audio = [event["audio"] for event in server.received if event["type"] == "input_audio_buffer.append"]
    assert set(audio[1:]) == {"A" * (CHUNK * 4 // 3)}


async def test_a_recording_without_speech_is_told() -> None:
    created = {"type": "session.created", "session": session_object(VAD)}
    async with stub(Detecting(hears=False), [created]) as server, session(realtime_url(server.url)) as client:
        await begin(client)
        with pytest.raises(RtengineError, match="heard no speech"):
            await say(client, TONE, fast=True)


async def test_a_server_that_hangs_up_is_told() -> None:
    def close(event: Event) -> list[Event]:
        return [{"type": "close", "code": 1008, "reason": "not you"}]

    async with stub(close, [CREATED]) as server, session(realtime_url(server.url)) as client:
        with pytest.raises(RtengineError, match=r"closed the connection \(1008 not you\) before session.updated"):
            await begin(client)


async def test_audio_goes_at_the_speed_of_speech(monkeypatch: pytest.MonkeyPatch) -> None:
    """Virtual time: every sleep moves the clock."""
    now = 0.0
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        nonlocal now
        slept.append(round(seconds, 3))
        now += seconds

    monkeypatch.setattr("rtengine_cli.client.sleep", sleep)
    async with stub(by_hand, [CREATED]) as server, session(realtime_url(server.url), clock=lambda: now) as client:
        await client.stream(bytes(3 * CHUNK))
    assert slept == [0.1, 0.1, 0.1]


async def test_a_server_that_is_not_there_is_told() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"ws://127.0.0.1:{probe.getsockname()[1]}/v1/realtime"
        with pytest.raises(RtengineError, match="cannot be reached") as caught:
            async with session(url):
                pass
    assert "rtengine run" in caught.value.hint


def answered(**changes: Any) -> Exchange:
    exchange = Exchange(statuses=["completed"], answer=bytearray(TONE))
    for name, value in changes.items():
        setattr(exchange, name, value)
    return exchange


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"statuses": []}, "none came"),
        ({"statuses": ["completed", "failed"]}, "failed"),
        ({"answer": bytearray()}, "no sound"),
        ({"answer": bytearray(4800)}, "silence"),
        ({"errors": [{"type": "error", "error": {"message": "broken"}}]}, "broken"),
    ],
)
def test_only_a_complete_spoken_answer_passes_the_demo(changes: dict[str, Any], words: str) -> None:
    judge(answered())
    with pytest.raises(RtengineError, match=words):
        judge(answered(**changes))


async def test_a_session_that_only_transcribes_has_no_voice() -> None:
    created = {"type": "session.created", "session": {"type": "transcription", "audio": {"input": {}}}}
    async with stub(by_hand, [created]) as server, session(realtime_url(server.url)) as client:
        with pytest.raises(RtengineError, match="nothing is spoken"):
            await begin(client, "cedar")


@pytest.mark.parametrize("options", [["--text", "Hi", "--file", "a.wav"], ["--text", "Hi", "--fast"]])
def test_options_that_do_not_fit_each_other_are_refused(options: list[str]) -> None:
    assert CliRunner().invoke(app, ["talk", *options]).exit_code == 2
