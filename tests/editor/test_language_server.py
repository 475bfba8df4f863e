"""What an editor with a YAML language server offers in our files: completion, descriptions, diagnostics.

The server is the one that editors use: `npm ci` in this folder installs it.
"""

from __future__ import annotations

import json
import queue
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rtengine.profile.shipped import shipped, shipped_variants

pytestmark = pytest.mark.end_to_end

SERVER = Path(__file__).parent / "node_modules" / "yaml-language-server" / "bin" / "yaml-language-server"
SECONDS = 60


class Editor:
    """An editor in a few lines: it opens documents and asks about places in them."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._count = 0
        self._answers: queue.Queue[dict[str, Any]] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.ask("initialize", {"processId": None, "rootUri": None, "capabilities": {}})
        self._send({"method": "initialized", "params": {}})
        self.configure()

    def configure(self) -> None:
        settings = {"yaml": {"validate": True, "hover": True, "completion": True, "schemaStore": {"enable": False}}}
        self._send({"method": "workspace/didChangeConfiguration", "params": {"settings": settings}})

    def open(self, path: Path, text: str) -> list[dict[str, Any]]:
        """The diagnostics of the document."""
        document = {"uri": path.as_uri(), "languageId": "yaml", "version": 1, "text": text}
        self._send({"method": "textDocument/didOpen", "params": {"textDocument": document}})
        while True:
            message = self._next()
            params = message.get("params", {})
            if message.get("method") == "textDocument/publishDiagnostics" and params["uri"] == path.as_uri():
                found: list[dict[str, Any]] = params["diagnostics"]
                return found

    def at(self, method: str, path: Path, line: int, character: int) -> Any:
        place = {"textDocument": {"uri": path.as_uri()}, "position": {"line": line, "character": character}}
        return self.ask(f"textDocument/{method}", place)

    def ask(self, method: str, params: dict[str, Any]) -> Any:
        self._count += 1
        self._send({"id": self._count, "method": method, "params": params})
        while True:
            message = self._next()
            if message.get("id") == self._count and "method" not in message:
                assert "error" not in message, message
                return message["result"]

    def _next(self) -> dict[str, Any]:
        message = self._answers.get(timeout=SECONDS)
        if "method" in message and "id" in message:  # the server asks for settings, or registers what it can do
            items = message.get("params", {}).get("items")
            self._send({"id": message["id"], "result": [None for _ in items] if items else None})
        return message

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._process.stdin.flush()

    def _read(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        while header := stream.readline():
            if header.lower().startswith(b"content-length:"):
                length = int(header.split(b":")[1])
                while stream.readline().strip():
                    pass
                self._answers.put(json.loads(stream.read(length)))


@pytest.fixture(scope="module")
def editor() -> Iterator[Editor]:
    node = shutil.which("node")
    if node is None or not SERVER.is_file():
        pytest.skip("the YAML language server is not installed: `npm ci` in tests/editor")
    process = subprocess.Popen([node, str(SERVER), "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield Editor(process)
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


def beside(kind: Any, name: str) -> Path:
    """A file that need not be there, beside the shipped ones."""
    return shipped(kind) / name


HEAD = "# yaml-language-server: $schema=schema.json\n"


@pytest.mark.parametrize(
    "path", [shipped("machines") / "turn.yaml", *shipped_variants().values()], ids=lambda p: p.stem
)
def test_shipped_files_have_no_diagnostics(editor: Editor, path: Path) -> None:
    assert editor.open(path, path.read_text(encoding="utf-8")) == []


def test_a_mistake_is_underlined(editor: Editor) -> None:
    text = HEAD + "extends: turn\nstates:\n  listening:\n    entri: []\n"
    (found,) = editor.open(beside("machines", "mistake.yaml"), text)
    assert found["range"]["start"] == {"line": 4, "character": 4}
    assert "entri" in found["message"]


def test_keys_are_completed(editor: Editor) -> None:
    path = beside("machines", "completed.yaml")
    editor.open(path, HEAD + "extends: turn\nstates:\n  listening:\n    \n")
    items = editor.at("completion", path, 4, 4)["items"]
    assert {"entry", "exit", "on", "always", "after", "invoke", "states"} <= {item["label"] for item in items}


def test_words_are_completed(editor: Editor) -> None:
    path = beside("machines", "words.yaml")
    editor.open(path, HEAD + "extends: \nstates:\n  listening:\n    exit:\n      - call: \n")
    assert {"turn", "still-there"} <= {item["label"] for item in editor.at("completion", path, 1, 9)["items"]}
    assert "stop_playing" in {item["label"] for item in editor.at("completion", path, 5, 14)["items"]}


def test_a_key_tells_what_it_is_for(editor: Editor) -> None:
    path = beside("machines", "told.yaml")
    editor.open(path, HEAD + "extends: turn\nstates:\n  listening:\n    exit: []\n")
    told = editor.at("hover", path, 4, 5)["contents"]["value"]
    assert "Steps on leaving, whatever the reason" in told


def test_a_profile_is_completed_as_well(editor: Editor) -> None:
    path = beside("profiles", "completed.yaml")
    editor.open(path, HEAD + "profile: mine\nversion: 1\nextends: default\nlimits:\n  \n")
    items = editor.at("completion", path, 5, 2)["items"]
    assert {"sessions", "session_seconds"} <= {item["label"] for item in items}
