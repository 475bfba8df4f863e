"""The live view over real sockets: who gets it, and what the feed says."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any

import pytest
from tests.server.fakes import Running, running
from tests.session.machines import MACHINES
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from rtengine.observe.inspector import Inspector
from rtengine.server.inspect import FEED, FILES, VIEWERS, LiveView
from rtengine.server.messages import HttpRequest

pytestmark = pytest.mark.end_to_end

VENDORED = {
    "elk-api.js": "ccca46175c05bbd280b5de6c9853103711e52c666a101f145b717e345363e24d",
    "elk-worker.min.js": "dca3a19d9ec37f5634bf5876b4ebd2455c3f43f0d32570136c13c13edaba9bfb",
}


@asynccontextmanager
async def viewed(token: str | None = None, **settings: Any) -> AsyncIterator[tuple[Running, Inspector]]:
    view = LiveView(Inspector(), token)
    async with running(routes=view.routes(), **settings) as server:
        server.site.feeds[FEED] = view
        yield server, view.inspector


async def told(client: ClientConnection) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(await client.recv())
    return found


def step(t: float = 0.0) -> dict[str, Any]:
    return {"t": t, "in": {"in": "start"}, "rows": [], "out": []}


async def test_the_page_and_its_files_come_under_a_strict_policy() -> None:
    async with viewed() as (server, _):
        status, headers, body = await server.get("/inspect")
        assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        for name in ("main.js", "inspect.css", "elk-worker.min.js", "icon.svg"):
            assert f"inspect/{name}".encode() in body or name.startswith("elk-worker")
            assert (await server.get(f"/inspect/{name}"))[0] == 200
        assert (await server.get("/inspect/none.js"))[0] == 404
        assert (await server.get("/inspect/..%2finspect.py"))[0] == 404


def test_the_page_has_no_inline_script_or_style_and_asks_nobody_else() -> None:
    for path in FILES.glob("*"):
        if path.is_file() and path.suffix != ".svg":
            text = path.read_text(encoding="utf-8")
            assert "innerHTML" not in text, path
            assert "http://" not in text.replace("http://www.w3.org/", ""), path
            assert "https://" not in text, path
    page = (FILES / "index.html").read_text(encoding="utf-8")
    assert "<style" not in page
    assert " style=" not in page
    assert " onclick=" not in page


def test_what_is_not_ours_is_unchanged_and_has_its_licence() -> None:
    for name, digest in VENDORED.items():
        assert sha256((FILES / "elk" / name).read_bytes()).hexdigest() == digest
    assert "Eclipse Public License - v 2.0" in (FILES / "elk" / "LICENSE.md").read_text(encoding="utf-8")


async def test_without_the_option_there_is_no_view() -> None:
    async with running() as server:
        assert (await server.get("/inspect"))[0] == 404
        with pytest.raises(InvalidStatus) as caught:
            await server.connect(FEED)
        assert caught.value.response.status_code == 404


def request(remote: str = "127.0.0.1", **headers: str) -> HttpRequest:
    named = {"host": "localhost:8765", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return HttpRequest("GET", FEED, tuple(named.items()), remote=remote)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (request(), None),
        (request("::1"), None),
        (request(origin="http://localhost:8765"), None),
        (request("192.0.2.7"), "inspect_local_only"),
        (request(host="agent.example"), "inspect_local_only"),
        (request(x_forwarded_for="192.0.2.7"), "inspect_local_only"),
        (request(forwarded="for=192.0.2.7"), "inspect_local_only"),
        (request(origin="http://localhost:9999"), "origin_refused"),
        (request(origin="https://page.example"), "origin_refused"),
        (request(origin="null"), "origin_refused"),
    ],
)
def test_the_feed_is_for_pages_of_this_server_on_this_machine(asked: HttpRequest, code: str | None) -> None:
    refusal = LiveView(Inspector()).refuse_feed(asked)
    assert (json.loads(refusal.body)["error"]["code"] if refusal else None) == code


async def test_the_feed_tells_of_sessions_and_of_the_steps_of_the_one_that_is_watched() -> None:
    async with viewed() as (server, inspector), server.connect(FEED) as client:
        assert await told(client) == {"kind": "hello", "sessions": [], "notices": []}
        first = inspector.trace("sess_1", MACHINES)
        assert (await told(client))["session"]["id"] == "sess_1"
        first._keep(step())
        await client.send(json.dumps({"watch": "sess_1"}))
        trace = await told(client)
        assert (trace["kind"], [each["n"] for each in trace["steps"]]) == ("trace", [1])
        second = inspector.trace("sess_2", MACHINES)
        assert (await told(client))["session"]["id"] == "sess_2"
        second._keep(step())
        first._keep(step(0.5))
        assert await told(client) == {"kind": "step", "id": "sess_1", "step": {"n": 2, **step(0.5)}}
        await client.send(json.dumps({"machines": 0}))
        assert set((await told(client))["set"]["machines"]) == set(MACHINES)
        await client.send(json.dumps({"watch": "sess_gone"}))
        assert await told(client) == {"kind": "gone", "id": "sess_gone"}


async def test_a_viewer_is_no_session() -> None:
    async with viewed(limits={"sessions": 1}) as (server, _), server.connect(FEED), server.connect() as client:
        assert (await told(client))["type"] == "session.created"
        assert server.site.readiness()["sessions"] == 1


async def test_viewers_are_counted() -> None:
    async with viewed() as (server, _):
        clients = [await server.connect(FEED) for _ in range(VIEWERS)]
        with pytest.raises(InvalidStatus) as caught:
            await server.connect(FEED)
        assert caught.value.response.status_code == 503
        for client in clients:
            await client.close()


async def test_with_a_token_nothing_is_told_before_it() -> None:
    async with viewed("right-token") as (server, inspector):
        inspector.trace("sess_1", MACHINES)
        async with server.connect(FEED) as client:
            assert await told(client) == {"kind": "locked"}
            await client.send(json.dumps({"token": "right-token"}))
            assert (await told(client))["sessions"][0]["id"] == "sess_1"
        async with server.connect(FEED) as client:
            assert await told(client) == {"kind": "locked"}
            await client.send(json.dumps({"token": "wrong-token"}))
            with pytest.raises(ConnectionClosed) as caught:
                await client.recv()
            assert caught.value.rcvd is not None and caught.value.rcvd.code == 3000
        async with server.connect(FEED) as client:
            assert await told(client) == {"kind": "locked"}
            await client.send(json.dumps({"watch": "sess_1"}))
            with pytest.raises(ConnectionClosed):
                await client.recv()


@pytest.mark.parametrize("message", ["nonsense", "[]", '{"watch": 1}', '{"token": "x"}', b"\x00"])
async def test_what_no_page_asks_ends_the_feed(message: str | bytes) -> None:
    async with viewed() as (server, _), server.connect(FEED) as client:
        await told(client)
        await client.send(message)
        with pytest.raises(ConnectionClosed) as caught:
            await client.recv()
        assert caught.value.rcvd is not None and caught.value.rcvd.code == 1008


async def test_a_server_that_stops_closes_the_views() -> None:
    async with viewed() as (server, _):
        client = await server.connect(FEED)
        await told(client)
    with pytest.raises(ConnectionClosed) as caught:
        await client.recv()
    assert caught.value.rcvd is not None and caught.value.rcvd.code == 1001
