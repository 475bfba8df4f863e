"""Where a client may point the server to: nowhere, unless the profile says so."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from rtengine.tools.address import AddressRefused, HostRule, choose, is_public, literal, rule_for

pytestmark = pytest.mark.unit

RULES = [HostRule.parse(text) for text in ("mcp.example.com", "*.tools.example", "ports.example:8443", "10.0.0.7:81")]


@pytest.mark.parametrize(
    "url",
    [
        "https://mcp.example.com/mcp",
        "https://MCP.example.com:9999/x?y=z",
        "https://mcp.example.com./mcp",
        "https://a.tools.example/",
        "https://a.b.tools.example/",
        "https://ports.example:8443/",
        "http://10.0.0.7:81/mcp",
    ],
)
def test_an_allowed_host_is_found(url: str) -> None:
    assert rule_for(url, RULES) is not None


@pytest.mark.parametrize(
    "url",
    [
        "http://mcp.example.com/mcp",
        "https://mcp.example.com.evil.org/",
        "https://evil.org/mcp.example.com",
        "https://evil.org#mcp.example.com",
        "https://evil.org?mcp.example.com",
        "https://mcp.example.com@evil.org/",
        "https://user:pass@mcp.example.com/",
        "https://evil.org\\@mcp.example.com/",
        "https://mcp.example.com\\.evil.org/",
        "https://mcp.example.com%00.evil.org/",
        "https://mcp.example.com%2eevil.org/",
        "https://xmcp.example.com/",
        "https://tools.example/",
        "https://xtools.example/",
        "https://ports.example/",
        "https://ports.example:443/",
        "http://10.0.0.7/",
        "http://10.0.0.8:81/",
        "http://127.0.0.1/",
        "http://localhost/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://0x7f.0.0.1/",
        "http://2130706433/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://0xa9fea9fe/latest/meta-data",
        "http://169.254.169.254/latest/meta-data",
        "http://0x0a.0x0.0x0.0x7:81/",
        "https://ⓜcp.example.com/",
        "file:///etc/passwd",
        "gopher://mcp.example.com/",
        "ws://mcp.example.com/",
        "//mcp.example.com/",
        "mcp.example.com",
        "https://",
        "https://mcp.example.com:99999/",
        "",
    ],
)
def test_every_other_spelling_is_refused(url: str) -> None:
    assert rule_for(url, RULES) is None


def test_without_a_rule_nothing_is_allowed() -> None:
    assert rule_for("https://mcp.example.com/", []) is None


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "255.255.255.255",
        "224.0.0.1",
        "::1",
        "::",
        "fe80::1",
        "fc00::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
    ],
)
def test_private_addresses_are_not_public(address: str) -> None:
    found = literal(address)
    assert found is not None and not is_public(found)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:8.8.8.8"])
def test_public_addresses_are(address: str) -> None:
    found = literal(address)
    assert found is not None and is_public(found)


def resolving(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    def found(host: str, port: int, **rest: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", found)


def test_a_name_is_connected_to_at_the_address_that_was_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, "93.184.216.34")
    assert choose("mcp.example.com", 443, RULES[0]) == "93.184.216.34"


def test_an_allowed_name_that_means_a_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, "93.184.216.34", "169.254.169.254")
    with pytest.raises(AddressRefused, match="not on the public internet"):
        choose("mcp.example.com", 443, RULES[0])


def test_an_address_that_the_profile_writes_down_may_be_private(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, "10.0.0.7")
    assert choose("10.0.0.7", 81, RULES[3]) == "10.0.0.7"


def test_localhost_means_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, "10.0.0.7")
    with pytest.raises(AddressRefused, match="this machine"):
        choose("localhost", 80, HostRule.parse("localhost"))


@pytest.mark.parametrize("text", ["", "a/b", "u@h", "h?q", "a%2fb"])
def test_what_is_no_host_is_no_rule(text: str) -> None:
    with pytest.raises(ValueError, match="is no host"):
        HostRule.parse(text)
