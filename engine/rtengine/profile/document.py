"""The profile file as pydantic models. Every field has a description: editors show it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from rtengine.models.registry import Kind
from rtengine.profile.access import KeyName, KeySettings, Prices
from rtengine.profile.settings import Limits, PipelineSettings, ServerSettings, Settings
from rtengine.tools.settings import ToolSettings

Role = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
ProfileName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]

KINDS: tuple[Kind, ...] = ("vad", "transcriber", "chat", "voice")


class AdapterChoice(BaseModel):
    """Which adapter serves this part, and its settings: the other keys are the adapter's own."""

    model_config = ConfigDict(extra="allow", frozen=True)

    adapter: str = Field(description="Name of the adapter")


class ModelChoices(Settings):
    """The models behind the server, one per part."""

    vad: AdapterChoice = Field(description="Hears where speech begins and ends")
    transcriber: AdapterChoice | None = Field(None, description="Turns speech into text")
    chat: AdapterChoice | None = Field(None, description="Answers with text and function calls")
    voice: AdapterChoice | None = Field(None, description="Speaks; without one, responses are text only")


class ProfileFile(Settings):
    """One deployment: models, session, machines, limits and address."""

    profile: ProfileName = Field(description="Name of the profile, which is the file's name")
    version: Literal[1] = Field(description="Version of this format")
    doc: str = Field("", description="What the profile is for, in a few lines")
    extends: str | None = Field(
        None, description="Profile this one starts from: the name of a shipped one, or a path relative to this file"
    )
    session: dict[str, Any] = Field(
        description="What a session starts with: the API's session object, as in `session.update`"
    )
    models: ModelChoices = Field(description="The models behind the server")
    machines: dict[Role, str] = Field(
        description="Part to machine file: the name of a shipped one, or a path relative to this file"
    )
    tools: list[ToolSettings] = Field(
        default_factory=list, description="Tools that the server runs itself, beside those that clients bring along"
    )
    mcp_hosts: list[str] = Field(
        default_factory=list,
        description="Hosts of MCP servers that clients may name: `host`, `host:port`, `*.domain`; none if not set",
    )
    pipeline: PipelineSettings = Field(default_factory=PipelineSettings, description="Where the models run")
    limits: Limits = Field(default_factory=Limits, description="What the server and one session may use")
    server: ServerSettings = Field(default_factory=ServerSettings, description="Where the server listens")
    keys: dict[KeyName, KeySettings] = Field(
        default_factory=dict, description="API keys by name; with none, no key is asked for"
    )
    prices: Prices = Field(default_factory=Prices, description="What usage costs, for the log")


OWN = frozenset({"profile", "version", "doc", "extends"})
"""Keys that say what this file is: they are not taken from the profile it extends."""
