"""The `tools:` of a profile, as pydantic models. Every field has a description: editors show it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from rtengine.protocol.tools import ApprovalFilter, FunctionName, ToolFilter

Url = Annotated[str, Field(pattern=r"^https?://[^\s/]")]

TIMEOUT_SECONDS = 20.0
MAX_RESULT_BYTES = 16 << 10
CONCURRENT = 8
"""What holds for the tools of MCP servers that a client names, too."""


class ToolsModel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HttpRun(ToolsModel):
    """An HTTP endpoint. Its answer's body is the tool's result; any status but 2xx is an error."""

    url: Url = Field(description="The endpoint. `{argument}` stands for an argument of the call, escaped")
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = Field(
        "POST", description="GET and DELETE send the arguments in the query; the others, as a JSON object in the body"
    )
    headers: dict[str, SecretStr] = Field(default_factory=dict, description="Headers to send, such as `Authorization`")


class McpRun(ToolsModel):
    """An MCP server: over streamable HTTP, or a program that speaks MCP on its standard input and output."""

    server_label: str | None = Field(None, min_length=1, description="Its label; the tool's `name` if not set")
    server_description: str | None = Field(None, description="What it is for")
    server_url: Url | None = Field(None, description="Address, for streamable HTTP")
    headers: dict[str, SecretStr] = Field(default_factory=dict, description="Headers to send, such as `Authorization`")
    command: list[str] | None = Field(None, min_length=1, description="Program and its arguments, not an address")
    env: dict[str, SecretStr] = Field(default_factory=dict, description="Environment variables for the program")
    allowed_tools: list[str] | ToolFilter | None = Field(None, description="Tools the model may call; all if not set")
    require_approval: Literal["always", "never"] | ApprovalFilter = Field(
        "never", description="Tools that run only when the client has agreed to the call"
    )

    @model_validator(mode="after")
    def _one_way(self) -> McpRun:
        if (self.server_url is None) == (self.command is None):
            raise ValueError("either 'server_url' or 'command' is needed, and not both")
        if self.command is None and self.env:
            raise ValueError("'env' is for a 'command': a server at a 'server_url' has its own environment")
        if self.server_url is None and self.headers:
            raise ValueError("'headers' are for a 'server_url': a 'command' is sent none")
        return self


class Run(ToolsModel):
    """How a tool runs: exactly one of these."""

    python: str | None = Field(
        None,
        pattern=r"^\S+$",
        description="`module:function`; `file.py:function`, relative to the profile; or the name of an entry point of "
        "the group `rtengine.tools`",
    )
    http: HttpRun | None = Field(None, description="An HTTP endpoint")
    mcp: McpRun | None = Field(None, description="All tools of an MCP server")

    @model_validator(mode="after")
    def _one(self) -> Run:
        if sum(way is not None for way in (self.python, self.http, self.mcp)) != 1:
            raise ValueError("exactly one of 'python', 'http' and 'mcp' is needed")
        return self


class ToolSettings(ToolsModel):
    """A tool that the server runs. It is offered to the model in every session, beside the client's own tools."""

    name: FunctionName = Field(description="The function's name; of an MCP server, its label")
    description: str | None = Field(
        None, description="What it does, for the model; of a Python callable, its docstring if not set"
    )
    parameters: dict[str, Any] | None = Field(
        None, description="JSON Schema of the arguments; of a Python callable, its signature's if not set"
    )
    run: Run = Field(description="How it runs")
    timeout_seconds: float = Field(TIMEOUT_SECONDS, gt=0, le=600, description="A call that takes longer fails")
    max_result_bytes: int = Field(MAX_RESULT_BYTES, ge=1, le=1 << 20, description="A longer result is an error")
    concurrent: int = Field(CONCURRENT, ge=1, le=256, description="Calls at once, of all sessions; others wait")

    @model_validator(mode="after")
    def _of_a_server(self) -> ToolSettings:
        if self.run.mcp is not None and self.parameters is not None:
            raise ValueError("an MCP server says itself which parameters its tools take")
        return self
