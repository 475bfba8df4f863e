"""The page to talk with over HTTP: where it is, under which policy, and where it is not."""

from __future__ import annotations

import asyncio
from urllib.request import urlopen

import pytest
from tests.server.fakes import running
from tests.server.process import server

from rtengine.profile.settings import ServerSettings
from rtengine.server.files import POLICY
from rtengine.server.talk import FILES, is_served, talk_routes

pytestmark = pytest.mark.end_to_end


async def test_the_root_leads_to_the_page_and_its_files_come_under_a_strict_policy() -> None:
    async with running(routes=talk_routes(ServerSettings())) as site:
        status, headers, body = await site.get("/")
        assert (status, headers["location"], body) == (302, "talk", b"")
        status, headers, body = await site.get("/talk")
        assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert headers["content-security-policy"] == POLICY
        assert "unsafe" not in POLICY
        assert b"talk/main.js" in body
        for path in FILES.iterdir():
            assert (await site.get(f"/talk/{path.name}"))[0] == 200
        assert (await site.get("/talk/none.js"))[0] == 404
        assert (await site.get("/talk/..%2fmain.js"))[0] == 404
        assert (await site.get("/talk", "Origin: https://page.example\r\n"))[0] == 403


def test_the_page_has_no_inline_script_or_style_and_asks_nobody_else() -> None:
    for path in FILES.iterdir():
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/", "")
        assert "innerHTML" not in text, path
        assert "://" not in text, path
    page = (FILES / "index.html").read_text(encoding="utf-8")
    for inline in ("<style", " style=", " onclick=", "<script>"):
        assert inline not in page


@pytest.mark.parametrize(
    ("settings", "served"),
    [
        ({}, True),
        ({"host": "::1"}, True),
        ({"host": "0.0.0.0"}, False),
        ({"host": "192.0.2.7"}, False),
        ({"host": "0.0.0.0", "talk": True}, True),
        ({"talk": False}, False),
    ],
)
def test_beyond_this_machine_the_page_is_there_only_if_the_profile_says_so(
    settings: dict[str, object], served: bool
) -> None:
    found = ServerSettings.model_validate(settings)
    assert is_served(found) is served
    assert bool(talk_routes(found)) is served


async def test_a_server_says_where_its_page_is() -> None:
    async with server() as told:
        assert await asyncio.to_thread(read, told["talk"]) == (FILES / "index.html").read_bytes()


def read(address: str) -> bytes:
    with urlopen(address, timeout=90) as answer:
        body: bytes = answer.read()
    return body
