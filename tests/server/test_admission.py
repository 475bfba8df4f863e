from __future__ import annotations

import pytest

from rtengine.profile.settings import ServerSettings
from rtengine.server.admission import is_loopback, origin_allowed, refuse_host
from rtengine.server.messages import HttpRequest

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("host", ["localhost", "app.localhost", "127.0.0.1", "127.8.9.1", "::1"])
def test_names_that_can_only_mean_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "localhost.evil",
        "127.0.0.1.nip.io",
        "0.0.0.0",
        "10.0.0.1",
        "example.com",
        "0x7f000001",
        "2130706433",
        "127.1",
    ],
)
def test_names_that_may_mean_another_machine(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        ("https://api.example", "api.example", True),
        ("https://api.example", "api.example:443", True),
        ("http://api.example:8765", "api.example:8765", True),
        ("https://API.example", "api.EXAMPLE", True),
        ("http://[::1]:3000", "api.example", True),
        ("https://api.example:8443", "api.example", False),
        ("http://api.example", "api.example:443", False),
        ("https://api.example", "", False),
        ("https://", "", False),
        ("", "", False),
        ("https://api.example:port", "api.example", False),
        ("https://api.example/path", "api.example", False),
        ("file://", "", False),
        ("https://listed.example", "api.example", True),
        ("https://listed.example.evil", "api.example", False),
        ("https://sub.listed.example", "api.example", False),
    ],
)
def test_an_origin_is_compared_whole(origin: str, host: str, allowed: bool) -> None:
    assert origin_allowed(origin, host, ["https://listed.example"]) is allowed


@pytest.mark.parametrize(
    ("listens", "listed", "host", "answered"),
    [
        ("127.0.0.1", [], "localhost:8765", True),
        ("127.0.0.1", [], "evil.example", False),
        ("127.0.0.1", [], "10.0.0.5", False),
        ("127.0.0.1", ["api.example"], "api.example", True),
        ("0.0.0.0", [], "any.example", True),
        ("0.0.0.0", ["api.example"], "api.example:443", True),
        ("0.0.0.0", ["api.example"], "10.0.0.5:8765", True),
        ("0.0.0.0", ["api.example"], "[2001:db8::1]:8765", True),
        ("0.0.0.0", ["api.example"], "127.0.0.1", True),
        ("0.0.0.0", ["api.example"], "evil.example", False),
        ("0.0.0.0", ["api.example"], "", False),
    ],
)
def test_a_server_answers_to_its_own_names(listens: str, listed: list[str], host: str, answered: bool) -> None:
    request = HttpRequest("GET", "/v1/models", (("host", host),))
    assert (refuse_host(request, ServerSettings(host=listens, hosts=listed)) is None) is answered
