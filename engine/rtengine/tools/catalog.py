"""What a session needs to know of the tools that the server runs. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rtengine.protocol.tools import FunctionTool, McpTool
from rtengine.tools.address import HostRule
from rtengine.tools.settings import TIMEOUT_SECONDS


@dataclass(frozen=True)
class OwnFunction:
    """A function of the profile that the server runs."""

    tool: FunctionTool
    timeout_seconds: float = TIMEOUT_SECONDS


@dataclass(frozen=True)
class OwnServer:
    """An MCP server of the profile, as clients see it: without its address and its keys."""

    tool: McpTool
    timeout_seconds: float = TIMEOUT_SECONDS


@dataclass(frozen=True)
class Catalog:
    """The profile's tools by name and label, and where clients may point to MCP servers of their own."""

    functions: Mapping[str, OwnFunction] = field(default_factory=dict)
    servers: Mapping[str, OwnServer] = field(default_factory=dict)
    hosts: tuple[HostRule, ...] = ()
    """Empty: nowhere."""

    def without_servers(self) -> Catalog:
        """For clients of the beta, which knows no MCP."""
        return Catalog(self.functions)

    def tools(self) -> list[FunctionTool | McpTool]:
        """In the order of the profile: what every session is offered."""
        functions = [own.tool for own in self.functions.values()]
        return [*functions, *(own.tool for own in self.servers.values())]
