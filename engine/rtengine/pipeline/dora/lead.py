"""How far a stage may run ahead of the server.

dora never makes a sender wait: what is not fetched in time is lost. So a job may have a limited number of results on
their way, and its stage waits in between, until the server has taken some.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, cast

from rtengine.models.jobs import Job, Result
from rtengine.models.ports import Cancel
from rtengine.pipeline.stage import AnyStage, Stage

RESULTS_AHEAD = 64
"""Results of one job that the server has not taken yet: 10 s of audio, or half a minute of text."""
CREDIT_EVERY = RESULTS_AHEAD // 4
"""The server tells how far it has come after as many results."""


class Leads:
    """The leads of all running jobs. Safe from any thread."""

    def __init__(self, limit: int = RESULTS_AHEAD) -> None:
        self._limit = limit
        self._changed = threading.Condition()
        self._taken: dict[str, int] = {}

    def begin(self, job_id: str) -> None:
        with self._changed:
            self._taken[job_id] = 0

    def end(self, job_id: str) -> None:
        with self._changed:
            self._taken.pop(job_id, None)

    def credit(self, job_id: str, taken: int) -> None:
        """The server has taken the job's first ``taken`` results."""
        with self._changed:
            if job_id in self._taken:
                self._taken[job_id] = max(self._taken[job_id], taken)
                self._changed.notify_all()

    def await_room(self, job_id: str, made: int, cancel: Cancel) -> None:
        """Wait until a job that has made ``made`` results may make another, or is cancelled."""
        with self._changed:
            self._changed.wait_for(lambda: bool(cancel) or made < self._taken.get(job_id, 0) + self._limit)

    def wake(self) -> None:
        with self._changed:
            self._changed.notify_all()


class PacedStage(Stage[Any, Any]):
    """A stage that waits for the server when it is too far ahead of it."""

    def __init__(self, stage: AnyStage, leads: Leads) -> None:
        super().__init__(stage.adapter)
        self._stage = stage
        self._leads = leads

    @property
    def name(self) -> str:
        return self._stage.name

    @property
    def broken(self) -> bool:
        return self._stage.broken

    def handle(self, job: Job, cancel: Cancel) -> Iterator[Result]:
        self._leads.begin(job.id)
        cancel.on_set(self._leads.wake)
        try:
            for made, result in enumerate(self._stage.handle(job, cancel)):
                self._leads.await_room(job.id, made, cancel)
                if cancel:
                    return
                yield result
        finally:
            self._leads.end(job.id)

    def results(self, request: Any, cancel: Cancel) -> Iterator[Result]:
        return self._stage.results(request, cancel)


def paced(stage: AnyStage, leads: Leads) -> AnyStage:
    return cast(AnyStage, PacedStage(stage, leads))
