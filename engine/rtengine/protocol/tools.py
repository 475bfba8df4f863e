"""Tools the model may call, and which of them it must."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from rtengine.protocol.wire import STRING_OR_OBJECT, Boolean, ListOf, NullTolerantModel, Omit, one_of

FunctionName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]+$")]


class FunctionTool(NullTolerantModel):
    """A function that the client runs."""

    type: Literal["function"] = "function"
    name: FunctionName
    description: Omit[str] = None
    parameters: Omit[dict[str, Any]] = None
    """JSON Schema of the arguments."""


class ToolFilter(NullTolerantModel):
    tool_names: Omit[ListOf[str]] = None
    read_only: Omit[Boolean] = None


class ApprovalFilter(NullTolerantModel):
    always: Omit[ToolFilter] = None
    never: Omit[ToolFilter] = None


def _list_or_object(value: Any) -> str:
    return "$list" if isinstance(value, list) else "$object"


Connector = Literal[
    "connector_dropbox",
    "connector_gmail",
    "connector_googlecalendar",
    "connector_googledrive",
    "connector_microsoftteams",
    "connector_outlookcalendar",
    "connector_outlookemail",
    "connector_sharepoint",
]


class McpTool(NullTolerantModel):
    """The tools of a Model Context Protocol server, which the realtime server runs."""

    type: Literal["mcp"] = "mcp"
    server_label: str
    server_url: Omit[str] = None
    connector_id: Omit[Connector] = None
    tunnel_id: Omit[str] = None
    authorization: Omit[str] = Field(None, repr=False)
    headers: Omit[dict[str, str]] = Field(None, repr=False)
    server_description: Omit[str] = None
    allowed_tools: Omit[
        Annotated[
            Annotated[ListOf[str], Tag("$list")] | Annotated[ToolFilter, Tag("$object")], Discriminator(_list_or_object)
        ]
    ] = None
    require_approval: Omit[
        Annotated[
            Annotated[Literal["always", "never"], Tag("$string")] | Annotated[ApprovalFilter, Tag("$object")],
            STRING_OR_OBJECT,
        ]
    ] = None
    defer_loading: Omit[Boolean] = None
    allowed_callers: Omit[ListOf[Literal["direct", "programmatic"]]] = None


Tool = Annotated[
    Annotated[FunctionTool, Tag("$function")] | Annotated[McpTool, Tag("$mcp")], one_of("type", "function", "mcp")
]


class FunctionChoice(NullTolerantModel):
    """Call this function."""

    type: Literal["function"] = "function"
    name: FunctionName

    @model_validator(mode="before")
    @classmethod
    def _flattened(cls, value: Any) -> Any:
        """``{"type": "function", "function": {"name": …}}``, the form of chat completions, is understood too."""
        inner = value.get("function") if isinstance(value, dict) else None
        if isinstance(inner, dict) and inner.keys() == {"name"} and "name" not in value:
            return {key: entry for key, entry in value.items() if key != "function"} | inner
        return value


class McpChoice(NullTolerantModel):
    """Call this tool, or any tool, of an MCP server."""

    type: Literal["mcp"] = "mcp"
    server_label: str
    name: Omit[str] = None


ToolChoice = Annotated[
    Annotated[Literal["auto", "none", "required"], Tag("$string")]
    | Annotated[
        Annotated[
            Annotated[FunctionChoice, Tag("$function")] | Annotated[McpChoice, Tag("$mcp")],
            one_of("type", "function", "mcp"),
        ],
        Tag("$object"),
    ],
    STRING_OR_OBJECT,
]
