"""What a node says about itself, four times a second."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

State = Literal["loading", "ready", "broken", "failed"]
READY: State = "ready"
BROKEN: State = "broken"


class Status(BaseModel):
    """The payload of a ``status`` message. Keys that are not known are ignored: nodes may be newer than the server."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    state: State
    """``broken``: the model fails at every job; ``failed``: it could not be loaded."""
    progress: str = ""
    """While loading, the step; when failed, why."""
    hint: str = ""
    """When failed, what to do about it."""
    jobs: dict[str, int] = Field(default_factory=dict)
    """The jobs that the node has, with the number of results it has sent of each."""
    probe: int = 0
    """The last probe that the node has got in this epoch: it has got all that was sent before, or that was lost."""
    pid: int = 0
    """The node's process, so that it can be ended when it hangs. Only processes of the server's own are."""
    silence_seconds: float = 0.0
    """How long the node may say nothing, where that is longer than the server would bear."""
