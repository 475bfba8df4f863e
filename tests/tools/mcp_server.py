"""A small real MCP server. As a program it speaks on its standard input and output."""

from __future__ import annotations

import os

from mcp.server.mcpserver import Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations

server = MCPServer("tests")


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def echo(text: str) -> str:
    """Says it again."""
    return f"{text}!"


@server.tool()
def fail() -> str:
    raise ToolError("The oven is cold.")


@server.tool()
def long() -> str:
    return "x" * 20_000


@server.tool()
def picture() -> Image:
    return Image(data=b"png", format="png")


@server.tool()
def environment(name: str) -> str:
    return os.environ.get(name, "-")


if __name__ == "__main__":
    server.run()
