"""A server's whole life: loading, ready, drain on a signal, the end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import pytest
from tests.server.fakes import FakeHost, FakeSession, event, response, running, say, upgrade_head
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from rtengine.errors import ModelError, RtengineError
from rtengine.profile.settings import Limits, ServerSettings
from rtengine.server import outlet
from rtengine.server.serve import Server, serve
from rtengine.server.site import Site
from rtengine.session.effects import Close, Disconnected, Draining

pytestmark = pytest.mark.end_to_end

CLEAR = '{"type":"input_audio_buffer.clear"}'


class Life:
    """A server run by ``serve`` in a task."""

    def __init__(self, host: FakeHost, answer: Any = None, **settings: Any) -> None:
        self.host = host
        self.sessions: list[FakeSession] = []
        self.url = asyncio.get_running_loop().create_future()
        self.steps: list[str] = []

        def make(request: Any) -> FakeSession:
            self.sessions.append(FakeSession(request, answer))
            return self.sessions[-1]

        site = Site(ServerSettings(port=0, **settings), Limits(), host, make)
        life = serve(site, on_ready=self.url.set_result, progress=self.steps.append)
        self.task = asyncio.create_task(life)

    def connect(self) -> connect:
        return connect(f"ws://{self.url.result()}/v1/realtime?model=m", proxy=None)


def finish_when_told(session: FakeSession, received: Any, now: float) -> list[Any]:
    """Finish what runs when the client says so; close at once where nothing runs."""
    if isinstance(received, Draining):
        return [Close(1001, "drained")] if session.request.model == "idle" else [say("draining")]
    if isinstance(received, Disconnected):
        return []
    return [say("finished"), Close(1001, "drained")]


async def test_sigterm_lets_running_sessions_finish_and_refuses_new_ones() -> None:
    life = Life(FakeHost(), finish_when_told)
    await life.url
    async with life.connect() as client:
        await event(client)
        os.kill(os.getpid(), signal.SIGTERM)
        assert (await event(client))["type"] == "draining"
        with pytest.raises(InvalidStatus) as refused:
            async with life.connect():
                pass
        assert refused.value.response.status_code == 503
        reader, writer = await asyncio.open_connection(*life.url.result().split(":"))
        writer.write(f"GET /readyz HTTP/1.1\r\nHost: {life.url.result()}\r\n\r\n".encode())
        status, headers, body = await response(reader)
        assert (status, headers["connection"], b'"draining"' in body) == (503, "close", True)
        writer.close()
        assert not life.task.done()
        await client.send(CLEAR)
        assert (await event(client))["type"] == "finished"
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1001, "drained")
    await life.task
    assert (life.host.steps, life.steps) == (["start", "close"], ["loading nothing"])


async def test_a_second_signal_ends_the_drain() -> None:
    life = Life(FakeHost(), finish_when_told, drain_seconds=1000)
    await life.url
    async with life.connect() as client:
        await event(client)
        os.kill(os.getpid(), signal.SIGTERM)
        assert (await event(client))["type"] == "draining"
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
        assert closed.value.rcvd.code == 1001
    await life.task
    assert isinstance(life.sessions[0].inputs[-1], Disconnected)


async def test_a_drain_does_not_last_longer_than_the_profile_says() -> None:
    life = Life(FakeHost(), finish_when_told, drain_seconds=0.01)
    await life.url
    async with life.connect() as client:
        await event(client)
        os.kill(os.getpid(), signal.SIGTERM)
        assert (await event(client))["type"] == "draining"
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
        assert closed.value.rcvd.code == 1001
    await life.task


async def test_a_session_that_slipped_in_as_the_drain_began_hears_of_it() -> None:
    async with running(finish_when_told) as server:
        original = server.site.refuse_upgrade

        def let_in_then_drain(request: Any) -> Any:
            verdict = original(request)
            server.site.draining = True
            return verdict

        server.site.refuse_upgrade = let_in_then_drain  # type: ignore[method-assign]
        async with server.connect() as client:
            assert [(await event(client))["type"] for _ in range(2)] == ["session.created", "draining"]


async def test_a_signal_while_the_models_load_stops_the_server() -> None:
    class Slow(FakeHost):
        async def start(self, progress: Callable[[str], None]) -> None:
            progress("loading")
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.Event().wait()

    life = Life(Slow())
    await life.task
    assert not life.url.done()
    assert life.host.steps == ["close"]


async def test_a_model_that_cannot_be_loaded_ends_the_server_with_its_error() -> None:
    class Missing(FakeHost):
        async def start(self, progress: Callable[[str], None]) -> None:
            raise ModelError("No weights for `x`", "run `rtengine models pull x`")

    life = Life(Missing())
    with pytest.raises(ModelError, match="No weights"):
        await life.task
    assert life.host.steps == ["close"]


async def test_a_port_in_use_is_an_error_for_a_person() -> None:
    async with running() as server:
        server.site.settings = ServerSettings(port=server.server.port)
        with pytest.raises(RtengineError, match="Cannot listen on") as refused:
            await Server(server.site).start()
        assert "server.port" in refused.value.hint


async def test_stopping_ends_every_kind_of_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that never answers the closing handshake."""
    monkeypatch.setattr(outlet, "CLOSE_SECONDS", 0.05)
    async with running(limits={"request_seconds": 1000}) as server:
        half, writer = await server.raw()
        writer.write(b"GET /healthz HTT")
        kept, writer = await server.raw()
        writer.write(f"GET /healthz HTTP/1.1\r\nHost: {server.server.url}\r\n\r\n".encode())
        assert (await response(kept))[0] == 200
        socket, writer = await server.raw()
        writer.write(upgrade_head(server.server.port).encode())
        assert (await response(socket))[0] == 101
        stopping = asyncio.create_task(server.server.stop())
        assert await half.read() == await kept.read() == b""
        assert b"\x03\xe9" in await socket.read()  # 1001 in a close frame
        await server.hang_up()
        await stopping
        with pytest.raises(ConnectionRefusedError):
            await server.raw()


PROCESS = """
import asyncio, sys
from rtengine.profile.settings import Limits, ServerSettings
from rtengine.server import outlet
from rtengine.server.serve import run, serve
from rtengine.server.site import Site
from tests.server.fakes import FakeHost, FakeSession
ready = lambda url: print(url, flush=True)
run(serve(Site(ServerSettings(port=0), Limits(), FakeHost(), FakeSession), on_ready=ready))
"""


async def test_a_process_ends_with_exit_code_0_after_sigterm() -> None:
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join([".", "engine", "cli", *sys.path]))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROCESS, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    url = (await process.stdout.readline()).decode().strip()
    async with connect(f"ws://{url}/v1/realtime", proxy=None) as client:
        await event(client)
        await client.close()
        process.send_signal(signal.SIGTERM)
        _, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")
