"""Effects of one step, and the books about what is under way: jobs and timers, and who waits for them."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rtengine.models.jobs import FINAL, Job, JobFailed, Request, Result
from rtengine.session.early import EarlyJob
from rtengine.session.effects import Cancel, ClearTimer, Close, Effect, SetTimer, Start

if TYPE_CHECKING:
    from rtengine.chart.instance import Instance
    from rtengine.protocol.ids import Ids


@dataclass(slots=True)
class Outbox:
    session_id: str
    ids: Ids
    now: float = 0.0
    """The time of the event being handled."""
    effects: list[Effect] = field(default_factory=list)
    closing: Close | None = None
    """How the connection is to be closed after this step."""
    _jobs: dict[str, tuple[Instance | EarlyJob | None, str]] = field(default_factory=dict)
    _timers: dict[str, tuple[Instance, str]] = field(default_factory=dict)
    _timer_ids: dict[Hashable, str] = field(default_factory=dict)
    _timer_count: int = 0

    def take(self) -> list[Effect]:
        """The effects of the step. With the session ends everything under way, then the connection."""
        if self.closing is not None:
            self._end()
            self.effects.append(self.closing)
            self.closing = None
        effects, self.effects = self.effects, []
        return effects

    # --- jobs

    def start(self, owner: Instance | EarlyJob | None, prefix: str, request: Request, job_id: str = "") -> str:
        """Start a job whose results go to ``owner`` as ``<prefix>.<result>``. Nobody waits for a job without owner."""
        job_id = job_id or self.ids.new("job")
        self._jobs[job_id] = (owner, prefix)
        self.effects.append(Start(Job(job_id, self.session_id, request)))
        return job_id

    def hand_over(self, job_id: str, owner: Instance, prefix: str) -> None:
        """Let another wait for the rest of a job."""
        if job_id in self._jobs:
            self._jobs[job_id] = (owner, prefix)

    def cancel(self, job_id: str) -> None:
        """Cancel a job, unless it has ended."""
        if self._jobs.pop(job_id, None) is not None:
            self.effects.append(Cancel(job_id))

    def owner(self, job_id: str, result: Result) -> tuple[Instance | EarlyJob | None, str]:
        """Who waits for a result, and under which event name; (None, "") when nobody does."""
        owner, prefix = self._jobs.get(job_id, (None, ""))
        if isinstance(result, FINAL):
            self._jobs.pop(job_id, None)
        return owner, event_name(prefix, result)

    def forget(self, instance: Instance) -> None:
        """Cancel every job of an instance that has ended."""
        for job_id in [job_id for job_id, (owner, _) in self._jobs.items() if owner is instance]:
            self.cancel(job_id)

    def _end(self) -> None:
        for job_id in list(self._jobs):
            self.cancel(job_id)
        for instance, timer in list(self._timers.values()):
            self.clear_timer(instance, timer)

    # --- timers

    def set_timer(self, instance: Instance, timer: str, delay: float) -> None:
        self.clear_timer(instance, timer)
        self._timer_count += 1
        timer_id = f"{timer}#{self._timer_count}"
        self._timers[timer_id] = (instance, timer)
        self._timer_ids[(id(instance), timer)] = timer_id
        self.effects.append(SetTimer(timer_id, self.now + max(0.0, delay)))

    def clear_timer(self, instance: Instance, timer: str) -> None:
        timer_id = self._timer_ids.pop((id(instance), timer), None)
        if timer_id is not None:
            del self._timers[timer_id]
            self.effects.append(ClearTimer(timer_id))

    def fired(self, timer_id: str) -> tuple[Instance, str] | None:
        """The instance and name of a timer that has fired; None when it was cleared meanwhile."""
        found = self._timers.pop(timer_id, None)
        if found is not None:
            del self._timer_ids[(id(found[0]), found[1])]
        return found


def event_name(prefix: str, result: Result) -> str:
    """``generate.text`` under the prefix ``answer`` is ``answer.text``; a failure is ``answer.failed``."""
    if isinstance(result, JobFailed):
        return f"{prefix}.failed"
    return f"{prefix}.{result.name.partition('.')[2]}"
