"""An endpoint on loopback that gives the replies a test has written down."""

from __future__ import annotations

import contextlib
import json
import queue
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol, TypeVar

SECONDS = 60
"""How long a loaded machine may take for anything."""


class Handler(BaseHTTPRequestHandler):
    """Answers every request with the endpoint's next scripted reply."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        read = json.loads(body) if headers["content-type"] == "application/json" else body
        self.server.requests.append((self.path, headers, read))
        reply = self.server.replies.get(timeout=SECONDS)
        with contextlib.suppress(ConnectionError):  # a client that has seen enough leaves
            reply(self)

    def log_message(self, format: str, *args: object) -> None:
        return

    def head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def write_chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[tuple[str, dict[str, str], Any]] = []
        self.replies: queue.Queue[Reply] = queue.Queue()
        self.reached = threading.Event()
        self.left = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


Reply = Callable[[Handler], None]


class Closable(Protocol):
    def close(self) -> None: ...


S = TypeVar("S")
M = TypeVar("M", bound=Closable)


def loaded(load: Callable[[S, Callable[[str], None]], M], settings: S) -> Iterator[M]:
    """An adapter for the time of a test, or of a loop of one round."""
    model = load(settings, lambda step: None)
    yield model
    model.close()


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def begin(handler: Handler, kind: str, *pieces: bytes) -> None:
    handler.head(200, {"content-type": kind, "transfer-encoding": "chunked"})
    for piece in pieces:
        handler.write_chunk(piece)


def send(kind: str, *pieces: bytes, whole: bool = True) -> Reply:
    """A body in pieces; one that is not whole breaks off."""

    def reply(handler: Handler) -> None:
        begin(handler, kind, *pieces)
        if whole:
            handler.write_chunk(b"")
        else:
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)

    return reply


def events(*chunks: dict[str, Any] | str) -> list[bytes]:
    return [f"data: {chunk if isinstance(chunk, str) else json.dumps(chunk)}\n\n".encode() for chunk in chunks]


def stream(*chunks: dict[str, Any] | str, whole: bool = True) -> Reply:
    return send("text/event-stream", *events(*chunks, *(["[DONE]"] if whole else [])), whole=whole)


def refuse(status: int, error: dict[str, Any] | None = None, **headers: str) -> Reply:
    def reply(handler: Handler) -> None:
        body = json.dumps({"error": error}).encode() if error else b"<html>"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        handler.head(status, {"content-type": "application/json", "content-length": str(len(body)), **named})
        handler.wfile.write(body)

    return reply


def stall(kind: str | None = None, *pieces: bytes) -> Reply:
    """Never answers, or never goes on; tells when it is reached, and when the client has left."""

    def reply(handler: Handler) -> None:
        if kind is not None:
            begin(handler, kind, *pieces)
        handler.server.reached.set()
        handler.connection.settimeout(SECONDS)
        with contextlib.suppress(ConnectionResetError):  # it left with bytes unread
            assert handler.connection.recv(1) == b""
        handler.server.left.set()
        handler.close_connection = True

    return reply
