"""A session in virtual time whose server notes what it does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests import scenario
from tests.session.machines import MACHINES

from rtengine.models import jobs
from rtengine.observe.log import SessionLog
from rtengine.observe.metrics import Metrics
from rtengine.observe.observed import Observed
from rtengine.observe.tracing import Traces
from rtengine.session.effects import Cancel, Effect, Send, Start

EPOCH = 1_000_000_000.0
"""Wall time at 0 of the session's clock: 2001-09-09T01:46:40Z."""


class ObservedWorld(scenario.World):
    def __init__(self, folder: Path | None = None, **settings: Any) -> None:
        self.metrics = Metrics()
        self.traces = Traces(folder)
        self.observed = Observed(SessionLog("sess_1"), self.metrics, self.traces, EPOCH)
        super().__init__(MACHINES, **settings)

    def perform(self, effects: list[Effect]) -> None:
        super().perform(effects)
        for effect in effects:
            match effect:
                case Send(event):
                    self.observed.sent(event, self.now)
                case Start(job):
                    self.observed.started(job, self.now)
                case Cancel(job_id):
                    self.observed.cancelled(job_id, self.now)

    def deliver(self, job: jobs.Job, result: Any) -> None:
        self.observed.result(job.id, result, self.now)
        super().deliver(job, result)

    def end(self) -> None:
        self.observed.end(self.now)
        self.traces.close()

    # --- what users and models do

    def hear(self, seconds: float, *edges: dict[str, float]) -> None:
        self.advance(seconds)
        self.audio(round(seconds * 1000), list(edges))

    def values(self) -> dict[str, float]:
        """The page of metrics: series to value, buckets left out."""
        lines = [line for line in self.metrics.page().decode().splitlines() if line and not line.startswith("#")]
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def spoken_turn(world: ObservedWorld) -> None:
    """A voice at 0.5 s, known to be over at 1.2; words at 1.3, a token at 1.5, sound at 1.6, the end at 1.7."""
    world.hear(0.5, {"speech": 300})
    world.hear(0.7, {"silence": 1000}, {"ended": 1200})
    world.advance(0.1)
    world.result(transcript="secret words")
    world.advance(0.2)
    world.result(text="Secret answer. ")
    world.result(done="stop")
    world.advance(0.1)
    world.speak(unfinished=True, clauses=1)
    world.advance(0.1)
    world.speak(pieces=0)
