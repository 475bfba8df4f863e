from __future__ import annotations

import pytest

from rtengine.server.admission import is_loopback, origin_allowed

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
