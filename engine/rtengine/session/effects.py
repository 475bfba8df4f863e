"""What goes into a session and what comes out of it. Plain data: a journal of both is a recording."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rtengine.models.jobs import Job, Result

# --- in -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class JobResult:
    """Something a job produced. Results of jobs the session no longer knows are dropped."""

    job_id: str
    result: Result


@dataclass(frozen=True, slots=True)
class TimerFired:
    timer_id: str


@dataclass(frozen=True, slots=True)
class Draining:
    """The server is about to stop: finish what runs, start nothing new."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The client is gone: nothing more can be sent."""


# --- out ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Send:
    """A server event, complete and in its wire shape: ``event["type"]`` names it."""

    event: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Start:
    job: Job


@dataclass(frozen=True, slots=True)
class Cancel:
    job_id: str


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Ask for ``TimerFired(timer_id)`` at ``at``, on the clock that ``receive`` is given."""

    timer_id: str
    at: float


@dataclass(frozen=True, slots=True)
class ClearTimer:
    timer_id: str


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection once everything sent before has left."""

    code: int
    reason: str


Effect = Send | Start | Cancel | SetTimer | ClearTimer | Close
