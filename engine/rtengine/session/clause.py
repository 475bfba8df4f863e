"""Cuts a growing answer into clauses that a voice can say one by one.

The first clause is cut as early as it sounds whole, because the caller hears nothing before it; later ones prefer whole
sentences, because the voice is then ahead of the listener and a sentence has the better melody.
"""

from __future__ import annotations

import re

_STOPS = frozenset(".!?…。！？｡．؟۔।")
_PAUSES = frozenset(",;:—–，、；：､،؛")
_UNSPACED = frozenset("。！？｡．，、；：､—")
"""Marks that need no space after them."""
_CLOSERS = frozenset("\"'”’»)]}*_`」』）】》〉")
_OPENERS = "\"'“‘«([{*_`「『（【《〈"
_ABBREVIATIONS = re.compile(
    r"mrs?|ms|dr|prof|st|[js]r|vs|etc|inc|ltd|co|corp|dept|approx|sgt|capt|rev|vol|bzw|usw|ca|nr|bspw|sr(?:t)?a|mme|mlle",
    re.IGNORECASE,
)
_INITIALS = re.compile(r"(?:[^\W\d_]\.){2,}|[^\W\d_a-zI]\.")
"""``e.g.``, ``U.S.``, ``a.m.``; and one capital as in ``J. Smith``, save the word I."""
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")
_CJK_WORD = 0.5
"""What one character of a script without spaces counts for, in words."""
_LEAST_WORDS = 3
"""A pause is worth a cut after this many words."""


def speakable(text: str) -> bool:
    """Whether there is anything in ``text`` to say: a letter or a digit of any script."""
    return any(char.isalnum() for char in text)


class ClauseCutter:
    """The clauses of one answer. Put together, they are the text that was pushed, to the character.

    White space between two clauses opens the second. How the text was cut into pieces makes no difference to the
    clauses, since one character decides about the place before it. A clause may hold nothing to say (see ``speakable``)
    only at the end of the answer or after ``max_chars`` of such text.
    """

    __slots__ = (
        "_at",
        "_first",
        "_first_words",
        "_in_word",
        "_mark",
        "_max_chars",
        "_max_words",
        "_pause",
        "_text",
        "_words",
    )

    def __init__(self, first_words: int = 12, max_words: int = 25, max_chars: int = 200) -> None:
        self._first_words = first_words
        self._max_words = max_words
        self._max_chars = max_chars
        self._first = True
        self._restart("")

    def push(self, text: str) -> list[str]:
        """The clauses that ``text`` completes, often none."""
        self._text += text
        clauses = []
        while (end := self._next_end()) is not None:
            clauses.append(self._text[:end])
            self._first = False
            self._restart(self._text[end:])
        return clauses

    def flush(self) -> str | None:
        """What is left when the answer has ended; the cutter is then as new."""
        rest = self._text
        self._first = True
        self._restart("")
        return rest or None

    def _restart(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._words = 0.0
        self._in_word = False
        self._mark = ""
        self._pause = 0

    def _next_end(self) -> int | None:
        """Where the pending text's first clause ends, if that is certain by now."""
        while self._at < len(self._text):
            char = self._text[self._at]
            if self._ends_before(char):
                return self._at
            if self._is_full(char):
                return self._last_rest()
            self._count(char)
            self._at += 1
        return None

    def _ends_before(self, char: str) -> bool:
        """Whether punctuation ends a clause right before ``char``; remembers marks and pauses on the way."""
        if char in _STOPS or char in _PAUSES:
            self._mark = char if char in _STOPS or not self._mark else self._mark
            return False
        if char in _CLOSERS and self._mark:
            return False
        mark, self._mark = self._mark, ""
        if not self._words:
            return False
        if char == "\n":
            return True
        if not mark or not (char.isspace() or mark in _UNSPACED):
            return False
        if mark in _STOPS and self._ends_sentence():
            return True
        return self._pauses_here(mark)

    def _pauses_here(self, mark: str) -> bool:
        if self._words < _LEAST_WORDS or (mark == "." and not self._text[: self._at].endswith("..")):
            return False
        self._pause = self._at
        return self._first

    def _ends_sentence(self) -> bool:
        """Whether the stop before the current place ends a sentence: not an abbreviation, a list number or a pause."""
        said = self._text[: self._at].rstrip("".join(_CLOSERS))
        if not said.endswith("."):
            return not said.endswith("…")
        if said.endswith(".."):
            return False
        before, _, word = said.replace("\n", " ").rpartition(" ")
        word = word.lstrip(_OPENERS)
        if _ABBREVIATIONS.fullmatch(word[:-1]) or _INITIALS.fullmatch(word):
            return False
        return speakable(before) or not word[:-1].isdigit()

    def _is_full(self, char: str) -> bool:
        if self._at >= self._max_chars:
            return True
        limit = self._first_words if self._first else self._max_words
        return self._words >= limit and (char.isspace() or _CJK.match(char) is not None)

    def _last_rest(self) -> int:
        """The best place to cut a clause that grew too long: the last pause, else between words, else right here."""
        if self._pause:
            return self._pause
        if self._text[self._at].isspace():
            return self._at
        space = max(self._text.rfind(blank, 0, self._at) for blank in " \t\n")
        return space if space > 0 and speakable(self._text[:space]) else self._at

    def _count(self, char: str) -> None:
        is_word = char.isalnum()
        if is_word and _CJK.match(char):
            self._words += _CJK_WORD
            is_word = False
        elif is_word and not self._in_word:
            self._words += 1
        self._in_word = is_word or (self._in_word and not char.isspace() and char not in _UNSPACED)
