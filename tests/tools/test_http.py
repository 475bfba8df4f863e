"""HTTP endpoints as tools, against a real server on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from tests.tools.callables import SECONDS

from rtengine.models.jobs import ToolDone, ToolRequest
from rtengine.models.ports import Cancel
from rtengine.tools.box import Toolbox
from rtengine.tools.settings import ToolSettings

pytestmark = pytest.mark.unit

asked = threading.Semaphore(0)
release = threading.Event()


class Endpoint(BaseHTTPRequestHandler):
    """Answers with what it was asked; by its path it does otherwise."""

    def do_GET(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length).decode()
        if self.path.startswith("/hang"):
            asked.release()
            release.wait(SECONDS)
        if self.path.startswith("/redirect"):
            self.send_response(302)
            self.send_header("location", "http://169.254.169.254/latest")
            self.end_headers()
            return
        status = 500 if self.path.startswith("/broken") else 200
        said = {"path": self.path, "method": self.command, "body": body, "key": self.headers.get("x-key")}
        if self.path.startswith("/typed"):
            said = {"type": self.headers.get("content-type")}
        content = b"no" if status == 500 else b"x" * 200 if self.path.startswith("/long") else json.dumps(said).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    release.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    threading.Thread(target=lambda: server.serve_forever(0.01), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    release.set()
    server.shutdown()
    server.server_close()


def call(
    url: str, arguments: Any, cancel: Cancel | None = None, method: str = "POST", headers: dict[str, str] | None = None
) -> list[Any]:
    run = {"http": {"url": url, "method": method, "headers": {"X-Key": "secret", **(headers or {})}}}
    box = Toolbox([ToolSettings.model_validate({"name": "t", "run": run, "max_result_bytes": 150})])
    try:
        return list(box.run(ToolRequest("t", json.dumps(arguments)), Cancel() if cancel is None else cancel))
    finally:
        box.close()


def test_the_profile_may_name_the_type_of_the_body(address: str) -> None:
    for headers, sent in (({}, "application/json"), ({"Content-Type": "application/ld+json"}, "application/ld+json")):
        (done,) = call(f"{address}/typed", {"a": 1}, headers=headers)
        assert json.loads(done.output) == {"type": sent}


def test_arguments_go_into_the_body(address: str) -> None:
    (done,) = call(f"{address}/tool?fixed=1", {"city": "Oslo"})
    said = json.loads(done.output)
    assert said == {"path": "/tool?fixed=1", "method": "POST", "body": '{"city": "Oslo"}', "key": "secret"}


def test_arguments_of_a_get_go_into_the_query_and_into_the_path(address: str) -> None:
    (done,) = call(f"{address}/city/{{city}}?fixed=1", {"city": "a/b c?", "days": 3, "deep": [1]}, method="GET")
    assert json.loads(done.output)["path"] == "/city/a%2Fb%20c%3F?fixed=1&days=3&deep=%5B1%5D"


@pytest.mark.parametrize("city", ["..", ".", ""])
def test_an_argument_cannot_change_the_path(address: str, city: str) -> None:
    (done,) = call(f"{address}/city/{{city}}", {"city": city}, method="GET")
    assert done.error is not None and "'city'" in done.error


def test_any_status_but_success_is_an_error(address: str) -> None:
    expected = ToolDone(error="The endpoint answered with status 500: no", kind="http_error", code=500)
    assert call(f"{address}/broken", {}) == [expected]


def test_a_redirect_is_not_followed(address: str) -> None:
    (done,) = call(f"{address}/redirect", {}, method="GET")
    assert done.code == 302


def test_a_result_that_is_too_long_is_an_error(address: str) -> None:
    assert call(f"{address}/long", {}) == [ToolDone(error="The result is longer than 150 bytes.")]


def test_an_endpoint_that_is_not_there_is_an_error() -> None:
    assert call("http://127.0.0.1:1/", {}) == [ToolDone(error="The endpoint cannot be reached.")]


def test_arguments_that_are_no_object_are_told_to_the_model(address: str) -> None:
    assert call(address, [1]) == [ToolDone(error="The arguments are no JSON object.")]


def test_a_cancelled_call_does_not_wait_for_the_endpoint(address: str) -> None:
    cancel = Cancel()
    results: list[Any] = []
    caller = threading.Thread(target=lambda: results.extend(call(f"{address}/hang", {}, cancel)))
    caller.start()
    assert asked.acquire(timeout=SECONDS)
    cancel.set()
    caller.join(SECONDS)
    assert not caller.is_alive() and results == []
