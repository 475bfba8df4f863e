"""What one spoken item still has to say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtengine.session.clause import speakable
from rtengine.session.speech import Speech

pytestmark = pytest.mark.unit

TEXTS = st.lists(st.text("ab cd, 好.!?\n…。", max_size=40), max_size=8)


def test_one_clause_is_spoken_at_a_time_and_in_order() -> None:
    speech = Speech()
    speech.add("First this. Then that. ")
    assert speech.next() == "First this."
    speech.job_id = "job_1"
    assert speech.next() is None
    assert not speech.over
    speech.job_id = None
    assert speech.next() == " Then that."
    assert speech.over


def test_the_last_clause_waits_for_the_end_of_the_text() -> None:
    speech = Speech()
    speech.add("No stop")
    assert speech.next() is None
    speech.finish()
    assert speech.next() == "No stop"
    assert speech.over


@pytest.mark.parametrize("text", ["", "…", " \n ", "?!"])
def test_text_that_makes_no_sound_leaves_nothing_to_say(text: str) -> None:
    speech = Speech()
    speech.add(text)
    speech.finish()
    assert speech.next() is None
    assert speech.over


def test_what_is_stopped_says_nothing_more() -> None:
    speech = Speech()
    speech.add("One thing. Another thing. ")
    speech.next()
    speech.job_id = "job_1"
    assert speech.stop() == "job_1"
    assert speech.over
    assert speech.next() is None
    assert speech.stop() is None


@pytest.mark.property
@given(TEXTS)
def test_all_that_can_be_heard_is_said_once_however_the_text_came(texts: list[str]) -> None:
    speech, said = Speech(), []
    for text in texts:
        speech.add(text)
        while (clause := speech.next()) is not None:
            said.append(clause)
    speech.finish()
    while (clause := speech.next()) is not None:
        said.append(clause)
    whole = "".join(texts)
    assert all(speakable(clause) for clause in said)
    assert whole.startswith("".join(said))
    assert not speakable(whole[len("".join(said)) :])
    assert speech.over
