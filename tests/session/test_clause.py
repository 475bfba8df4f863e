from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtengine.session.clause import ClauseCutter, speakable

pytestmark = pytest.mark.unit


def cut(text: str, size: int = 1) -> list[str]:
    """All clauses of ``text`` when it arrives in pieces of ``size`` characters."""
    cutter = ClauseCutter()
    clauses: list[str] = []
    for start in range(0, len(text), size):
        clauses += cutter.push(text[start : start + size])
    rest = cutter.flush()
    return clauses if rest is None else [*clauses, rest]


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("The capital is Paris. It is old.", ["The capital is Paris.", " It is old."]),
        ("Sure! Here you go.", ["Sure!", " Here you go."]),
        ("Well, that depends.", ["Well, that depends."]),
        ("Let me see now, it is late.", ["Let me see now,", " it is late."]),
        (
            "Hi. I know, you know, we all know, it is late. Bye.",
            ["Hi.", " I know, you know, we all know, it is late.", " Bye."],
        ),
        ("Pi is 3.14, about.", ["Pi is 3.14,", " about."]),
        ("It costs 1,000 at 10:30 today.", ["It costs 1,000 at 10:30 today."]),
        ("Ask Dr. Smith, e.g. J. Smith. Now.", ["Ask Dr. Smith,", " e.g. J. Smith.", " Now."]),
        ("It was I. Really.", ["It was I.", " Really."]),
        ("See https://a.example/x?y=1. Then go.", ["See https://a.example/x?y=1.", " Then go."]),
        ('"Is it?" she asked. Yes.', ['"Is it?"', " she asked.", " Yes."]),
        ("Wait... what?", ["Wait... what?"]),
        ("I am not sure… maybe so.", ["I am not sure…", " maybe so."]),
        ("What?! No.", ["What?!", " No."]),
        ("Steps:\n1. Open it.\n2. Close it.\n", ["Steps:", "\n1. Open it.", "\n2. Close it.", "\n"]),
        ("List:\n- one\n- two", ["List:", "\n- one", "\n- two"]),
        ("**Yes.** It is.", ["**Yes.**", " It is."]),
        ("今日は晴れです。明日は雨でしょう。", ["今日は晴れです。", "明日は雨でしょう。"]),
        ("「はい。」と言った。", ["「はい。」", "と言った。"]),
        ("हाँ। ठीक है।", ["हाँ।", " ठीक है।"]),
        ("", []),
        ("  \n ", ["  \n "]),
    ],
)
def test_text_is_cut_where_a_reader_would_pause(text: str, clauses: list[str]) -> None:
    assert cut(text) == clauses


def test_a_long_opening_is_cut_after_twelve_words() -> None:
    text = " ".join(f"word{n}" for n in range(20))
    assert cut(text) == [" ".join(f"word{n}" for n in range(12)), *[" " + " ".join(f"word{n}" for n in range(12, 20))]]


def test_a_long_later_sentence_is_cut_at_its_last_pause() -> None:
    words = " ".join(f"w{n}" for n in range(20))
    clauses = cut(f"Yes. {words}, {words}.")
    assert clauses == ["Yes.", f" {words},", f" {words}."]


def test_a_long_later_sentence_without_a_pause_is_cut_between_words() -> None:
    clauses = cut("Yes. " + " ".join(f"w{n}" for n in range(40)) + ".")
    assert [len(clause.split()) for clause in clauses] == [1, 25, 15]


def test_the_first_clause_comes_with_the_first_character_after_it() -> None:
    cutter = ClauseCutter()
    assert cutter.push("It is Paris.") == []
    assert cutter.push(" ") == ["It is Paris."]


def test_text_without_spaces_is_bounded() -> None:
    assert [len(clause) for clause in cut("x" * 450)] == [200, 200, 50]
    assert max(len(clause) for clause in cut("天" * 300)) <= 50


def test_flush_makes_the_cutter_as_new() -> None:
    cutter = ClauseCutter()
    cutter.push("Yes. One two three, four")
    assert cutter.flush() == " One two three, four"
    assert cutter.flush() is None
    assert cutter.push("One two three, four") == ["One two three,"]


def test_only_letters_and_digits_are_speakable() -> None:
    assert speakable(" 7") and speakable("天")
    assert not speakable(" …\n-*")


TEXT = st.text(alphabet=st.one_of(st.sampled_from("ab Z1.,!?…:;\n-\"')(。、天 \t*"), st.characters()), max_size=600)


@pytest.mark.property
@given(text=TEXT, size=st.integers(1, 40))
def test_clauses_lose_nothing_and_do_not_depend_on_the_pieces(text: str, size: int) -> None:
    clauses = cut(text, size)
    assert "".join(clauses) == text
    assert clauses == cut(text, 1)
    assert all(0 < len(clause) <= 200 for clause in clauses)


@pytest.mark.property
@given(text=TEXT)
def test_every_short_clause_but_the_last_has_something_to_say(text: str) -> None:
    assert all(speakable(clause) or len(clause) >= 200 for clause in cut(text)[:-1])
