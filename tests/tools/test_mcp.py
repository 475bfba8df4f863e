"""The tools of real MCP servers: over HTTP on loopback, and of a program."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from tests.tools.callables import SECONDS
from tests.tools.mcp_server import server

from rtengine.models.jobs import JobFailed, McpAddress, ToolDone, ToolListDone, ToolRequest
from rtengine.models.ports import Cancel
from rtengine.tools.address import AddressRefused, HostRule
from rtengine.tools.box import Toolbox
from rtengine.tools.loop import ToolLoop
from rtengine.tools.mcp import Connection
from rtengine.tools.pinned import MOST_BYTES, PinnedTransport
from rtengine.tools.servers import Servers
from rtengine.tools.settings import McpRun, ToolSettings

pytestmark = pytest.mark.unit

PROGRAM = [sys.executable, str(Path(__file__).parent / "mcp_server.py")]


class Doorman:
    """Writes down who comes in."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.keys: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = dict(scope["headers"])
            self.keys.add(headers.get(b"authorization", b"").decode())
            if scope["path"] == "/gone":
                await send({"type": "http.response.start", "status": 403, "headers": []})
                await send({"type": "http.response.body"})
                return
        await self.app(scope, receive, send)


@contextlib.contextmanager
def serving() -> Iterator[tuple[int, Doorman]]:
    doorman = Doorman(server.streamable_http_app())
    config = uvicorn.Config(doorman, log_config=None, ws="none", timeout_graceful_shutdown=1)
    host = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:  # it queues callers until the server takes them
        thread = threading.Thread(target=lambda: host.run(sockets=[listener]), daemon=True)
        thread.start()
        yield listener.getsockname()[1], doorman
        host.should_exit = True
        thread.join(SECONDS)


@pytest.fixture(scope="module")
def remote() -> Iterator[tuple[int, Doorman]]:
    with serving() as found:
        yield found


def one(box: Toolbox, request: ToolRequest) -> Any:
    (result,) = box.run(request, Cancel())
    return result


def names(listed: Any) -> list[str]:
    assert isinstance(listed, ToolListDone), listed
    return [tool["name"] for tool in listed.tools]


ALL = ["echo", "fail", "long", "picture", "environment"]


def test_a_server_of_the_profile_over_http(remote: tuple[int, Doorman]) -> None:
    port, doorman = remote
    run = {"mcp": {"server_url": f"http://127.0.0.1:{port}/mcp", "headers": {"Authorization": "Bearer k1"}}}
    box = Toolbox([ToolSettings.model_validate({"name": "home", "run": run, "max_result_bytes": 1000})])
    own = McpAddress("home")
    listed = one(box, ToolRequest(None, server=own))
    assert names(listed) == ALL
    assert listed.tools[0]["description"] == "Says it again."
    assert listed.tools[0]["annotations"] == {"readOnlyHint": True}
    assert listed.tools[0]["input_schema"]["required"] == ["text"]
    assert one(box, ToolRequest("echo", '{"text": "hi"}', own)) == ToolDone("hi!")
    assert one(box, ToolRequest("picture", "{}", own)) == ToolDone("[image/png]")
    assert one(box, ToolRequest("long", "{}", own)) == ToolDone(error="The result is longer than 1000 bytes.")
    failed = one(box, ToolRequest("fail", "{}", own))
    assert "The oven is cold." in failed.error and failed.kind == "tool_execution_error"
    assert one(box, ToolRequest("echo", "[]", own)).error == "The arguments are no JSON object."
    assert one(box, ToolRequest("nothing", "{}", own)).error is not None
    assert doorman.keys == {"Bearer k1"}
    box.close()


def test_a_server_that_a_client_names(remote: tuple[int, Doorman]) -> None:
    port, doorman = remote
    box = Toolbox([], [HostRule.parse(f"127.0.0.1:{port}")])
    address = McpAddress("any", f"http://127.0.0.1:{port}/mcp", "k2")
    assert names(one(box, ToolRequest(None, server=address))) == ALL
    assert one(box, ToolRequest("echo", '{"text": "ho"}', address)) == ToolDone("ho!")
    assert "Bearer k2" in doorman.keys
    gone = one(box, ToolRequest(None, server=McpAddress("gone", f"http://127.0.0.1:{port}/gone")))
    assert isinstance(gone, JobFailed)
    box.close()


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/mcp", "http://localhost/mcp", None])
def test_a_server_that_is_not_allowed_is_not_asked(url: str | None) -> None:
    box = Toolbox([], [HostRule.parse("mcp.example.com")])
    result = one(box, ToolRequest(None, server=McpAddress("evil", url)))
    assert result == JobFailed("The MCP server 'evil' is not allowed.", "mcp_not_allowed")
    box.close()


def test_a_server_that_is_not_there_is_an_error() -> None:
    box = Toolbox([], [HostRule.parse("127.0.0.1")])
    address = McpAddress("off", "http://127.0.0.1:1/mcp")
    assert one(box, ToolRequest(None, server=address)) == JobFailed("The MCP server cannot be reached.", "-32000")
    expected = ToolDone(error="The MCP server cannot be reached.", kind="protocol_error", code=-32000)
    assert one(box, ToolRequest("echo", "{}", address)) == expected
    box.close()


def test_a_server_that_was_restarted_is_connected_anew() -> None:
    with serving() as (port, _):
        run = {"mcp": {"server_url": f"http://127.0.0.1:{port}/mcp"}}
        box = Toolbox([ToolSettings.model_validate({"name": "home", "run": run})])
        assert one(box, ToolRequest("echo", '{"text": "a"}', McpAddress("home"))) == ToolDone("a!")
    down = one(box, ToolRequest("echo", '{"text": "b"}', McpAddress("home")))
    assert down.error is not None and down.kind != "tool_execution_error"
    box.close()


def test_a_program_is_started_when_it_is_needed_and_ends_with_the_server() -> None:
    before = set(threading.enumerate())
    run = {"mcp": {"command": PROGRAM, "env": {"COLOUR": "green"}, "server_label": "local"}}
    box = Toolbox([ToolSettings.model_validate({"name": "any", "run": run})])
    own = McpAddress("local")
    assert json.loads(box.catalog.servers["local"].tool.model_dump_json())["server_label"] == "local"
    assert names(one(box, ToolRequest(None, server=own))) == ALL
    assert one(box, ToolRequest("environment", '{"name": "COLOUR"}', own)) == ToolDone("green")
    box.close()
    assert set(threading.enumerate()) <= before


def warned(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_program_that_is_not_there_is_an_error_and_a_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    run = {"mcp": {"command": ["/nowhere/at/all"]}}
    box = Toolbox([ToolSettings.model_validate({"name": "off", "run": run})])
    assert isinstance(one(box, ToolRequest(None, server=McpAddress("off"))), JobFailed)
    box.close()
    why = "FileNotFoundError: [Errno 2] No such file or directory: '/nowhere/at/all'"
    assert warned(caplog) == [f"the MCP server 'off' cannot be connected to: {why}"]


def test_what_a_program_says_on_its_standard_error_is_in_the_log_with_its_label(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    run = {"mcp": {"command": [sys.executable, "-c", "import sys; sys.exit('no calendar is set')"]}}
    box = Toolbox([ToolSettings.model_validate({"name": "calendar", "run": run})])
    assert isinstance(one(box, ToolRequest(None, server=McpAddress("calendar"))), JobFailed)
    box.close()
    assert warned(caplog) == ["the MCP server 'calendar' cannot be connected to: Connection closed (code -32000)"]
    assert "the MCP server 'calendar' says: no calendar is set" in [record.getMessage() for record in caplog.records]
    assert capfd.readouterr().err == ""


async def test_a_server_that_never_tells_its_tools_is_a_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    silent = McpRun.model_validate({"command": [sys.executable, "-c", "import sys; sys.stdin.read()"]})
    connection = Connection(silent, "silent")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await connection.list_tools()
    await connection.close()
    assert warned(caplog) == ["the MCP server 'silent' had not told its tools when they were given up"]


async def test_connections_are_closed_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    closing, all_closing = list[Connection](), asyncio.Event()

    async def close(connection: Connection) -> None:
        closing.append(connection)
        if len(closing) == 2:
            all_closing.set()
        await all_closing.wait()

    monkeypatch.setattr(Connection, "close", close)
    tools = [ToolSettings.model_validate({"name": name, "run": {"mcp": {"command": ["x"]}}}) for name in ("a", "b")]
    servers = Servers({tool.name: tool for tool in tools}, (), ToolLoop())
    opened = [servers._connection(tool.name, tool.name) for tool in tools]
    async with asyncio.timeout(SECONDS):
        await servers.close()
    assert closing == opened


def test_a_failure_for_which_several_wait_is_told_once_and_a_later_one_again(caplog: pytest.LogCaptureFixture) -> None:
    box = Toolbox([], [HostRule.parse("127.0.0.1")])
    address = McpAddress("off", "http://127.0.0.1:1/mcp")
    for _ in range(2):
        one(box, ToolRequest(None, server=address))
    box.close()
    assert (
        warned(caplog)
        == ["the MCP server 'off' cannot be connected to: ConnectError: All connection attempts failed"] * 2
    )


def test_a_server_that_refuses_is_told_with_what_it_says_but_never_with_what_it_may_repeat_of_a_call(
    remote: tuple[int, Doorman], caplog: pytest.LogCaptureFixture
) -> None:
    port, _ = remote
    tools = [
        {"name": name, "run": {"mcp": {"server_url": f"http://127.0.0.1:{port}/{name}"}}} for name in ("gone", "mcp")
    ]
    box = Toolbox([ToolSettings.model_validate(tool) for tool in tools])
    assert isinstance(one(box, ToolRequest(None, server=McpAddress("gone"))), JobFailed)
    assert one(box, ToolRequest("my-secret", '{"text": "my-secret"}', McpAddress("mcp"))).error is not None
    box.close()
    refused, *called = warned(caplog)
    assert re.fullmatch(r"the MCP server 'gone' cannot be connected to: .+ \(code -32\d+\)", refused)
    assert not any("my-secret" in line for line in called)


async def test_a_redirect_or_another_host_is_refused_at_the_transport() -> None:
    async with httpx2.AsyncClient(transport=PinnedTransport(HostRule.parse("mcp.example.com"))) as client:
        with pytest.raises(AddressRefused, match="not allowed"):
            await client.get("https://example.org/")


async def test_the_connection_goes_to_the_address_and_the_name_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(200, content=bytes(MOST_BYTES + 1) if request.url.path == "/long" else b"ok")

    monkeypatch.setattr("rtengine.tools.pinned.choose", lambda host, port, rule: "93.184.216.34")
    pinned = PinnedTransport(HostRule.parse("mcp.example.com"), httpx2.MockTransport(answer))
    async with httpx2.AsyncClient(transport=pinned) as client:
        assert (await client.get("https://mcp.example.com/x")).text == "ok"
        with pytest.raises(httpx2.ReadError):
            await client.get("https://mcp.example.com/long")
    assert seen[0].url.host == "93.184.216.34"
    assert seen[0].headers["host"] == "mcp.example.com"
    assert seen[0].extensions["sni_hostname"] == "mcp.example.com"
