"""The page to talk with the server from a browser. It is a client like any other: what it may do, its key says."""

from __future__ import annotations

from http import HTTPStatus

from rtengine.profile.settings import ServerSettings
from rtengine.server.admission import is_loopback
from rtengine.server.files import PAGES, PageFiles
from rtengine.server.messages import HttpRequest, HttpResponse
from rtengine.server.routes import Route

PAGE = "/talk"
FILES = PAGES / "talk"


def is_served(settings: ServerSettings) -> bool:
    """Whether there is the page: what the profile says, else where the server listens on loopback."""
    return is_loopback(settings.host) if settings.talk is None else settings.talk


def talk_routes(settings: ServerSettings) -> list[Route]:
    """The page, its files, and the way to it from ``/``; none where it is not served."""
    if not is_served(settings):
        return []
    files = PageFiles(FILES)

    async def root(request: HttpRequest) -> HttpResponse:
        # relative, so that it also leads there below a proxy's path
        return HttpResponse(HTTPStatus.FOUND, headers=(("location", PAGE.removeprefix("/")),))

    async def page(request: HttpRequest) -> HttpResponse:
        return files.answer("index.html")

    async def file(request: HttpRequest) -> HttpResponse:
        return files.answer(request.arguments["file"])

    return [Route("GET", "/", root), Route("GET", PAGE, page), Route("GET", f"{PAGE}/{{file}}", file)]
