"""What a tool raises to tell the chat model what went wrong."""

from __future__ import annotations


class ToolError(Exception):
    """A failure whose message the chat model may read. Of any other exception it learns only that there was one."""
