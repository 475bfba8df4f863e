"""The tools a response may call, who runs each of them, and what is known of the MCP servers of a session."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from rtengine.models.jobs import McpAddress
from rtengine.protocol.items import McpListedTool
from rtengine.protocol.tools import ApprovalFilter, FunctionChoice, FunctionTool, McpTool, Tool, ToolChoice, ToolFilter
from rtengine.tools.address import rule_for
from rtengine.tools.catalog import Catalog

CallKind = Literal["function_call", "mcp_call", "mcp_approval_request"]

_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]")
_LONGEST_NAME = 64
"""Of a function, at the chat completions API."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A function as the chat model sees it, and what a call of it becomes."""

    function: FunctionTool
    kind: CallKind = "function_call"
    label: str = ""
    """The MCP server."""
    name: str = ""
    """The tool's name there."""


@dataclass(slots=True)
class Listing:
    """The tools of one MCP server, as far as they are known."""

    server: McpTool
    item_id: str = ""
    done: bool = False
    failed: bool = False
    tools: list[McpListedTool] = field(default_factory=list)


@dataclass(slots=True)
class Toolset:
    catalog: Catalog = field(default_factory=Catalog)
    listings: dict[str, Listing] = field(default_factory=dict)
    """By server label."""
    given: dict[str, list[McpListedTool]] = field(default_factory=dict)
    """Tools that the client has told of servers that have not been asked, by label."""
    approvals: set[str] = field(default_factory=set)
    """Approval requests that the client has not answered."""

    def unlisted(self, tools: Iterable[Tool]) -> McpTool | None:
        """The first server that has not been asked for its tools, or not at this address."""
        for tool in tools:
            if isinstance(tool, McpTool):
                known = self.listings.get(tool.server_label)
                if known is None or address(known.server) != address(tool):
                    return tool
        return None

    def know(self, label: str, tools: Sequence[McpListedTool]) -> None:
        """The client tells itself which tools a server has."""
        listing = self.listings.get(label)
        if listing is None:
            self.given[label] = list(tools)
        else:
            listing.tools, listing.done, listing.failed = list(tools), True, False

    def listing(self, tools: Iterable[Tool]) -> bool:
        """Whether one of the servers has not yet said which tools it has."""
        return any(not self.listings[tool.server_label].done for tool in tools if isinstance(tool, McpTool))

    def forget_failed(self) -> None:
        """Servers that did not tell their tools count as not asked."""
        self.listings = {label: listing for label, listing in self.listings.items() if not listing.failed}

    def offers(self, tools: Sequence[Tool], *, outside: bool) -> dict[str, Offer]:
        """What the chat model may call, by the name it uses.

        An answer ``outside`` of the conversation has no follow-up, and nobody to ask: what needs them is left out.
        """
        offers: dict[str, Offer] = {}
        for tool in tools:
            if isinstance(tool, FunctionTool) and not (outside and tool.name in self.catalog.functions):
                offers[tool.name] = Offer(tool)
        for tool in tools:
            if isinstance(tool, McpTool) and tool.server_label in self.listings:
                for offer in self._of_server(tool, offers):
                    if not (outside and offer.kind == "mcp_approval_request"):
                        offers[offer.function.name] = offer
        return offers

    def seconds(self, name: str, label: str = "") -> float | None:
        """The time limit of a tool of the profile; None for one that a client named."""
        own = self.catalog.servers.get(label) if label else self.catalog.functions.get(name)
        return own.timeout_seconds if own else None

    def with_own(self, tools: Iterable[Tool]) -> list[Tool]:
        """The profile's tools, then the others. A client may repeat the profile's; it cannot take them away."""
        own: list[Tool] = list(self.catalog.tools())
        return own + [tool for tool in tools if tool not in own]

    def unknown(self, choice: ToolChoice, tools: Sequence[Tool]) -> str | None:
        """What a tool choice names and the tools do not have; None when they have it, or may have it."""
        if isinstance(choice, str):
            return None
        if isinstance(choice, FunctionChoice):
            names = {tool.name for tool in tools if isinstance(tool, FunctionTool)}
            return None if choice.name in names else choice.name
        server = next((t for t in tools if isinstance(t, McpTool) and t.server_label == choice.server_label), None)
        if server is None:
            return choice.server_label
        listing = self.listings.get(server.server_label)
        if choice.name is None or listing is None or not listing.done or listing.failed:
            return None  # what the server has is not known yet
        names = {tool.name for tool in listing.tools if allowed(server, tool)}
        return None if choice.name in names else choice.name

    def problem(self, tools: Iterable[Tool], where: str) -> ToolProblem | None:
        """Why these tools cannot be had; None when they can."""
        own: list[Tool] = list(self.catalog.tools())
        labels: set[str] = set()
        names: set[str] = set()
        for at, tool in enumerate(tools):
            place = f"{where}[{at}]"
            if tool in own:
                continue
            if isinstance(tool, FunctionTool):
                if tool.name in self.catalog.functions:
                    return ToolProblem(f"The tool '{tool.name}' is one of the server's own.", f"{place}.name")
                if tool.name in names:
                    return ToolProblem(f"There are two tools with the name '{tool.name}'.", f"{place}.name")
                names.add(tool.name)
                continue
            if tool.server_label in self.catalog.servers:
                message = f"The MCP server '{tool.server_label}' is one of the server's own."
                return ToolProblem(message, f"{place}.server_label")
            if tool.server_label in labels:
                message = f"There are two MCP servers with the label '{tool.server_label}'."
                return ToolProblem(message, f"{place}.server_label")
            labels.add(tool.server_label)
            found = self._problem_of_server(tool, place)
            if found is not None:
                return found
        return None

    def _problem_of_server(self, tool: McpTool, place: str) -> ToolProblem | None:
        for name in ("connector_id", "tunnel_id"):
            if getattr(tool, name) is not None:
                return ToolProblem("This server has no connectors and no tunnels: use 'server_url'.", f"{place}.{name}")
        if tool.server_url is None:
            param = f"{place}.server_url"
            return ToolProblem(f"Missing required parameter: '{param}'.", param, "missing_required_parameter")
        if rule_for(tool.server_url, self.catalog.hosts) is None:
            message = f"This server may not connect to the MCP server '{tool.server_label}' at that URL."
            return ToolProblem(message, f"{place}.server_url")
        if tool.defer_loading:
            return ToolProblem("This server loads all tools of an MCP server at once.", f"{place}.defer_loading")
        if tool.allowed_callers is not None and "direct" not in tool.allowed_callers:
            return ToolProblem("On this server the model itself calls the tools.", f"{place}.allowed_callers")
        return None

    def _of_server(self, server: McpTool, taken: Mapping[str, Offer]) -> Iterable[Offer]:
        for tool in self.listings[server.server_label].tools:
            if not allowed(server, tool):
                continue
            name = plain_name(tool.name)
            if name in taken:
                name = plain_name(f"{server.server_label}_{tool.name}")
            kind: CallKind = "mcp_approval_request" if needs_approval(server, tool) else "mcp_call"
            function = FunctionTool(name=name, description=described(server, tool), parameters=tool.input_schema)
            yield Offer(function, kind, server.server_label, tool.name)


@dataclass(frozen=True, slots=True)
class ToolProblem:
    message: str
    param: str
    code: str = "invalid_value"


def address(tool: McpTool) -> McpAddress:
    headers = tuple(sorted((tool.headers or {}).items()))
    return McpAddress(tool.server_label, tool.server_url, tool.authorization, headers)


def plain_name(name: str) -> str:
    """A name that every chat model takes."""
    return _NOT_IN_NAMES.sub("_", name)[:_LONGEST_NAME]


def described(server: McpTool, tool: McpListedTool) -> str | None:
    """What the chat model reads of a tool: its own description, and what its server is for."""
    of_server = f"{server.server_label}: {server.server_description}" if server.server_description else ""
    return "\n".join(part for part in (tool.description, of_server) if part) or None


def allowed(server: McpTool, tool: McpListedTool) -> bool:
    wanted = server.allowed_tools
    if wanted is None:
        return True
    return matches(wanted, tool) if isinstance(wanted, ToolFilter) else tool.name in wanted


def needs_approval(server: McpTool, tool: McpListedTool) -> bool:
    """By the server's ``require_approval``, which is ``always`` when nothing is said."""
    wanted = server.require_approval
    if not isinstance(wanted, ApprovalFilter):
        return wanted != "never"
    if wanted.always is not None and matches(wanted.always, tool):
        return True
    return wanted.never is None or not matches(wanted.never, tool)


def matches(wanted: ToolFilter, tool: McpListedTool) -> bool:
    named = wanted.tool_names is None or tool.name in wanted.tool_names
    read_only = bool((tool.annotations or {}).get("readOnlyHint", False))
    return named and (wanted.read_only is None or wanted.read_only == read_only)
