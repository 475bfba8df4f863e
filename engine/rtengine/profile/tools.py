"""What can be wrong with the tools of a profile, beyond the shape of a single one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from importlib.metadata import entry_points
from pathlib import Path as FilePath
from typing import Any

from rtengine.profile.document import ProfileFile
from rtengine.protocol.session import RealtimeSession, Session
from rtengine.protocol.tools import FunctionChoice, FunctionTool, McpChoice, McpTool
from rtengine.source.finding import Path
from rtengine.source.suggestion import nearest, suggest
from rtengine.tools.address import HostRule, rule_for
from rtengine.tools.http import places
from rtengine.tools.python import GROUP
from rtengine.tools.settings import ToolSettings

Mistake = tuple[str, str, Path, str]
"""Number of the finding, message, place, hint."""


def check_tools(file: ProfileFile, session: Session | None, folder: FilePath) -> Iterator[Mistake]:
    """``folder`` is that of the file in which the tools stand. Nothing is imported: whoever runs them does that."""
    rules = []
    for at, text in enumerate(file.mcp_hosts):
        try:
            rules.append(HostRule.parse(text))
        except ValueError:
            yield "303", f"'{text}' is no host", ("mcp_hosts", at), "write `host`, `host:port` or `*.domain`"
    yield from _names(file.tools)
    for at, tool in enumerate(file.tools):
        if tool.run.python is not None:
            yield from _callable(tool.run.python, folder, ("tools", at, "run", "python"))
        if tool.run.http is not None:
            yield from _endpoint(tool.run.http.url, tool.parameters, ("tools", at, "run", "http", "url"))
    if isinstance(session, RealtimeSession):
        yield from _session_tools(session, file.tools, rules)


def host_rules(file: ProfileFile) -> tuple[HostRule, ...]:
    return tuple(HostRule.parse(text) for text in file.mcp_hosts)


def located(tools: Sequence[ToolSettings], folder: FilePath) -> tuple[ToolSettings, ...]:
    """With the Python files of tools as absolute paths; the profile writes them relative to its own ``folder``."""
    return tuple(_located(tool, folder) for tool in tools)


def _located(tool: ToolSettings, folder: FilePath) -> ToolSettings:
    path, _, name = (tool.run.python or "").rpartition(":")
    if not path.endswith(".py"):
        return tool
    reference = f"{(folder / path).resolve()}:{name}"
    return tool.model_copy(update={"run": tool.run.model_copy(update={"python": reference})})


def server_label(tool: ToolSettings) -> str | None:
    """The label of a tool that is an MCP server; None for a function."""
    return None if tool.run.mcp is None else tool.run.mcp.server_label or tool.name


def _names(tools: Sequence[ToolSettings]) -> Iterator[Mistake]:
    functions: set[str] = set()
    labels: set[str] = set()
    for at, tool in enumerate(tools):
        label = server_label(tool)
        name, known = (tool.name, functions) if label is None else (label, labels)
        if name in known:
            yield "304", f"there are two tools named '{name}'", ("tools", at, "name"), "every tool has its own name"
        known.add(name)


def _callable(reference: str, folder: FilePath, path: Path) -> Iterator[Mistake]:
    module, colon, name = reference.rpartition(":")
    if not colon and not reference.endswith(".py"):
        points = {point.name for point in entry_points(group=GROUP)}
        if reference not in points:
            hint = suggest(reference, points) or "write `module:function` or `file.py:function`"
            yield "308", f"there is no entry point '{reference}' in the group '{GROUP}'", path, hint
    elif not (colon and module and name):
        yield "308", f"'{reference}' names no function", path, f"write `{module or reference}:function`"
    elif module.endswith(".py") and not (folder / module).is_file():
        yield "308", f"there is no file '{module}'", path, "the path is relative to the profile"


def _endpoint(url: str, parameters: dict[str, Any] | None, path: Path) -> Iterator[Mistake]:
    """A place of the URL that no argument can fill."""
    try:
        wanted = places(url)
    except ValueError:
        yield "308", "the braces of the URL do not match", path, "`{argument}` stands for an argument of the call"
        return
    known = parameters.get("properties") if parameters is not None else {}
    if not isinstance(known, dict):
        return  # a schema that says it in another way
    for name in sorted(wanted - known.keys()):
        near = nearest(name, known)
        hint = f"did you mean '{near}'?" if near else f"add '{name}' to the `properties` of `parameters`"
        yield "308", f"the URL wants an argument '{name}', and the tool has no such parameter", path, hint


def _session_tools(
    session: RealtimeSession, tools: Sequence[ToolSettings], rules: Sequence[HostRule]
) -> Iterator[Mistake]:
    own = {tool.name for tool in tools if tool.run.mcp is None}
    for at, tool in enumerate(session.tools):
        path: Path = ("session", "tools", at)
        if isinstance(tool, FunctionTool) and tool.name in own:
            message = f"the tool '{tool.name}' stands under `tools:` as well"
            yield "304", message, path, "the server's own tools are offered in every session: remove it here"
        if isinstance(tool, McpTool) and (tool.server_url is None or rule_for(tool.server_url, rules) is None):
            message = f"the session may not connect to the MCP server '{tool.server_label}'"
            yield "305", message, path, "move it to `tools:`, or name its host in `mcp_hosts:`"
    yield from _choice(session, own, {label for label in map(server_label, tools) if label is not None})


def _choice(session: RealtimeSession, functions: AbstractSet[str], labels: AbstractSet[str]) -> Iterator[Mistake]:
    """A choice of a tool that the session lacks would have every `session.update` of a client refused."""
    choice = session.tool_choice
    if isinstance(choice, FunctionChoice):
        known = functions | {tool.name for tool in session.tools if isinstance(tool, FunctionTool)}
        name = choice.name
    elif isinstance(choice, McpChoice):
        known = labels | {tool.server_label for tool in session.tools if isinstance(tool, McpTool)}
        name = choice.server_label
    else:
        return
    if name not in known:
        message = f"the session's tools have no '{name}'"
        yield "307", message, ("session", "tool_choice"), "choose one of the tools, or add it to `tools:`"
