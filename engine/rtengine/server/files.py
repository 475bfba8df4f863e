"""The files of a page that the server shows, under a policy that lets them load nothing of anybody else."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path

from rtengine.server.messages import HttpResponse, refused

PAGES = Path(__file__).parent / "pages"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".md": "text/markdown; charset=utf-8",
}
POLICY = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = (
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cache-control", "no-cache"),
)


class PageFiles:
    """Read once; a name is looked up and never becomes a path."""

    def __init__(self, folder: Path) -> None:
        self._files = {path.name: path.read_bytes() for path in sorted(folder.rglob("*")) if path.suffix in TYPES}

    def answer(self, name: str) -> HttpResponse:
        body = self._files.get(name)
        if body is None:
            return refused(HTTPStatus.NOT_FOUND, "The page has no such file.", "unknown_url")
        return HttpResponse(HTTPStatus.OK, body, TYPES[Path(name).suffix], HEADERS)
