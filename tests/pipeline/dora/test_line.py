from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import pytest

from rtengine.models.ports import Cancel, ModelFailure
from rtengine.pipeline.dora.attachment import Event
from rtengine.pipeline.dora.line import Line

pytestmark = pytest.mark.unit

PATIENCE = 60.0


class Far:
    """The other end. It answers at once when it is told to, else when the test does."""

    def __init__(self, seconds: float = PATIENCE) -> None:
        self.line = Line(self.send, seconds)
        self.asked: list[str] = []
        self.prompt = False
        self.reachable = True
        self.changed = threading.Condition()

    def send(self, value: Any, metadata: Mapping[str, Any]) -> bool:
        if not self.reachable:
            return False
        with self.changed:
            self.asked.append(value)
            self.changed.notify_all()
        if self.prompt:
            self.answer(f"answer to {value}")
        return True

    def answer(self, text: str) -> None:
        self.line.answer(Event("INPUT", "reply", {}, text.encode(), "string"))

    def await_question(self, number: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.asked) >= number, PATIENCE)


class Asking(threading.Thread):
    """A job that asks."""

    def __init__(self, far: Far, question: str) -> None:
        super().__init__(daemon=True)
        self.far, self.question, self.cancel = far, question, Cancel()
        self.got: Event | None = None
        self.start()

    def run(self) -> None:
        self.got = self.far.line.ask(self.question, {}, self.cancel)

    def text(self) -> str:
        self.join(PATIENCE)
        assert not self.is_alive()
        return "" if self.got is None else self.got.payload.decode()


def test_a_question_gets_its_answer() -> None:
    far = Far()
    far.prompt = True
    assert [Asking(far, name).text() for name in "ab"] == ["answer to a", "answer to b"]


def test_the_next_question_waits_for_the_answer_to_a_cancelled_one() -> None:
    far = Far()
    first = Asking(far, "a")
    far.await_question(1)
    first.cancel.set()
    assert first.text() == ""
    second = Asking(far, "b")
    second.join(0.05)
    assert far.asked == ["a"]
    far.answer("late answer to a")
    far.await_question(2)
    far.answer("answer to b")
    assert second.text() == "answer to b"


def test_a_job_that_is_cancelled_while_it_waits_for_its_turn_asks_nothing() -> None:
    far = Far()
    first = Asking(far, "a")
    far.await_question(1)
    first.cancel.set()
    assert first.text() == ""
    second = Asking(far, "b")
    second.cancel.set()
    assert second.text() == ""
    assert far.asked == ["a"]


def test_an_answer_that_comes_too_late_is_never_taken_for_that_of_another_job() -> None:
    far = Far(seconds=0.0)
    for name in "abc":
        with pytest.raises(ModelFailure, match="does not answer"):
            far.line.ask(name, {}, Cancel())
        assert far.line.overdue
    assert far.asked == ["a"]
    far.answer("late answer to a")
    assert not far.line.overdue
    far.prompt = True
    got = far.line.ask("d", {}, Cancel())
    assert got is not None and got.payload == b"answer to d"


def test_an_answer_that_does_not_come_at_all_is_lost() -> None:
    assert not Far(seconds=0.0).line.lost
    far = Far(seconds=0.0)
    with pytest.raises(ModelFailure):
        far.line.ask("a", {}, Cancel())
    assert far.line.lost


def test_an_answer_that_nobody_has_asked_for_is_dropped() -> None:
    far = Far()
    far.answer("what?")
    far.prompt = True
    assert Asking(far, "a").text() == "answer to a"


def test_a_question_that_cannot_be_sent_waits_for_no_answer() -> None:
    far = Far()
    far.reachable = False
    with pytest.raises(ModelFailure, match="reached"):
        far.line.ask("a", {}, Cancel())
    far.reachable = far.prompt = True
    assert Asking(far, "b").text() == "answer to b"
