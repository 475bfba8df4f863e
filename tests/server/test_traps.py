"""What one client does to another, with true sessions over true sockets: nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import pytest
from tests.server.fakes import Running, event, running, until
from tests.session.machines import MACHINES
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from rtengine.models.jobs import GenerateDone, GenerateRequest, GenerateText, Job
from rtengine.profile.settings import Limits
from rtengine.protocol.ids import Ids
from rtengine.protocol.session import RealtimeSession
from rtengine.scenarios.world import ToldActivity
from rtengine.server.sessions import ConnectRequest
from rtengine.session.session import Session

pytestmark = pytest.mark.end_to_end


@asynccontextmanager
async def serving(**settings: Any) -> AsyncIterator[Running]:
    """A server whose sessions are those of the product, and whose models say what the test lets them."""
    numbers = count(1)

    def make(request: ConnectRequest) -> Session:
        number = next(numbers)
        configured = RealtimeSession(id=f"sess_{number}", model="m", output_modalities=["text"])
        return Session(configured, MACHINES, lambda rate: ToldActivity(), Limits(), Ids(seed=number))

    async with running(factory=make, **settings) as server:
        yield server


async def ask(client: ClientConnection, *events: dict[str, Any]) -> None:
    for each in events:
        await client.send(json.dumps(each))


async def events_until(client: ClientConnection, last: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    while not events or events[-1]["type"] != last:
        events.append(await event(client))
    return events


async def types_until(client: ClientConnection, last: str) -> list[str]:
    return [each["type"] for each in await events_until(client, last)]


def said(text: str) -> dict[str, Any]:
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    return {"type": "conversation.item.create", "item": item}


def jobs_of(server: Running, session_id: str) -> list[Job]:
    return [job for job, _ in server.host.jobs.values() if job.session_id == session_id]


def answer(server: Running, job: Job, text: str) -> None:
    server.host.deliver(job.id, GenerateText(text))
    server.host.deliver(job.id, GenerateDone("stop"))


async def test_two_clients_at_once_have_a_conversation_each() -> None:
    async with serving() as server, server.connect() as one, server.connect() as other:
        assert (await event(one))["session"]["id"] == "sess_1"
        assert (await event(other))["session"]["id"] == "sess_2"
        await ask(one, said("I am the first"), {"type": "response.create"})
        await ask(other, said("I am the second"), {"type": "response.create"})
        await types_until(one, "response.created")
        await types_until(other, "response.created")
        (first,), (second,) = jobs_of(server, "sess_1"), jobs_of(server, "sess_2")
        assert isinstance(first.request, GenerateRequest)
        assert isinstance(second.request, GenerateRequest)
        assert first.request.messages == ({"role": "user", "content": "I am the first"},)
        assert second.request.messages == ({"role": "user", "content": "I am the second"},)
        answer(server, second, "To the second")
        answer(server, first, "To the first")
        for client, text in ((one, "To the first"), (other, "To the second")):
            received = await events_until(client, "response.done")
            assert [each["delta"] for each in received if "delta" in each] == [text]
            assert received[-1]["response"]["output"][0]["content"] == [{"type": "output_text", "text": text}]


async def test_what_a_client_left_behind_does_not_reach_the_next() -> None:
    async with serving() as server:
        async with server.connect() as gone:
            await event(gone)
            await ask(gone, said("Remember me"), {"type": "response.create"})
            await types_until(gone, "response.created")
            (left,) = jobs_of(server, "sess_1")
            server.host.deliver(left.id, GenerateText("Half an"))
            await types_until(gone, "response.output_text.delta")
            gone.transport.abort()
        await until(lambda: not server.site.shells)
        assert server.host.cancelled == [left.id]
        async with server.connect() as client:
            assert (await event(client))["type"] == "session.created"
            answer(server, left, " answer")
            await ask(client, said("Who am I?"), {"type": "response.create"})
            added = await event(client)
            assert (added["type"], added["previous_item_id"]) == ("conversation.item.added", None)
            assert await types_until(client, "response.created") == ["conversation.item.done", "response.created"]
            (job,) = jobs_of(server, "sess_2")
            assert isinstance(job.request, GenerateRequest)
            assert job.request.messages == ({"role": "user", "content": "Who am I?"},)


async def test_a_defect_without_a_row_ends_its_session_alone() -> None:
    async with serving() as server, server.connect() as bad, server.connect() as good:
        await event(bad)
        await event(good)

        def broken(*arguments: Any, **named: Any) -> None:
            raise RuntimeError("secret detail")

        server.sessions[0]._host.actions.add_item = broken  # type: ignore[attr-defined]
        await ask(bad, said("Hello"))
        error = await event(bad)
        assert (error["type"], error["error"]["type"]) == ("error", "server_error")
        assert "secret" not in json.dumps(error)
        with pytest.raises(ConnectionClosed) as closed:
            await bad.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1011
        await ask(good, said("Hello"))
        assert (await types_until(good, "conversation.item.done"))[0] == "conversation.item.added"


async def test_a_client_that_does_not_read_holds_up_no_other() -> None:
    limits = {"write_buffer_bytes": 1 << 20}
    async with serving(limits=limits) as server, server.connect(max_queue=1) as slow, server.connect() as other:
        await event(slow)
        await event(other)
        await ask(slow, {"type": "response.create"})
        await types_until(slow, "response.created")
        slow.transport.pause_reading()
        (job,) = jobs_of(server, "sess_1")
        for _ in range(400):
            server.host.deliver(job.id, GenerateText("x" * 60_000))
        await until(lambda: job.id in server.host.cancelled)
        await ask(other, {"type": "response.create"})
        assert (await event(other))["type"] == "response.created"
        slow.transport.abort()
