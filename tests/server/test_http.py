"""Plain HTTP on the WebSocket's port, byte by byte over real sockets."""

from __future__ import annotations

import asyncio
import json

import pytest
from tests.server.fakes import Running, event, response, running, until, upgrade_head

from rtengine.protocol.errors import APIError
from rtengine.server.messages import HttpRequest, HttpResponse
from rtengine.server.routes import Route

pytestmark = pytest.mark.end_to_end


async def echo(request: HttpRequest) -> HttpResponse:
    return HttpResponse.json({"got": request.json(), "length": len(request.body), "query": request.query})


async def teapot(request: HttpRequest) -> HttpResponse:
    raise APIError("Incorrect API key provided.", code="invalid_api_key", status=401)


async def broken(request: HttpRequest) -> HttpResponse:
    raise ZeroDivisionError("secret detail")


ROUTES = [Route("POST", "/v1/echo", echo), Route("POST", "/v1/key", teapot), Route("POST", "/v1/broken", broken)]


def post(server: Running, path: str, body: str, extra: str = "", length: int | None = None) -> str:
    length = len(body.encode()) if length is None else length
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.server.port}\r\nContent-Length: {length}\r\n{extra}\r\n"
    return head + body


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/healthz", 200),
        ("HEAD", "/healthz", 200),
        ("GET", "/readyz", 200),
        ("GET", "/v1/models", 200),
        ("GET", "/v1/models/m", 200),
        ("GET", "/v1/models/x", 404),
        ("GET", "/", 404),
        ("GET", "/v1/models/m/y", 404),
        ("GET", "/v1/realtime?model=m", 426),
        ("POST", "/v1/models", 405),
        ("DELETE", "/healthz", 405),
        ("OPTIONS", "/healthz", 405),
        ("PUT", "/nowhere", 404),
    ],
)
async def test_every_path_and_method_has_its_status(method: str, path: str, status: int) -> None:
    async with running() as server:
        found, headers, body = await server.get(path, "Content-Length: 0\r\n" if method != "GET" else "", method)
        assert found == status
        assert headers["content-type"] == "application/json"
        if method == "HEAD":
            assert (int(headers["content-length"]) > 0, body) == (True, b"")
        elif status >= 400:
            assert set(json.loads(body)["error"]) == {"message", "type", "param", "code"}
        if status == 405:
            assert "GET, HEAD" in headers["allow"]
        if status == 426:
            assert headers["upgrade"] == "websocket"


async def test_models_are_listed_in_the_shape_of_the_api() -> None:
    async with running() as server:
        listed = json.loads((await server.get("/v1/models"))[2])
        assert listed["object"] == "list"
        assert [model["id"] for model in listed["data"]] == ["m", "n"]
        assert set(listed["data"][0]) == {"id", "object", "created", "owned_by"}
        assert json.loads((await server.get("/v1/models/n"))[2]) == listed["data"][1]


async def test_readiness_names_what_is_missing() -> None:
    async with running(loaded=False) as server:
        assert await readiness(server) == (503, "loading", [])
        server.site.loaded = True
        assert await readiness(server) == (200, "ready", [])
        server.host.absent = ("transcribe", "speak")
        assert await readiness(server) == (503, "unavailable", ["transcribe", "speak"])
        server.host.absent = ()
        server.site.drain()
        assert await readiness(server) == (503, "draining", [])
        assert (await server.get("/healthz"))[0] == 200


async def readiness(server: Running) -> tuple[int, str, list[str]]:
    status, _, body = await server.get("/readyz")
    return status, json.loads(body)["status"], json.loads(body)["missing"]


async def test_a_body_is_read_with_a_length_and_in_chunks() -> None:
    async with running(routes=ROUTES) as server:
        status, _, body = await server.http(post(server, "/v1/echo?a=1&a=2&b=", '{"x": [1, 2]}'))
        assert (status, json.loads(body)["got"], json.loads(body)["query"]) == (200, {"x": [1, 2]}, {"a": "2"})
        head = f"POST /v1/echo HTTP/1.1\r\nHost: 127.0.0.1:{server.server.port}\r\nTransfer-Encoding: chunked\r\n\r\n"
        status, _, body = await server.http(head + '5\r\n{"x":\r\n3\r\n 1}\r\n0\r\n\r\n')
        assert (status, json.loads(body)["got"]) == (200, {"x": 1})
        assert json.loads((await server.http(post(server, "/v1/echo", "")))[2])["got"] is None


@pytest.mark.parametrize("body", ["{", "[" * 100_000, "\xff\xfe", "NaN,"])
async def test_a_body_that_is_no_json_is_400_in_the_shape_of_the_api(body: str) -> None:
    async with running(routes=ROUTES) as server:
        status, _, answer = await server.http(post(server, "/v1/echo", body, length=len(body.encode("latin-1"))))
        assert (status, json.loads(answer)["error"]["code"]) == (400, "invalid_json")
        assert set(json.loads(answer)["error"]) == {"message", "type", "param", "code"}


async def test_the_error_of_a_route_keeps_its_status_and_a_fault_tells_no_detail(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with running(routes=ROUTES) as server:
        status, _, body = await server.http(post(server, "/v1/key", "{}"))
        assert (status, json.loads(body)["error"]["code"]) == (401, "invalid_api_key")
        status, _, body = await server.http(post(server, "/v1/broken", "{}"))
        assert (status, json.loads(body)["error"]["type"]) == (500, "server_error")
        assert b"secret" not in body
    assert [record.getMessage() for record in caplog.records if record.exc_info] == ["route failed"]


async def test_a_connection_is_kept_and_pipelined_requests_are_answered_in_order() -> None:
    async with running(routes=ROUTES) as server:
        reader, writer = await server.raw()
        requests = [post(server, "/v1/echo", json.dumps(number)) for number in range(50)]
        writer.write("".join(requests).encode())
        assert [json.loads((await response(reader))[2])["got"] for _ in range(50)] == list(range(50))
        writer.write(post(server, "/v1/echo", "50").encode())
        assert json.loads((await response(reader))[2])["got"] == 50
        writer.write(post(server, "/v1/echo", "51", "Connection: close\r\n").encode())
        assert json.loads((await response(reader))[2])["got"] == 51
        assert await reader.read() == b""


async def test_bytes_may_come_one_by_one() -> None:
    async with running(routes=ROUTES) as server:
        reader, writer = await server.raw()
        for byte in post(server, "/v1/echo", '{"a": 1}').encode():
            writer.write(bytes([byte]))
            await asyncio.sleep(0)
        assert json.loads((await response(reader))[2])["got"] == {"a": 1}


async def test_a_kept_connection_may_upgrade_after_a_plain_request() -> None:
    async with running() as server:
        reader, writer = await server.raw()
        host = f"Host: 127.0.0.1:{server.server.port}\r\n"
        writer.write(f"GET /healthz HTTP/1.1\r\n{host}\r\n".encode() + upgrade_head(server.server.port).encode())
        assert (await response(reader))[0] == 200
        assert (await response(reader))[0] == 101
        assert b"session.created" in await reader.read(100)


async def test_an_upgrade_that_is_refused_can_be_read_and_the_connection_is_closed() -> None:
    async with running(limits={"sessions": 1}) as server, server.connect() as client:
        await event(client)
        reader, writer = await server.raw()
        writer.write(upgrade_head(server.server.port).encode() + b"early frames" * 1000)
        status, headers, body = await response(reader)
        assert (status, headers["retry-after"], headers["connection"]) == (503, "1", "close")
        assert json.loads(body)["error"]["code"] == "too_many_sessions"
        assert await reader.read() == b""


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 TLS hello\r\n\r\n", 400),
        ("GARBAGE\r\n\r\n", 400),
        ("GET /healthz HTTP/1.1\r\n\r\n", 400),
        ("GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("GET /healthz HTTP/1.1\r\nHost: localhost\r\nbad header\r\n\r\n", 400),
        ("POST /v1/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", 400),
        ("POST /v1/echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        ("POST /v1/echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
        (f"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: {'x' * (17 << 10)}\r\n\r\n", 431),
        (f"GET /{'x' * (17 << 10)} HTTP/1.1\r\nHost: localhost\r\n\r\n", 431),
        ("POST /v1/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4097\r\n\r\n", 413),
        (f"POST /v1/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50000\r\n\r\n{'x' * 50_000}", 413),
        (
            "POST /v1/echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
            + ("400\r\n" + "x" * 1024 + "\r\n") * 5,
            413,
        ),
    ],
)
async def test_what_is_no_request_or_too_large_is_answered_and_cut(request_text: str, status: int) -> None:
    async with running(routes=ROUTES, limits={"request_bytes": 4096}) as server:
        reader, writer = await server.raw()
        writer.write(request_text.encode("latin-1"))
        found, headers, body = await response(reader)
        assert (found, headers["connection"]) == (status, "close")
        assert json.loads(body)["error"]["type"] in ("invalid_request_error", "server_error")
        assert await reader.read() == b""
        assert (await server.get("/healthz"))[0] == 200


@pytest.mark.parametrize(
    "sent", ["", "GET /healthz HTT", "POST /v1/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{"]
)
async def test_a_request_that_does_not_end_is_cut_at_the_deadline(sent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline is long enough for the server to have read what was sent; then the loop's clock leaps to it."""
    loop = asyncio.get_running_loop()
    now = loop.time
    async with running(routes=ROUTES, limits={"request_seconds": 1000}) as server:
        reader, writer = await server.raw()
        writer.write(sent.encode())
        await until(lambda: any(not sent or each._raw or each._request for each in server.site.connections))
        monkeypatch.setattr(loop, "time", lambda: now() + 1000)
        if sent:
            assert (await response(reader))[0] == 408
        assert await reader.read() == b""


async def test_a_client_may_close_its_half_after_the_request() -> None:
    async with running(routes=ROUTES) as server:
        reader, writer = await server.raw()
        writer.write(post(server, "/v1/echo", "1").encode())
        writer.write_eof()
        assert json.loads((await response(reader))[2])["got"] == 1
        assert await reader.read() == b""


async def test_a_client_that_waits_for_100_is_told_to_continue() -> None:
    async with running(routes=ROUTES) as server:
        reader, writer = await server.raw()
        head = post(server, "/v1/echo", "", "Expect: 100-continue\r\n", length=2)
        writer.write(head.encode())
        assert (await response(reader))[0] == 100
        writer.write(b"{}")
        assert (await response(reader))[0] == 200


async def test_a_page_of_another_site_may_not_post() -> None:
    async with running(routes=ROUTES) as server:
        request = post(server, "/v1/echo", "{}", "Origin: https://evil.example\r\n")
        status, _, body = await server.http(request)
        assert (status, json.loads(body)["error"]["code"]) == (403, "origin_refused")


async def test_a_host_name_pointed_at_this_machine_is_not_answered() -> None:
    async with running() as server:
        assert (await server.get("/healthz", "Host: evil.example\r\n"))[0] == 421


@pytest.mark.parametrize(
    ("path", "meant"),
    [("/health", "/healthz"), ("/v1/model", "/v1/models"), ("/metric", "/metrics"), ("/nowhere/at/all", None)],
)
async def test_an_unknown_path_is_told_the_one_that_was_probably_meant(path: str, meant: str | None) -> None:
    async with running() as server:
        status, _, body = await server.get(path)
        told = f"Unknown request URL: GET {path}." + (f" Did you mean {meant}?" if meant else "")
        assert (status, json.loads(body)["error"]["message"]) == (404, told)


async def test_a_websocket_to_an_unknown_path_is_told_where_it_is() -> None:
    async with running() as server:
        status, _, body = await server.http(upgrade_head(server.server.port, "/v1/realtimes?model=m"))
        message = "Unknown request URL: GET /v1/realtimes. Did you mean /v1/realtime?"
        assert (status, json.loads(body)["error"]["message"]) == (404, message)


async def test_the_log_says_why_a_request_was_refused_and_what_a_proxy_has_made_of_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    async with running() as server:
        await server.get("/healthz", "Host: voice.example\r\n")
        port = server.server.port
        await server.get("/healthz", f"Host: 127.0.0.1:{port}\r\nOrigin: https://app.example\r\n")
        await server.http(upgrade_head(port, f"/voice/{'x' * 300}"))
        server.site.loaded = False
        await server.http(upgrade_head(port))
    wrong_host, wrong_origin, wrong_path, early = (
        vars(record)["fields"] for record in caplog.records if record.getMessage() == "request refused"
    )
    remote = {"remote": "127.0.0.1"}
    assert wrong_host == {"status": 421, "code": "unknown_host", "path": "/healthz", "host": "voice.example", **remote}
    assert (wrong_origin["status"], wrong_origin["code"], wrong_origin["origin"]) == (
        403,
        "origin_refused",
        "https://app.example",
    )
    assert (wrong_path["code"], len(wrong_path["path"])) == ("unknown_url", 201)
    assert (early["status"], early["code"], early["path"]) == (503, "loading", "/v1/realtime")


async def test_a_websocket_handshake_without_a_key_is_400() -> None:
    async with running() as server:
        head = upgrade_head(server.server.port).replace("Sec-WebSocket-Key", "X-Key")
        assert (await server.http(head))[0] == 400


async def test_no_connection_is_kept_after_its_client_is_gone() -> None:
    async with running() as server:
        for _ in range(20):
            await server.get("/healthz")
        await until(lambda: not server.site.connections)
        assert len(server.site.sockets) == 0
