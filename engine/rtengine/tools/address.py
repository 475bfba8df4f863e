"""Where the server may connect to on a client's word: default deny, and never by a name alone (SSRF).

A name that the profile allows is resolved once, every address it has is looked at, and the connection goes to one of
them: a name that changes its mind in between (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_PORTS = {"http": 80, "https": 443}
_LOCAL = ("localhost", "127.0.0.1", "::1")


class AddressRefused(Exception):
    """An address that may not be connected to. The message is one for the client."""


@dataclass(frozen=True, slots=True)
class HostRule:
    """One entry of the profile's `mcp_hosts`: `host`, `host:port` or `*.domain`.

    Private addresses are refused even behind an allowed name; to allow one, the entry is the address (or localhost).
    """

    host: str
    port: int | None = None

    @classmethod
    def parse(cls, text: str) -> HostRule:
        """Raises ValueError for what is no host."""
        split = urlsplit(f"//{text}")
        if split.hostname is None or split.path or split.query or split.username is not None or "%" in text:
            raise ValueError(f"'{text}' is no host")
        return cls(split.hostname, split.port)

    @property
    def private(self) -> bool:
        """Whether the rule names a private address, and so allows it."""
        return self.host in _LOCAL or literal(self.host) is not None

    def allows(self, host: str, port: int) -> bool:
        if self.port is not None and self.port != port:
            return False
        if self.host.startswith("*."):
            return host.endswith(self.host[1:]) and len(host) > len(self.host) - 1
        return host == self.host


def literal(host: str) -> Address | None:
    """The address that a host is when it is written as one, in the one canonical spelling; None for names."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def rule_for(url: str, rules: Iterable[HostRule]) -> HostRule | None:
    """The rule that lets a client name this URL; None when there is none."""
    try:
        split = urlsplit(url)
        host, port = host_and_port(split)
    except ValueError:
        return None
    found = next((rule for rule in rules if rule.allows(host, port)), None)
    if found is None or (split.scheme != "https" and not found.private):
        return None
    return found


def host_and_port(split: SplitResult) -> tuple[str, int]:
    """Raises ValueError for a URL that could be read in two ways."""
    if split.scheme not in _PORTS or split.hostname is None or split.username is not None or split.password is not None:
        raise ValueError("not a plain http(s) URL")
    if any(character in split.netloc for character in "\\%\t\r\n ") or not split.netloc.isascii():
        raise ValueError("odd characters in the host")
    host = split.hostname.rstrip(".")
    if literal(host) is None and numeric(host):
        raise ValueError("an address in an odd spelling")
    return host, split.port or _PORTS[split.scheme]


def numeric(host: str) -> bool:
    """Whether a resolver may take the name for a number: `2130706433`, `0x7f.1`, `0177.0.0.1`."""
    last = host.rpartition(".")[2]
    return last.isdigit() or last[:2].lower() == "0x"


def is_public(address: Address) -> bool:
    """Whether an address is on the public internet, also when it is an IPv4 address dressed as IPv6."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is not None:
            return is_public(inner)
        if address in ipaddress.ip_network("64:ff9b::/96"):  # NAT64
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return address.is_global and not address.is_multicast


def choose(host: str, port: int, rule: HostRule) -> str:
    """Resolve a host, blocking; the address to connect to. Raises AddressRefused when one of its addresses is private.

    Only a rule that names the address itself allows a private one.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise AddressRefused(f"The host '{host}' cannot be found.") from error
    addresses = [ipaddress.ip_address(entry[4][0]) for entry in found]
    if not rule.private and not all(is_public(address) for address in addresses):
        raise AddressRefused(f"The host '{host}' is not on the public internet.")
    if rule.host == "localhost" and not all(address.is_loopback for address in addresses):
        raise AddressRefused("The name 'localhost' does not mean this machine.")
    return str(addresses[0])
