"""The live view in a real browser, with a real session behind it."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.server.browser import CHROMIUM, SECONDS, Page, page
from tests.server.prefix import below
from tests.server.process import server
from websockets.asyncio.client import ClientConnection, connect

NO_BROWSER = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")
pytestmark = [pytest.mark.end_to_end, NO_BROWSER]

EVIL = "<img src=x onerror=document.title='owned'>"


def caller(told: dict[str, str]) -> connect:
    return connect(told["WebSocket"] + "?model=m", proxy=None)


async def send(client: ClientConnection, type: str, **fields: Any) -> None:
    await client.send(json.dumps({"type": type, **fields}))


async def until(client: ClientConnection, kind: str) -> dict[str, Any]:
    while True:
        event: dict[str, Any] = json.loads(await asyncio.wait_for(client.recv(), SECONDS))
        if event["type"] == kind:
            return event


async def converse(client: ClientConnection) -> None:
    await send(client, "session.update", session={"type": "realtime", "output_modalities": ["text"]})
    content = [{"type": "input_text", "text": EVIL}]
    await send(client, "conversation.item.create", item={"type": "message", "role": "user", "content": content})
    await send(client, "response.create")
    await until(client, "response.done")


def state(machine: str) -> str:
    """The state of a machine that is lit in its card."""
    return f"document.querySelector('[data-machine={machine}] .state.on')?.dataset.state"


async def look(view: Page, address: str, client: ClientConnection) -> None:
    await view.open(address)
    await converse(client)
    await view.until(f"{state('response')} === 'ended'")


async def test_the_view_shows_a_session_as_it_is_and_as_it_was() -> None:
    async with server("--inspect", last="live view") as told, page() as view:
        async with caller(told) as client:
            await look(view, told["live view"], client)
            assert await view.value(state("session")) == "open.serving"
            assert await view.value(state("turn")) == "listening.idle"
            assert re.fullmatch(r"\w+\.yaml:\d+", await view.value("document.getElementById('file').textContent"))
            await step_back_to_the_answer(view)
        await view.until("document.querySelector('[data-machine=session] .state.on')?.dataset.state === 'open.serving'")
        await view.value("document.getElementById('live').click()")
        await view.until(f"{state('session')} === 'ended'")
        assert view.complaints == []


async def step_back_to_the_answer(view: Page) -> None:
    """To where the model wrote: what was lit then is lit, the row stands in its file, its event is marked."""
    wanted = "(each) => each.textContent.includes('response.output_text.delta')"
    await view.value(f"[...document.querySelectorAll('#events button')].find({wanted}).click()")
    await view.until(f"{state('response')} === 'active.generating'")
    shown = await view.value("document.querySelector('#lines .taken').textContent")
    row = await view.value("document.getElementById('taken').textContent")
    file = await view.value("document.getElementById('file').textContent")
    assert row.startswith(file)
    assert shown.strip()
    assert await view.value("document.querySelector('#events .here .name').textContent") != ""
    assert await view.value("document.querySelectorAll('#events .later').length") > 0
    await view.until("document.querySelectorAll('#diagram svg .arrow').length > 0")


async def test_a_server_in_the_place_of_another_is_shown_with_its_own_machines(tmp_path: Path) -> None:
    other = tmp_path / "button.yaml"
    profile = "profile: button\nversion: 1\nextends: scripted\nmachines: {turn: push-to-talk}\n"
    other.write_text(profile, encoding="utf-8")
    async with page() as view:
        async with server("--inspect", last="live view") as told, caller(told) as client:
            await look(view, told["live view"], client)
            port = urlsplit(told["WebSocket"]).port
        await view.until("document.getElementById('link').textContent === 'no connection'")
        options = ("--inspect", "--port", str(port))
        async with server(*options, profile=str(other), last="live view") as told, caller(told) as client:
            await until(client, "session.created")
            await view.until("document.querySelector('[data-machine=turn] [data-state=\"committing.released\"]')")
            assert await view.value("document.querySelectorAll('#sessions option').length") == 1


async def test_what_a_client_says_is_text_and_nothing_else() -> None:
    async with server("--inspect", last="live view") as told, page() as view, caller(told) as client:
        await look(view, told["live view"], client)
        await view.value("for (const each of document.querySelectorAll('#events button')) each.click()")
        await view.until("document.querySelector('#events pre')")
        assert EVIL.split("=", maxsplit=1)[0] in await view.until(
            "document.body.textContent.includes('onerror') && document.body.textContent"
        )
        assert await view.value("document.title") == "rtengine live view"
        assert await view.value("document.images.length") == 1
        inline = "const made = document.createElement('script'); made.textContent = 'window.ran = true';"
        assert await view.value(f"{inline} document.head.append(made); window.ran ?? 'refused'") == "refused"


async def test_the_view_stands_behind_a_proxy_that_serves_it_below_a_path() -> None:
    async with server("--inspect-remote", last="live view") as told, page() as view, below(told["live view"]) as root:
        token = told["live view"].partition("#")[2]
        async with caller(told) as client:
            await look(view, f"{root}/inspect#{token}", client)
            await view.until("document.querySelectorAll('#diagram svg .arrow').length > 0")
        assert view.complaints == []


async def test_beyond_this_machine_it_takes_the_token() -> None:
    async with server("--inspect-remote", last="live view") as told, page() as view, caller(told) as client:
        address, _, token = told["live view"].partition("#")
        assert len(token) > 16
        await view.open(address)
        await view.until("!document.getElementById('ask').hidden")
        await view.open("about:blank")
        await view.open(f"{address}#not-the-token")
        await view.until("!document.getElementById('ask').hidden")
        assert await view.value("document.querySelectorAll('.card').length") == 0
        await view.value(f"document.getElementById('token').value = '{token}'")
        await view.value("document.querySelector('#ask button').click()")
        await view.until("document.querySelectorAll('.card').length > 0")
        await send(client, "response.cancel")
        await view.until("document.querySelector('#events').textContent.includes('response.cancel')")
