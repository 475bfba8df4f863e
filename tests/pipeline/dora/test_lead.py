from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from tests.pipeline.doubles import SECONDS

from rtengine.models.jobs import GenerateDone, GenerateRequest, GenerateText, Job, Result
from rtengine.models.ports import Cancel
from rtengine.pipeline.dora.lead import Leads, paced
from rtengine.pipeline.stage import GenerateStage

pytestmark = pytest.mark.unit

JOB = Job("job_1", "sess_1", GenerateRequest(()))


class Endless:
    """A chat model that would fill any memory."""

    def generate(self, request: GenerateRequest, cancel: Cancel) -> Iterator[GenerateText | GenerateDone]:
        while True:
            yield GenerateText("x")


class Reader:
    """Takes results on a thread, as fast as the stage gives them."""

    def __init__(self, leads: Leads) -> None:
        self.taken: list[Result] = []
        self.changed = threading.Condition()
        self.cancel = Cancel()
        self.thread = threading.Thread(target=self._read, args=(paced(GenerateStage(Endless()), leads),), daemon=True)
        self.thread.start()

    def _read(self, stage: GenerateStage) -> None:
        for result in stage.handle(JOB, self.cancel):
            with self.changed:
                self.taken.append(result)
                self.changed.notify_all()

    def until(self, count: int) -> bool:
        with self.changed:
            return self.changed.wait_for(lambda: len(self.taken) >= count, SECONDS)


def test_a_stage_waits_for_the_server_and_goes_on_with_its_credit() -> None:
    leads = Leads(4)
    reader = Reader(leads)
    assert reader.until(4)
    leads.credit("job_1", 3)
    assert reader.until(7)
    leads.credit("job_1", 1)  # an older word does not take it back, nor give more
    leads.credit("another", 100)
    reader.cancel.set()
    reader.thread.join(SECONDS)
    assert not reader.thread.is_alive()
    assert len(reader.taken) == 7


def test_a_cancelled_job_does_not_wait() -> None:
    reader = Reader(Leads(2))
    assert reader.until(2)
    reader.cancel.set()
    reader.thread.join(SECONDS)
    assert not reader.thread.is_alive()
