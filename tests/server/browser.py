"""A headless Chromium, driven over its DevTools protocol."""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.request import urlopen

from websockets.asyncio.client import ClientConnection, connect

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SECONDS = 90
"""How long a loaded machine may take for anything."""


class Page:
    """One page. ``complaints`` gathers what its console and its policy have to say."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.complaints: list[str] = []
        self._loaded = asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for message in self._socket:
            told = json.loads(message)
            if "id" in told:
                self._answers.pop(told["id"]).set_result(told)
            elif told["method"] == "Page.loadEventFired":
                self._loaded.set()
            elif told["method"] in ("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled"):
                self.complaints.append(json.dumps(told["params"]))

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        told = await asyncio.wait_for(answer, SECONDS)
        assert "error" not in told, told
        result: dict[str, Any] = told["result"]
        return result

    async def open(self, url: str) -> None:
        for room in ("Page", "Runtime", "Log"):
            await self.ask(f"{room}.enable")
        self._loaded.clear()
        await self.ask("Page.navigate", url=url)
        await asyncio.wait_for(self._loaded.wait(), SECONDS)

    async def value(self, expression: str) -> Any:
        """What an expression is in the page, as if the user had asked for it; a promise is waited for."""
        options = {"awaitPromise": True, "returnByValue": True, "userGesture": True}
        told = await self.ask("Runtime.evaluate", expression=expression, **options)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    async def press(self, key: str, text: str = "") -> None:
        """A key that is pressed, and let go."""
        await self.ask("Input.dispatchKeyEvent", type="keyDown", key=key, text=text)
        await self.ask("Input.dispatchKeyEvent", type="keyUp", key=key)

    async def write(self, text: str) -> None:
        """Text into what has the focus, as a keyboard would."""
        await self.ask("Input.insertText", text=text)

    async def until(self, condition: str) -> Any:
        """Wait, from one frame of the page to the next, until an expression is true."""
        look = f"() => {{ const found = ({condition}); found ? done(found) : requestAnimationFrame(look); }}"
        try:
            return await self.value(f"new Promise((done) => {{ const look = {look}; look(); }})")
        except TimeoutError:
            shown = await self.value("JSON.stringify(document.body.dataset) + document.body.innerText")
            raise AssertionError(f"never: {condition}\n{shown}\n{self.complaints}") from None


@asynccontextmanager
async def page(*more: str) -> AsyncIterator[Page]:
    """A page of a browser that is started with ``more`` options."""
    assert CHROMIUM
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        options = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--remote-debugging-port=0",
            "--window-size=1500,950",
            *more,
        ]
        process = await asyncio.create_subprocess_exec(
            CHROMIUM,
            *options,
            f"--user-data-dir={folder}",
            "about:blank",
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            port = await asyncio.wait_for(_port(process), SECONDS)
            url = await asyncio.wait_for(_page_url(port), SECONDS)
            async with connect(url, max_size=None, proxy=None, open_timeout=SECONDS) as socket:
                yield Page(socket)
        finally:
            process.terminate()
            await process.wait()


async def _port(process: asyncio.subprocess.Process) -> int:
    assert process.stderr is not None
    async for line in process.stderr:
        if b"DevTools listening on" in line:
            return int(line.split(b"://")[1].split(b"/")[0].rsplit(b":", 1)[1])
    raise RuntimeError("the browser did not start")


async def _page_url(port: int) -> str:
    """Where the first page is driven. It may be there only a while after the browser has begun to listen."""
    while True:
        for found in await asyncio.to_thread(_pages, port):
            if found["type"] == "page":
                return str(found["webSocketDebuggerUrl"])


def _pages(port: int) -> list[dict[str, Any]]:
    with urlopen(f"http://127.0.0.1:{port}/json/list", timeout=SECONDS) as response:
        found: list[dict[str, Any]] = json.load(response)
    return found
