"""A session that does what a test tells it, a host that runs nothing, and a server around them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from rtengine.models.jobs import Job, Result
from rtengine.pipeline.host import Deliver
from rtengine.profile.settings import Limits, ServerSettings
from rtengine.server.keys import Keyring
from rtengine.server.serve import Server
from rtengine.server.sessions import ConnectRequest, SessionInput
from rtengine.server.site import Site
from rtengine.session.effects import Effect, Send

Answer = Callable[["FakeSession", SessionInput, float], list[Effect]]


def say(type: str, **fields: Any) -> Send:
    return Send({"type": type, **fields})


class FakeSession:
    """Says ``session.created``, then whatever ``answer`` makes of each input. It remembers the inputs."""

    def __init__(
        self, request: ConnectRequest, answer: Answer | None = None, greeting: dict[str, Any] | None = None
    ) -> None:
        self.id = "sess_fake"
        self.conversation_id = "conv_fake"
        self.closed = False
        self.request = request
        self.inputs: list[SessionInput] = []
        self.times: list[float] = []
        self.rest: list[list[Effect]] = []
        """What it says, part by part, before it takes another input."""
        self.arrived = asyncio.Event()
        self._answer = answer
        self._greeting = greeting or {}

    def start(self, now: float) -> list[Effect]:
        self.times.append(now)
        return [say("session.created", **self._greeting)]

    def receive(self, event: SessionInput, now: float) -> list[Effect]:
        self.inputs.append(event)
        self.times.append(now)
        self.arrived.set()
        return self._answer(self, event, now) if self._answer else []

    @property
    def behind(self) -> bool:
        return bool(self.rest)

    def go_on(self, now: float) -> list[Effect]:
        return self.rest.pop(0)

    async def until(self, kind: type) -> Any:
        """The first input of that kind, waited for."""
        while True:
            found = next((one for one in self.inputs if isinstance(one, kind)), None)
            if found is not None:
                return found
            self.arrived.clear()
            await self.arrived.wait()


class FakeHost:
    """Takes jobs and lets the test deliver their results."""

    def __init__(self) -> None:
        self.jobs: dict[str, tuple[Job, Deliver]] = {}
        self.cancelled: list[str] = []
        self.absent: tuple[str, ...] = ()
        self.on_submit: Callable[[Job, Deliver], None] | None = None
        self.steps: list[str] = []

    async def start(self, progress: Callable[[str], None]) -> None:
        progress("loading nothing")
        self.steps.append("start")

    def submit(self, job: Job, deliver: Deliver) -> None:
        self.jobs[job.id] = (job, deliver)
        if self.on_submit is not None:
            self.on_submit(job, deliver)

    def deliver(self, job_id: str, result: Result) -> None:
        self.jobs[job_id][1](job_id, result)

    def cancel(self, job_id: str) -> None:
        self.cancelled.append(job_id)

    def missing(self) -> tuple[str, ...]:
        return self.absent

    async def close(self) -> None:
        self.steps.append("close")


class Running:
    """A server under test, and the sessions it has made."""

    def __init__(self, server: Server, host: FakeHost, sessions: list[FakeSession]) -> None:
        self.server = server
        self.site = server.site
        self.host = host
        self.sessions = sessions
        self._writers: list[asyncio.StreamWriter] = []

    def connect(self, path: str = "/v1/realtime?model=m", **settings: Any) -> connect:
        return connect(f"ws://127.0.0.1:{self.server.port}{path}", compression=None, proxy=None, **settings)

    async def raw(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A bare connection. It is closed with the server."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        self._writers.append(writer)
        return reader, writer

    async def hang_up(self) -> None:
        """Close every bare connection."""
        for writer in self._writers:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
        self._writers.clear()

    async def http(self, text: str) -> tuple[int, dict[str, str], bytes]:
        """Send bytes as they stand and read one response: status, headers in lower case, body."""
        reader, writer = await self.raw()
        writer.write(text.encode("latin-1"))
        try:
            return await response(reader, head=text.startswith("HEAD"))
        finally:
            await self.hang_up()

    async def get(self, path: str, headers: str = "", method: str = "GET") -> tuple[int, dict[str, str], bytes]:
        host = "" if "host:" in headers.lower() else f"Host: 127.0.0.1:{self.server.port}\r\n"
        return await self.http(f"{method} {path} HTTP/1.1\r\n{host}{headers}\r\n")


async def until(condition: Callable[[], object]) -> None:
    """Let the loop run until the condition holds."""
    while not condition():  # noqa: ASYNC110 - whatever it is about, the loop alone brings it
        await asyncio.sleep(0)


async def response(reader: asyncio.StreamReader, head: bool = False) -> tuple[int, dict[str, str], bytes]:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
    status = int(lines[0].split()[1])
    length = 0 if head or status < 200 else int(headers.get("content-length", "0"))
    return status, headers, await reader.readexactly(length)


async def event(client: ClientConnection) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(await client.recv())
    return found


def upgrade_head(port: int, path: str = "/v1/realtime?model=m", extra: str = "", host: str | None = None) -> str:
    return (
        f"GET {path} HTTP/1.1\r\nHost: {host or f'127.0.0.1:{port}'}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n{extra}\r\n"
    )


@asynccontextmanager
async def running(
    answer: Answer | None = None,
    *,
    factory: Callable[[ConnectRequest], Any] | None = None,
    server: dict[str, Any] | None = None,
    limits: dict[str, Any] | None = None,
    routes: Any = (),
    loaded: bool = True,
    greeting: dict[str, Any] | None = None,
    keyring: Keyring | None = None,
) -> AsyncIterator[Running]:
    sessions: list[FakeSession] = []

    def make(request: ConnectRequest) -> Any:
        session = factory(request) if factory else FakeSession(request, answer, greeting)
        sessions.append(session)
        return session

    host = FakeHost()
    settings = ServerSettings(port=0, **(server or {}))
    site = Site(settings, Limits(**(limits or {})), host, make, ["m", "n"], routes, keyring)
    site.loaded = loaded
    started = Server(site)
    await started.start()
    server_under_test = Running(started, host, sessions)
    try:
        yield server_under_test
    finally:
        await server_under_test.hang_up()
        await started.stop()
