"""Whether a transcript reads as if its speaker had finished: a judgement by its form, where no model can judge.

It knows the words that nobody ends on, and punctuation. So it finds about half of the sentences that are cut off; a
language model finds most.
"""

from __future__ import annotations

import re

FINISHED = 1.0
OPEN_ENDED = 0.05
"""Nothing speaks against it, but no full stop speaks for it either: half of what is as good as certain."""
UNFINISHED = 0.0

_STOPS = ".!?。！？؟।"
_DANGLING = """
a an the my your our their its every and or but nor so because if when while although though unless until since
than whose whether of to at from with without into onto between through during for i we they am was were has had
would could should may might must just let let's i'm i'd i'll we're they're there's um uh er erm hmm
äh ähm euh eh und oder aber weil der das ein eine et ou mais le la les un une y o pero el
"""
"""Words, mostly English, that leave a sentence open."""
_OPEN = frozenset(_DANGLING.split())
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")


def completeness(text: str) -> float:
    """How likely it is that a speaker who paused after ``text`` has finished, on the scale of ``JudgeDone``."""
    said = text.strip().strip("\"'”’»)]")
    bare = said.rstrip(_STOPS + "…,;:-–— ")
    words = bare.lower().split()
    if not words or said.endswith(("...", "…", ",", ";", ":", "-", "–", "—")) or words[-1] in _OPEN:
        return UNFINISHED
    return FINISHED if said[-1] in _STOPS else OPEN_ENDED


def word_count(text: str) -> int:
    """Words of a transcript. Two characters of a script without spaces count as one word, roughly."""
    ideographs = len(_CJK.findall(text))
    others = [word for word in _CJK.sub(" ", text).split() if any(char.isalnum() for char in word)]
    return len(others) + (ideographs + 1) // 2
