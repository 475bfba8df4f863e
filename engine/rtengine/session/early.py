"""Work on speculation: the words of a turn that may be over, and the answer to them."""

from __future__ import annotations

from dataclasses import dataclass, field

from rtengine.models.jobs import Request, Result


@dataclass(slots=True)
class EarlyJob:
    """A job begun while the user pauses. Its results wait here until the turn is committed, or it is thrown away."""

    item_id: str
    """The user item that the turn will become."""
    job_id: str
    request: Request
    results: list[Result] = field(default_factory=list)
