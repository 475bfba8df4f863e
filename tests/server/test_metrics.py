"""`/metrics` of a running server: what it tells, and whom."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from tests.server.fakes import FakeSession, Running, event, running, say, until
from tests.server.test_keys import DESK, made
from websockets.exceptions import InvalidStatus

from rtengine.observe.metrics import CONTENT_TYPE
from rtengine.protocol.errors import APIError
from rtengine.server.lag import measured_lag
from rtengine.session.effects import Disconnected

pytestmark = pytest.mark.end_to_end

CLEAR = '{"type":"input_audio_buffer.clear"}'


async def values(server: Running) -> dict[str, float]:
    status, headers, body = await server.get("/metrics")
    assert (status, headers["content-type"]) == (200, CONTENT_TYPE)
    lines = [line for line in body.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def failing(session: FakeSession, received: Any, now: float) -> list[Any]:
    if isinstance(received, Disconnected):
        return []
    return [say("error", error={"type": "invalid_request_error", "code": "invalid_value", "message": "secret"})]


async def test_sessions_are_counted_while_they_are_open_and_afterwards() -> None:
    async with running(failing) as server:
        assert (await values(server))["rtengine_sessions_open"] == 0
        async with server.connect() as client:
            await event(client)
            await client.send(CLEAR)
            await event(client)
            found = await values(server)
            assert (found["rtengine_sessions_open"], found["rtengine_sessions_total"]) == (1, 1)
            assert found['rtengine_errors_total{code="invalid_value"}'] == 1
        await until(lambda: not server.site.shells)
        found = await values(server)
        assert (found["rtengine_sessions_open"], found["rtengine_sessions_total"]) == (0, 1)


async def test_whoever_gets_no_session_is_counted_by_the_reason() -> None:
    def make(request: Any) -> FakeSession:
        if request.model == "x":
            raise APIError("No such model.", code="invalid_model")
        return FakeSession(request)

    async with running(factory=make, limits={"sessions": 1}) as server:
        async with server.connect("/v1/realtime?model=x") as refused:
            await refused.wait_closed()
        await until(lambda: not server.site.sockets)
        async with server.connect() as client:
            await event(client)
            with pytest.raises(InvalidStatus):
                await server.connect()
        found = await values(server)
    assert found['rtengine_sessions_refused_total{code="invalid_model"}'] == 1
    assert found['rtengine_sessions_refused_total{code="too_many_sessions"}'] == 1


async def test_with_keys_the_page_wants_one() -> None:
    async with running(keyring=made()) as server:
        assert (await server.get("/metrics"))[0] == 401
        assert (await server.get("/metrics", "Authorization: Bearer sk-wrong-0123456789\r\n"))[0] == 401
        status, _, body = await server.get("/metrics", f"Authorization: Bearer {DESK}\r\n")
        assert (status, b"rtengine_sessions_open 0.0" in body) == (200, True)
        assert b"desk" not in body
        assert (await server.get("/healthz"))[0] == 200


async def test_a_loop_that_is_late_is_noticed() -> None:
    told: list[float] = []
    with measured_lag(told.append, period=0.0):
        await until(lambda: len(told) >= 3)
    count = len(told)
    await asyncio.sleep(0)
    assert len(told) == count
    assert all(lag >= 0 for lag in told)


async def test_a_session_with_tracing_leaves_its_trace_in_the_folder(tmp_path: Path) -> None:
    greeting = {"session": {"id": "sess_fake", "tracing": {"workflow_name": "hotel"}}}
    async with running(server={"traces": str(tmp_path)}, greeting=greeting) as server:
        async with server.connect() as client:
            await event(client)
        await until(lambda: not server.site.shells)
        server.site.traces.close()
    (name,) = os.listdir(tmp_path)
    assert name.endswith("-sess_fake.trace.jsonl")
    assert '"workflow_name":"hotel"' in (tmp_path / name).read_text(encoding="utf-8")
