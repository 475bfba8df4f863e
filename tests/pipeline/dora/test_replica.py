from __future__ import annotations

import logging
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtengine.models.jobs import (
    GenerateDone,
    GenerateRequest,
    GenerateText,
    Job,
    JobFailed,
    Result,
    TranscribeRequest,
)
from rtengine.pipeline.dora.codec import Metadata, pack_result
from rtengine.pipeline.dora.envelope import CANCEL, CREDIT, FRAGMENT_BYTES, PROBE, STATUS, Envelope
from rtengine.pipeline.dora.lead import CREDIT_EVERY
from rtengine.pipeline.dora.replica import LOST, TICKS_A_SECOND, WINDOW, Replica
from rtengine.pipeline.dora.status import State, Status

pytestmark = pytest.mark.unit

EPOCH = 5
JOB = Job("job_1", "sess_1", GenerateRequest(()))


class Wire:
    """A replica, and a node played by the test."""

    def __init__(self) -> None:
        self.sent: list[Metadata] = []
        self.delivered: list[tuple[str, Result]] = []
        self.takes = True
        self.replica = Replica("generate", "generate", self.send, EPOCH)

    def send(self, metadata: Metadata, payload: bytes) -> bool:
        self.sent.append(metadata)
        return self.takes

    def names(self) -> list[object]:
        return [metadata["name"] for metadata in self.sent]

    def submit(self, job: Job = JOB) -> None:
        for _ in self.replica.submit(job, lambda job_id, result: self.delivered.append((job_id, result))):
            pass

    def status(self, state: State = "ready", incarnation: str = "a", epoch: int = EPOCH, **jobs: int) -> None:
        """Of a node that has got all that was sent."""
        payload = Status(state=state, jobs=jobs, probe=self.probes, pid=1).model_dump_json().encode()
        self.replica.receive(Envelope(STATUS, epoch=epoch, incarnation=incarnation).metadata(), payload)

    def result(self, result: Result, seq: int, incarnation: str = "a", epoch: int = EPOCH, job: str = "job_1") -> None:
        fields, payload = pack_result(result)
        envelope = Envelope(result.name, "sess_1", job, epoch, seq, isinstance(result, GenerateDone), incarnation)
        self.replica.receive(envelope.metadata(fields), payload)

    @property
    def probes(self) -> int:
        return max((int(str(metadata["seq"])) for metadata in self.sent if metadata["name"] == PROBE), default=0)

    @property
    def results(self) -> list[Result]:
        return [result for _, result in self.delivered]


@pytest.fixture
def wire() -> Wire:
    wire = Wire()
    wire.status()
    return wire


def test_the_log_says_once_that_a_node_takes_no_jobs_and_once_that_it_does_again(
    wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    def said() -> list[tuple[str, str]]:
        found = [(record.levelname, record.getMessage()) for record in caplog.records]
        caplog.clear()
        return found

    wire.status()
    assert said() == []
    wire.status("broken")
    wire.status("broken")
    assert said() == [("ERROR", "generate fails at every job: it counts as missing until one succeeds")]
    wire.status()
    wire.status()
    assert said() == [("INFO", "generate is well again")]
    wire.status(incarnation="b")
    assert said() == [
        ("ERROR", "generate has been started again: its jobs are lost"),
        ("INFO", "generate is well again"),
    ]


def test_a_node_is_ready_when_it_says_so() -> None:
    wire = Wire()
    assert not wire.replica.ready
    wire.status("loading")
    assert not wire.replica.ready
    wire.status()
    assert wire.replica.ready
    wire.status("broken")
    assert not wire.replica.ready


def test_results_are_delivered_in_order_and_the_last_one_ends_the_job(wire: Wire) -> None:
    wire.submit()
    wire.result(GenerateText("b"), 1)
    assert wire.results == []
    wire.result(GenerateText("a"), 0)
    wire.result(GenerateText("a"), 0)
    wire.result(GenerateDone("stop"), 2)
    assert wire.results == [GenerateText("a"), GenerateText("b"), GenerateDone("stop")]
    assert wire.replica.jobs == 0


def test_a_result_that_was_lost_fails_the_job_once(wire: Wire) -> None:
    wire.submit()
    wire.result(GenerateText("a"), 0)
    wire.result(GenerateText("c"), 2)
    for _ in range(5):
        wire.status(job_1=3)
    assert wire.results == [GenerateText("a"), LOST]
    assert CANCEL in wire.names()


def test_a_last_result_that_was_lost_fails_the_job(wire: Wire) -> None:
    wire.submit()
    wire.result(GenerateText("a"), 0)
    for _ in range(3):
        wire.replica.tick()
        wire.status()
    assert wire.results == [GenerateText("a"), LOST]


def test_a_job_that_never_arrived_fails_within_a_second(wire: Wire) -> None:
    wire.submit()
    for _ in range(TICKS_A_SECOND - 1):
        wire.replica.tick()
        wire.status()
    assert wire.results == [LOST]


def test_a_job_on_its_way_is_not_taken_for_lost_however_late_the_node_is(wire: Wire) -> None:
    wire.submit()
    for _ in range(5):  # sent before the first probe came
        wire.status()
    wire.replica.tick()
    wire.status(job_1=0)
    wire.result(GenerateDone("stop"), 0)
    assert wire.results == [GenerateDone("stop")]


def test_a_result_on_its_way_is_not_taken_for_lost(wire: Wire) -> None:
    wire.submit()
    wire.status(job_1=1)
    wire.result(GenerateText("a"), 0)
    wire.status(job_1=1)
    wire.status(job_1=1)
    assert wire.results == [GenerateText("a")]


def test_a_job_that_cannot_be_sent_fails(wire: Wire) -> None:
    wire.takes = False
    wire.submit()
    assert wire.results == [LOST]


def test_nothing_of_a_cancelled_job_is_delivered_and_the_node_is_told(wire: Wire) -> None:
    wire.submit()
    assert wire.replica.cancel("job_1")
    assert wire.sent[-1]["name"] == CANCEL and wire.sent[-1]["job_id"] == "job_1"
    wire.result(GenerateText("a"), 0)
    assert wire.results == []


def test_a_node_that_still_works_at_a_cancelled_job_is_told_again(wire: Wire) -> None:
    wire.submit()
    wire.replica.cancel("job_1")
    before = len(wire.sent)
    wire.status(job_1=4)
    assert [metadata["name"] for metadata in wire.sent[before:]] == [CANCEL]


def test_results_of_another_epoch_or_process_are_dropped(wire: Wire) -> None:
    wire.submit()
    wire.result(GenerateText("stale"), 0, epoch=EPOCH - 1)
    wire.result(GenerateText("stale"), 0, incarnation="b")
    assert wire.results == []


def test_a_new_process_fails_the_jobs_of_the_old_one(wire: Wire) -> None:
    wire.submit()
    wire.status("loading", incarnation="b")
    assert [type(result) for result in wire.results] == [JobFailed]
    assert wire.replica.state == "loading"


def test_a_silent_node_is_taken_for_dead_within_two_seconds(wire: Wire) -> None:
    wire.submit()
    for _ in range(8):  # two seconds of ticks
        wire.replica.tick()
    assert [type(result) for result in wire.results] == [JobFailed]
    assert not wire.replica.ready
    wire.status()
    assert wire.replica.ready


def test_a_loading_node_may_be_silent_for_longer() -> None:
    wire = Wire()
    wire.status("loading")
    for _ in range(100):
        wire.replica.tick()
    assert wire.replica.state == "loading"


def test_a_node_that_dies_before_it_is_ready_is_counted() -> None:
    wire = Wire()
    wire.status("loading")
    wire.replica.died()
    wire.status("loading", incarnation="b")
    wire.status("loading", incarnation="c")
    assert wire.replica.deaths == 2


def test_the_node_hears_how_far_the_server_has_come(wire: Wire) -> None:
    wire.submit()
    for seq in range(CREDIT_EVERY):
        wire.result(GenerateText("x"), seq)
    credits = [metadata for metadata in wire.sent if metadata["name"] == CREDIT]
    assert [metadata["seq"] for metadata in credits] == [CREDIT_EVERY]
    wire.result(GenerateText("x"), CREDIT_EVERY)
    wire.status(job_1=CREDIT_EVERY + 1)  # and again with every status, should a credit be lost
    assert wire.sent[-1]["name"] == CREDIT and wire.sent[-1]["seq"] == CREDIT_EVERY + 1


def test_a_result_that_is_none_fails_its_job(wire: Wire) -> None:
    wire.submit()
    envelope = Envelope("generate.text", "sess_1", "job_1", EPOCH, 0, False, "a")
    wire.replica.receive(envelope.metadata(), b"no json")
    assert wire.results == [LOST]


def test_a_message_without_an_address_is_ignored(wire: Wire) -> None:
    wire.submit()
    wire.replica.receive({"name": 3}, b"")
    wire.replica.receive({}, b"")
    assert wire.results == []


@given(st.integers(0, 2**32), st.floats(0, 0.3))
def test_a_lossy_link_never_gives_wrong_results_and_every_job_ends(seed: int, loss: float) -> None:
    chance = random.Random(seed)
    wire = Wire()
    wire.status()
    wire.submit()
    words = 30
    for start in range(0, words, 5):
        burst = list(range(start, start + 5))
        chance.shuffle(burst)
        for seq in burst:
            if chance.random() >= loss:
                wire.result(GenerateText(str(seq)), seq)
        if chance.random() >= loss:
            wire.status(job_1=start + 5)
    if chance.random() >= loss:
        wire.result(GenerateDone("stop"), words)
    for _ in range(3):
        wire.replica.tick()
        wire.status()
    *texts, final = wire.results
    assert texts == [GenerateText(str(number)) for number in range(len(texts))]
    assert final == (GenerateDone("stop") if len(texts) == words and final != LOST else LOST)
    assert wire.replica.jobs == 0


def test_no_more_is_sent_than_the_node_has_room_for(wire: Wire) -> None:
    job = Job("job_1", "sess_1", TranscribeRequest(bytes(3 * WINDOW * FRAGMENT_BYTES), 24000))
    sending = wire.replica.submit(job, lambda job_id, result: None)
    sent = 0
    while wire.replica.has_room:
        next(sending)
        sent += 1
    assert sent == WINDOW
    wire.status(job_1=0)  # the node has got the probes too, and so all that went before them
    assert wire.replica.has_room
    rest = sum(1 for _ in sending)
    assert sent + rest == 3 * WINDOW


def test_a_node_that_ended_leaves_room_for_the_next(wire: Wire) -> None:
    job = Job("job_1", "sess_1", TranscribeRequest(bytes(3 * WINDOW * FRAGMENT_BYTES), 24000))
    sending = wire.replica.submit(job, lambda job_id, result: None)
    while wire.replica.has_room:
        next(sending)
    wire.replica.died()
    assert wire.replica.has_room
    assert list(sending) == []
