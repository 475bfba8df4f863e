import pytest

from rtengine.models.completeness import FINISHED, OPEN_ENDED, UNFINISHED, completeness, word_count

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "text", ["What time is it?", "Go forward ten meters.", "Stop!", "Ich bin fertig.", "はい。", 'He said "no."']
)
def test_a_sentence_with_its_stop_is_finished(text: str) -> None:
    assert completeness(text) == FINISHED


@pytest.mark.parametrize(
    "text",
    [
        "I would like a",
        "Tell me about the weather and.",
        "Well, um",
        "First,",
        "And then...",
        "So…",
        "Wait -",
        "",
        " . ",
    ],
)
def test_a_word_or_a_mark_that_nobody_ends_on_leaves_it_open(text: str) -> None:
    assert completeness(text) == UNFINISHED


def test_without_a_stop_it_is_neither() -> None:
    assert completeness("go forward ten meters") == OPEN_ENDED


@pytest.mark.parametrize(
    ("text", "count"),
    [("", 0), (" ... ", 0), ("Stop.", 1), ("Yes, please!", 2), ("What is - it?", 3), ("日本の首都", 3), ("はい", 1)],
)
def test_words_are_counted_in_any_script(text: str, count: int) -> None:
    assert word_count(text) == count
