"""The books about jobs and timers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtengine.models.jobs import GenerateDone, GenerateText, JobFailed, SpeakDone, SpeakRequest, TranscribeDone
from rtengine.protocol.ids import Ids
from rtengine.session.effects import Cancel, ClearTimer, Close, SetTimer, Start
from rtengine.session.outbox import Outbox, event_name

pytestmark = pytest.mark.unit

REQUEST = SpeakRequest("Hello", "alloy")


class Owner:
    """Stands for a machine instance, of which the books only keep the identity."""


def outbox() -> Outbox:
    return Outbox("sess_1", Ids(seed=1))


def instance() -> Any:
    return Owner()


def test_the_results_of_a_job_go_to_who_started_it_until_the_last() -> None:
    books, owner = outbox(), instance()
    job_id = books.start(owner, "answer", REQUEST)
    (started,) = books.take()
    assert isinstance(started, Start)
    assert (started.job.id, started.job.session_id, started.job.request) == (job_id, "sess_1", REQUEST)
    assert books.owner(job_id, GenerateText("x")) == (owner, "answer.text")
    assert books.owner(job_id, GenerateDone("stop")) == (owner, "answer.done")
    assert books.owner(job_id, GenerateText("late"))[0] is None


def test_a_job_that_was_cancelled_is_cancelled_once_and_heard_of_no_more() -> None:
    books = outbox()
    job_id = books.start(instance(), "speak", REQUEST)
    books.cancel(job_id)
    books.cancel(job_id)
    assert books.take()[1:] == [Cancel(job_id)]
    assert books.owner(job_id, SpeakDone())[0] is None


def test_a_job_that_has_ended_is_not_cancelled() -> None:
    books = outbox()
    job_id = books.start(instance(), "speak", REQUEST)
    books.owner(job_id, SpeakDone())
    books.cancel(job_id)
    assert [type(effect) for effect in books.take()] == [Start]


def test_a_job_can_be_handed_over_while_it_runs() -> None:
    books, first, second = outbox(), instance(), instance()
    job_id = books.start(first, "transcribe", REQUEST)
    books.hand_over(job_id, second, "words")
    assert books.owner(job_id, TranscribeDone("Hi", 1.0)) == (second, "words.done")
    books.hand_over(job_id, first, "late")
    assert books.owner(job_id, TranscribeDone("Hi", 1.0))[0] is None


def test_an_instance_that_has_ended_leaves_no_job_and_takes_no_other_with_it() -> None:
    books, gone, stays = outbox(), instance(), instance()
    lost = [books.start(gone, "speak", REQUEST), books.start(gone, "speak", REQUEST)]
    kept = books.start(stays, "speak", REQUEST)
    books.take()
    books.forget(gone)
    assert books.take() == [Cancel(job_id) for job_id in lost]
    assert books.owner(kept, SpeakDone())[0] is stays


def test_a_timer_that_is_set_again_replaces_the_one_before() -> None:
    books, owner = outbox(), instance()
    books.now = 10.0
    books.set_timer(owner, "after#1", 2.5)
    books.set_timer(owner, "after#1", -1)
    first, cleared, second = books.take()
    assert isinstance(first, SetTimer)
    assert isinstance(second, SetTimer)
    assert (first.at, second.at) == (12.5, 10.0)
    assert cleared == ClearTimer(first.timer_id)
    assert books.fired(first.timer_id) is None
    assert books.fired(second.timer_id) == (owner, "after#1")
    assert books.fired(second.timer_id) is None


def test_timers_of_the_same_name_are_kept_apart_by_their_instance() -> None:
    books, one, other = outbox(), instance(), instance()
    books.set_timer(one, "after#1", 1)
    books.set_timer(other, "after#1", 1)
    books.take()
    books.clear_timer(one, "after#1")
    books.clear_timer(one, "after#1")
    assert len(books.take()) == 1
    books.clear_timer(other, "after#1")
    assert len(books.take()) == 1


def test_with_the_session_ends_everything_and_the_connection_last() -> None:
    books = outbox()
    job_id = books.start(instance(), "speak", REQUEST)
    books.set_timer(instance(), "after#1", 1)
    timer = books.take()[1]
    assert isinstance(timer, SetTimer)
    books.closing = Close(1000, "")
    assert books.take() == [Cancel(job_id), ClearTimer(timer.timer_id), Close(1000, "")]
    assert books.take() == []


@pytest.mark.property
@given(st.lists(st.tuples(st.sampled_from(("start", "end", "cancel", "set", "clear", "fire")), st.integers(0, 3))))
def test_what_is_started_and_set_is_ended_or_cleared_once(steps: list[tuple[str, int]]) -> None:
    books, owners = outbox(), [instance() for _ in range(4)]
    started: list[str] = []
    timers: list[str] = []
    effects = []
    for verb, number in steps:
        if verb == "start":
            started.append(books.start(owners[number], "speak", REQUEST))
        elif verb == "set":
            books.set_timer(owners[number], "after#1", number)
        elif verb == "clear":
            books.clear_timer(owners[number], "after#1")
        elif verb == "fire" and number < len(timers):
            books.fired(timers[number])
        elif verb == "cancel" and number < len(started):
            books.cancel(started[number])
        elif verb == "end" and number < len(started):
            books.owner(started[number], JobFailed("x"))
        effects += books.take()
        timers = [effect.timer_id for effect in effects if isinstance(effect, SetTimer)]
    books.closing = Close(1000, "")
    effects += books.take()
    cancelled = [effect.job_id for effect in effects if isinstance(effect, Cancel)]
    cleared = [effect.timer_id for effect in effects if isinstance(effect, ClearTimer)]
    assert len(cancelled) == len(set(cancelled)) <= len(started)
    assert len(cleared) == len(set(cleared)) <= len(timers)
    assert all(books.owner(job_id, SpeakDone())[0] is None for job_id in started)
    assert all(books.fired(timer_id) is None for timer_id in timers)


def test_events_are_named_by_the_row_that_started_the_job() -> None:
    assert event_name("words", TranscribeDone("x", 1.0)) == "words.done"
    assert event_name("words", JobFailed("x")) == "words.failed"
