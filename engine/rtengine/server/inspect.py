"""The live view: its page, its files, and the feed that it shows. Everything comes from this server.

Who sees the feed sees what is said in every session. So it is for this machine alone, unless there is a token: then it
is for whoever has that.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from http import HTTPStatus

from websockets.asyncio.server import broadcast

from rtengine.observe.inspector import Inspector
from rtengine.protocol.codec import encode
from rtengine.server.admission import is_loopback, named, same_origin
from rtengine.server.door import Door
from rtengine.server.files import PAGES, PageFiles
from rtengine.server.messages import HttpRequest, HttpResponse, refused
from rtengine.server.routes import Route, websocket_routes

PAGE = "/inspect"
FEED = "/inspect/feed"
FILES = PAGES / "inspect"
VIEWERS = 16
UNSENT_BYTES = 32 << 20
"""What waits for one viewer; one that does not read is dropped."""
FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")
"""Who sends these is a proxy: what comes through it may come from anywhere."""


class LiveView:
    """``token`` None: for this machine alone."""

    def __init__(self, inspector: Inspector, token: str | None = None) -> None:
        self.inspector = inspector
        self._token = token
        self._viewers: set[Viewer] = set()
        self._files = PageFiles(FILES)

    def routes(self) -> list[Route]:
        return [Route("GET", PAGE, self._page), *websocket_routes([FEED]), Route("GET", f"{PAGE}/{{file}}", self._file)]

    def refuse(self, request: HttpRequest) -> HttpResponse | None:
        """Why somebody is not let in; None lets him in."""
        if self._token is None and not _from_this_machine(request):
            message = "The live view is for the server's own machine; with --inspect-remote it takes a token."
            return refused(HTTPStatus.FORBIDDEN, message, "inspect_local_only")
        return None

    def refuse_feed(self, request: HttpRequest) -> HttpResponse | None:
        origin = request.header("origin")
        if origin is not None and not same_origin(origin, request.header("host") or ""):
            return refused(HTTPStatus.FORBIDDEN, "The feed is for the live view's own page.", "origin_refused")
        if len(self._viewers) >= VIEWERS:
            return refused(HTTPStatus.SERVICE_UNAVAILABLE, f"{VIEWERS} live views are open.", "too_many_viewers")
        return self.refuse(request)

    async def serve(self, door: Door) -> None:
        """Feed one open connection until it is closed."""
        viewer = Viewer(door, self.inspector, self._token)
        self._viewers.add(viewer)
        door.inlet.open(viewer)
        try:
            if self._token is None:
                viewer.welcome()
            else:
                viewer.ask()
            await door.wait_closed()
        finally:
            self._viewers.discard(viewer)
            viewer.leave()

    async def _page(self, request: HttpRequest) -> HttpResponse:
        return self._answer(request, "index.html")

    async def _file(self, request: HttpRequest) -> HttpResponse:
        return self._answer(request, request.arguments["file"])

    def _answer(self, request: HttpRequest, name: str) -> HttpResponse:
        return self.refuse(request) or self._files.answer(name)


class Viewer:
    """One page that looks. It asks with ``{"token": …}``, ``{"machines": number}`` and ``{"watch": session id}``."""

    def __init__(self, door: Door, inspector: Inspector, token: str | None) -> None:
        self._door = door
        self._inspector = inspector
        self._token = token
        self._welcome = False
        self._watched: str | None = None
        self._closing: asyncio.Task[None] | None = None

    @property
    def behind(self) -> bool:
        return False

    def welcome(self) -> None:
        """It may see everything."""
        self._welcome = True
        self._inspector.listen(self.told)

    def ask(self) -> None:
        """It has to show its token first."""
        self._send(encode({"kind": "locked"}))

    def leave(self) -> None:
        self._inspector.leave(self.told)

    def told(self, session_id: str | None, text: str) -> None:
        if session_id is None or session_id == self._watched:
            self._send(text)

    def frame(self, message: str | bytes) -> None:
        try:
            asked = json.loads(message)
        except ValueError:
            asked = None
        match asked:
            case {"token": str(token)} if not self._welcome:
                self._identify(token)
            case {"watch": str(session_id)} if self._welcome:
                self._watch(session_id)
            case {"machines": int(number)} if self._welcome:
                self._show(number)
            case _:
                self.hang_up(1008, "this is not what the live view asks")

    def hang_up(self, code: int, reason: str) -> None:
        if self._closing is None:
            self.leave()
            self._closing = asyncio.get_running_loop().create_task(self._door.close(code, reason))

    def _identify(self, token: str) -> None:
        if self._token is not None and hmac.compare_digest(token.encode(), self._token.encode()):
            self.welcome()
        else:
            self.hang_up(3000, "the token is wrong")

    def _watch(self, session_id: str) -> None:
        history = self._inspector.history(session_id)
        self._watched = session_id
        self._send(history if history is not None else encode({"kind": "gone", "id": session_id}))

    def _show(self, number: int) -> None:
        described = self._inspector.machines(number)
        if described is not None:
            self._send(f'{{"kind":"machines","number":{number},"set":{described}}}')

    def _send(self, text: str) -> None:
        broadcast((self._door,), text)
        if self._door.transport.get_write_buffer_size() > UNSENT_BYTES:
            self.hang_up(1013, "the viewer does not read")


def _from_this_machine(request: HttpRequest) -> bool:
    return (
        is_loopback(request.remote)
        and is_loopback(named(request.header("host") or ""))
        and not any(request.header(name) for name in FORWARDED)
    )
