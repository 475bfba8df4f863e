"""The WebSocket side, over real sockets on loopback."""

from __future__ import annotations

import json
from select import select
from typing import Any

import pytest
from tests.server.fakes import FakeSession, event, response, running, say, until, upgrade_head
from websockets.exceptions import ConnectionClosed, InvalidStatus

from rtengine.protocol.client import SessionUpdate
from rtengine.protocol.errors import APIError
from rtengine.server import outlet
from rtengine.server.inlet import MESSAGES_PER_TURN
from rtengine.server.sessions import ConnectRequest
from rtengine.session.effects import Close, Disconnected, Send

pytestmark = pytest.mark.end_to_end

CLEAR = b'{"type":"input_audio_buffer.clear"}'
FRAME = bytes([0x81, 0x80 | len(CLEAR), 0, 0, 0, 0]) + CLEAR
"""A client's text frame, masked with zeros."""


def echo(session: FakeSession, received: Any, now: float) -> list[Any]:
    if isinstance(received, APIError):
        return [say("error", code=received.code)]
    if isinstance(received, Disconnected):
        return []
    return [say("echo", of=received.type)]


@pytest.mark.parametrize("path", ["/v1/realtime?model=m", "/realtime?model=m", "/v1/realtime"])
async def test_a_session_is_created_on_either_path_and_greets_first(path: str) -> None:
    async with running() as server, server.connect(path) as client:
        assert (await event(client))["type"] == "session.created"


@pytest.mark.parametrize(
    ("path", "headers", "expected"),
    [
        ("?model=gpt-realtime", {"Authorization": "Bearer sk-1"}, {"model": "gpt-realtime", "api_key": "sk-1"}),
        ("?model=m", {"authorization": "bearer sk-2"}, {"api_key": "sk-2"}),
        ("?model=m", {"api-key": "sk-3"}, {"api_key": "sk-3"}),
        ("?model=m", {"Authorization": "Basic Zm9v"}, {"api_key": None}),
        ("?intent=transcription", {}, {"model": None, "intent": "transcription"}),
        ("?model=m%20n&unknown=1", {}, {"model": "m n", "dialect": "ga", "remote": "127.0.0.1"}),
    ],
)
async def test_what_the_client_says_of_itself_reaches_the_factory(
    path: str, headers: dict[str, str], expected: dict[str, Any]
) -> None:
    async with running() as server, server.connect(f"/v1/realtime{path}", additional_headers=headers) as client:
        await event(client)
        request: ConnectRequest = server.sessions[0].request
        assert {name: getattr(request, name) for name in expected} == expected
        assert "sk-" not in repr(request)


@pytest.mark.parametrize(
    ("offered", "chosen", "key"),
    [
        (["realtime"], "realtime", None),
        (["realtime", "openai-insecure-api-key.sk-9", "openai-agents-sdk.0.20.0"], "realtime", "sk-9"),
        (["openai-insecure-api-key.sk-9"], None, "sk-9"),
        (None, None, None),
    ],
)
async def test_the_subprotocol_realtime_is_chosen_iff_offered(
    offered: Any, chosen: str | None, key: str | None
) -> None:
    async with running() as server, server.connect(subprotocols=offered) as client:
        await event(client)
        assert client.subprotocol == chosen
        assert server.sessions[0].request.api_key == key


async def test_compression_is_never_negotiated() -> None:
    async with running() as server:
        reader, writer = await server.raw()
        extra = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
        writer.write(upgrade_head(server.server.port, extra=extra).encode())
        status, headers, _ = await response(reader)
        assert status == 101
        assert "sec-websocket-extensions" not in headers


@pytest.mark.parametrize(
    "how",
    [{"additional_headers": {"OpenAI-Beta": "realtime=v1"}}, {"subprotocols": ["realtime", "openai-beta.realtime-v1"]}],
)
async def test_a_client_of_the_beta_is_spoken_to_in_the_beta(how: dict[str, Any]) -> None:
    """The session hears and says GA; what the beta has not is refused in its words."""
    session = {"session": {"type": "transcription", "audio": {"input": {"format": {"type": "audio/pcm"}}}}}

    def answer(fake: FakeSession, received: Any, now: float) -> list[Any]:
        if isinstance(received, APIError):
            return [say("error", error=received.body().wire())]
        return [say("session.updated", **session)] if isinstance(received, SessionUpdate) else []

    async with running(answer, greeting=session) as server, server.connect(**how) as client:
        assert (await event(client))["type"] == "transcription_session.created"
        await client.send('{"type":"transcription_session.update","session":{"input_audio_format":"pcm16"}}')
        told = await event(client)
        assert (told["type"], told["session"]["input_audio_format"]) == ("transcription_session.updated", "pcm16")
        await client.send('{"type":"transcription_session.update","session":{"audio":{}}}')
        assert (await event(client))["error"]["param"] == "session.audio"
        assert server.sessions[0].request.dialect == "beta"
        assert server.sessions[0].inputs[0].session["audio"] == {"input": {"format": {"type": "audio/pcm"}}}  # type: ignore[union-attr]


@pytest.mark.parametrize(("code", "close"), [("invalid_api_key", 3000), ("invalid_model", 4000), ("teapot", 4000)])
async def test_a_refusal_by_the_factory_is_an_error_event_and_then_a_close(code: str, close: int) -> None:
    def refuse(request: ConnectRequest) -> Any:
        raise APIError("No.", code=code, close_code=close if code != "teapot" else None)

    async with running(factory=refuse) as server, server.connect() as client:
        error = await event(client)
        assert set(error) == {"type", "event_id", "error"}
        assert error["error"] == {
            "type": "invalid_request_error", "code": code, "message": "No.", "param": None, "event_id": None,
        }  # fmt: skip
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (close, f"invalid_request_error.{code}")


async def test_a_client_that_speaks_first_and_is_refused_ends_its_closing_handshake(monkeypatch: Any) -> None:
    """What it sent is in the way of its answer to the close, and must be read past."""
    monkeypatch.setattr(outlet, "CLOSE_SECONDS", 1000)

    def refuse(request: ConnectRequest) -> Any:
        raise APIError("No.", code="invalid_api_key", close_code=3000)

    async with running(factory=refuse) as server:
        reader, writer = await server.raw()
        writer.write(upgrade_head(server.server.port).encode() + FRAME * 100)
        assert (await response(reader))[0] == 101
        close = (3000).to_bytes(2, "big")
        await reader.readuntil(close + b"invalid_request_error.invalid_api_key")
        writer.write(bytes([0x88, 0x82, 0, 0, 0, 0]) + close)
        assert await reader.read() == b""
        writer.close()
        await until(lambda: not server.site.sockets)


async def test_an_intent_that_does_not_exist_is_refused_in_band() -> None:
    async with running() as server, server.connect("/v1/realtime?intent=telepathy") as client:
        error = await event(client)
        assert (error["error"]["code"], error["error"]["param"]) == ("invalid_value", "intent")


async def test_a_factory_that_breaks_closes_with_1011_and_tells_no_detail() -> None:
    def broken(request: ConnectRequest) -> Any:
        raise ZeroDivisionError("secret detail")

    async with running(factory=broken) as server, server.connect() as client:
        error = await event(client)
        assert error["error"]["type"] == "server_error"
        assert "secret" not in json.dumps(error)
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
        assert closed.value.rcvd.code == 1011


@pytest.mark.parametrize(
    ("origin", "host", "status"),
    [
        (None, None, 101),
        ("http://127.0.0.1:3000", None, 101),
        ("http://localhost:5173", None, 101),
        ("https://app.example", None, 101),
        ("https://APP.example:443", None, 101),
        ("https://evil.example", None, 403),
        ("https://app.example.evil", None, 403),
        ("https://app.example:8443", None, 403),
        ("http://app.example", None, 403),
        ("http://localhost.evil.example", None, 403),
        ("http://localhost@evil.example", None, 403),
        ("null", None, 403),
        ("chrome-extension://abcdef", None, 403),
        ("chrome-extension://known", None, 101),
        (None, "localhost:8765", 101),
        (None, "voice.example", 101),
        ("https://voice.example", "voice.example", 101),
        (None, "[::1]:8765", 101),
        (None, "evil.example", 421),
        (None, "127.0.0.1.nip.io", 421),
        (None, "127.0.0.1:notaport", 421),
        ("http://evil.example", "evil.example", 421),
    ],
)
async def test_origin_and_host_decide_who_may_upgrade(origin: str | None, host: str | None, status: int) -> None:
    settings = {"origins": ["https://app.example", "chrome-extension://known"], "hosts": ["voice.example"]}
    async with running(server=settings) as server:
        reader, writer = await server.raw()
        extra = f"Origin: {origin}\r\n" if origin else ""
        writer.write(upgrade_head(server.server.port, extra=extra, host=host).encode())
        assert (await response(reader))[0] == status


@pytest.mark.parametrize(("path", "status"), [("/v1/other", 404), ("/v1/realtime?call_id=rtc_1", 404)])
async def test_there_is_no_websocket_elsewhere(path: str, status: int) -> None:
    async with running() as server:
        with pytest.raises(InvalidStatus) as refused:
            async with server.connect(path):
                pass
        assert refused.value.response.status_code == status
        assert json.loads(refused.value.response.body)["error"]["type"] == "invalid_request_error"


async def test_sessions_over_the_limit_are_refused_with_503_and_a_free_place_is_taken() -> None:
    async with running(limits={"sessions": 2}) as server, server.connect() as one, server.connect() as two:
        await event(one)
        await event(two)
        with pytest.raises(InvalidStatus) as refused:
            async with server.connect():
                pass
        assert refused.value.response.status_code == 503
        await two.close()
        await until(lambda: len(server.site.sockets) == 1)
        async with server.connect() as three:
            await event(three)


async def test_a_server_that_is_loading_takes_no_session() -> None:
    async with running(loaded=False) as server:
        with pytest.raises(InvalidStatus) as refused:
            async with server.connect():
                pass
        assert refused.value.response.status_code == 503
        assert json.loads(refused.value.response.body)["error"]["code"] == "loading"


async def test_events_are_answered_in_order() -> None:
    async with running(echo) as server, server.connect() as client:
        await event(client)
        for number in range(200):
            await client.send(json.dumps({"type": "input_audio_buffer.clear", "event_id": f"e{number}"}))
        for _ in range(200):
            assert await event(client) == {"type": "echo", "of": "input_audio_buffer.clear"}
        assert [one.event_id for one in server.sessions[0].inputs] == [f"e{number}" for number in range(200)]


async def test_frames_that_are_no_event_reach_the_session_as_errors_and_close_nothing() -> None:
    async with running(echo) as server, server.connect() as client:
        await event(client)
        await client.send(b"\x00\x01")
        await client.send("{not json")
        await client.send(json.dumps({"type": "input_audio_buffer.clear"}))
        assert await event(client) == {"type": "error", "code": "invalid_event"}
        assert await event(client) == {"type": "error", "code": "invalid_json"}
        assert (await event(client))["type"] == "echo"


async def test_text_that_is_not_utf_8_closes_with_1007() -> None:
    async with running(echo) as server, server.connect() as client:
        await event(client)
        await client.send(b"\xff\xfe", text=True)
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
        assert closed.value.rcvd.code == 1007


async def test_what_a_session_says_to_its_end_does_not_change_why_the_server_hung_up() -> None:
    def goodbye(session: FakeSession, received: Any, now: float) -> list[Any]:
        return [Send({"type": "last"}), Close(1000, "")] if isinstance(received, Disconnected) else []

    async with running(goodbye) as server, server.connect() as client:
        await event(client)
        await client.send(b"\xff", text=True)
        assert (await event(client))["type"] == "last"
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
        assert closed.value.rcvd.code == 1007


async def test_a_fragmented_message_is_one_message_in_its_place() -> None:
    async with running(echo) as server, server.connect() as client:
        await event(client)
        await client.send('{"type":"input_audio_buffer.clear","event_id":"1"}')
        await client.send(['{"type":"input_audio', '_buffer.clear",', '"event_id":"2"}'])
        await client.send([b"bin", b"ary"])
        await client.send(["", '{"type":"input_audio_buffer.clear","event_id":"4"}', ""])
        await client.send('{"type":"input_audio_buffer.clear","event_id":"5"}')
        answers = [(await event(client)).get("code", "echo") for _ in range(5)]
        assert answers == ["echo", "echo", "invalid_event", "echo", "echo"]
        assert [getattr(one, "event_id", None) for one in server.sessions[0].inputs] == ["1", "2", None, "4", "5"]


async def test_a_character_may_be_split_between_fragments() -> None:
    text = '{"type":"input_audio_buffer.clear","event_id":"é"}'.encode()
    cut = text.index(b"\xc3") + 1
    async with running(echo) as server, server.connect() as client:
        await event(client)
        await client.send([text[:cut], text[cut:]], text=True)
        assert (await event(client))["type"] == "echo"
        assert server.sessions[0].inputs[0].event_id == "é"


async def test_a_client_that_floods_pings_and_reads_no_pongs_is_dropped() -> None:
    ping = bytes([0x89, 0xFD, 0, 0, 0, 0]) + bytes(125)
    async with running(limits={"write_buffer_bytes": 1 << 16}) as server:
        reader, writer = await server.raw()
        writer.write(upgrade_head(server.server.port).encode())
        assert (await response(reader))[0] == 101
        writer.transport.pause_reading()
        with pytest.raises(ConnectionError):
            while True:
                writer.write(ping * 1000)
                await writer.drain()
        await until(lambda: not server.site.sockets)


async def test_a_message_over_the_limit_closes_with_1009() -> None:
    async with running(echo, limits={"message_bytes": 1 << 16}) as server, server.connect() as client:
        await event(client)
        with pytest.raises(ConnectionClosed) as closed:
            await client.send("x" * ((1 << 16) + 1))
            await client.recv()
        assert closed.value.rcvd.code == 1009


async def test_many_frames_in_one_read_are_all_served() -> None:
    """Frames written at once with the handshake's end arrive in one read of the server."""
    async with running(echo) as server:
        reader, writer = await server.raw()
        writer.write(upgrade_head(server.server.port).encode() + FRAME * 1000)
        assert (await response(reader))[0] == 101
        for _ in range(1001):
            await reader.readexactly((await reader.readexactly(2))[1])
        assert len(server.sessions[0].inputs) == 1000


async def test_a_client_that_floods_does_not_starve_another() -> None:
    """Two thousand frames of one client are there before another's only one: it is answered among the first."""
    order: list[str] = []

    def note(session: FakeSession, received: Any, now: float) -> list[Any]:
        if not isinstance(received, Disconnected):
            order.append(session.request.model or "")
        return []

    async with running(note) as server:
        writers = {}
        for model in ("flood", "calm"):
            reader, writers[model] = await server.raw()
            writers[model].write(upgrade_head(server.server.port, f"/realtime?model={model}").encode())
            assert (await response(reader))[0] == 101
        await until(lambda: len(server.sessions) == 2)
        writers["flood"].write(FRAME * 2000)
        writers["calm"].write(FRAME)
        arrivals = [socket.transport.get_extra_info("socket").fileno() for socket in server.site.sockets]
        while len(select(arrivals, (), ())[0]) < 2:  # before the server has its turn
            pass
        await until(lambda: len(order) == 2001)
        assert order.index("calm") <= 4 * MESSAGES_PER_TURN


async def test_a_close_leaves_after_everything_said_before_it() -> None:
    def bye(session: FakeSession, received: Any, now: float) -> list[Any]:
        if isinstance(received, Disconnected):
            return []
        last = [say("delta", n=number, pad="x" * 4096) for number in range(500)]
        return [*last, Close(1001, "Your session hit the maximum duration of 60 minutes."), say("never")]

    async with running(bye) as server, server.connect() as client:
        await event(client)
        await client.send('{"type":"input_audio_buffer.clear"}')
        assert [(await event(client))["n"] for _ in range(500)] == list(range(500))
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
        assert closed.value.rcvd.code == 1001
        assert closed.value.rcvd.reason == "Your session hit the maximum duration of 60 minutes."


async def test_a_reason_that_is_too_long_for_a_close_frame_is_cut_between_characters() -> None:
    async with running(lambda *_: [Close(4000, "é" * 100)]) as server, server.connect() as client:
        await event(client)
        await client.send('{"type":"input_audio_buffer.clear"}')
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
        assert closed.value.rcvd.reason == "é" * 61


async def test_one_event_beyond_the_write_buffer_reaches_a_client_that_reads_and_what_follows_it_does_too() -> None:
    large, small = Send({"type": "large", "pad": "x" * (16 << 20)}), Send({"type": "small"})

    def answer(session: FakeSession, received: Any, now: float) -> list[Any]:
        return [] if isinstance(received, Disconnected) else [large, small] if len(session.inputs) == 1 else [small]

    async with running(answer, limits={"write_buffer_bytes": 1 << 16}) as server:
        async with server.connect(max_size=None) as client:
            await event(client)
            for _ in range(2):
                await client.send('{"type":"input_audio_buffer.clear"}')
            types = [(await event(client))["type"] for _ in range(3)]
        assert types == ["large", "small", "small"]


async def test_a_second_event_beyond_the_write_buffer_drops_a_client_that_has_not_read_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outlet, "CLOSE_SECONDS", 1000)
    large = Send({"type": "large", "pad": "x" * (16 << 20)})

    def answer(session: FakeSession, received: Any, now: float) -> list[Any]:
        return [] if isinstance(received, Disconnected) else [large, large]

    async with running(answer, limits={"write_buffer_bytes": 1 << 16}) as server:
        async with server.connect(max_size=None) as client:
            await event(client)
            await client.send('{"type":"input_audio_buffer.clear"}')
            with pytest.raises(ConnectionClosed) as closed:
                while True:
                    await client.recv()
        assert closed.value.rcvd.code == 1013


async def test_a_client_that_does_not_read_is_dropped_with_1013_and_a_log_line(
    caplog: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outlet, "CLOSE_SECONDS", 1000)
    big = Send({"type": "delta", "pad": "x" * 60_000})

    def much(session: FakeSession, received: Any, now: float) -> list[Any]:
        return [] if isinstance(received, Disconnected) else [big] * 400

    async with running(much, limits={"write_buffer_bytes": 1 << 20}) as server, server.connect(max_queue=1) as client:
        await event(client)
        client.transport.pause_reading()
        await client.send('{"type":"input_audio_buffer.clear"}')
        await server.sessions[0].until(Disconnected)
        assert server.host.cancelled == []
        client.transport.resume_reading()
        received = 0
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                await client.recv()
                received += 1
        assert closed.value.rcvd.code == 1013
        assert 0 < received < 400
    lines = [record for record in caplog.records if record.getMessage() == "client does not read: dropped"]
    assert len(lines) == 1
    assert lines[0].fields["unsent_bytes"] > 1 << 20
