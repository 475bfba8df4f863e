"""What one spoken item still has to say: text comes in as the model writes it, clauses go out one at a time."""

from __future__ import annotations

from collections import deque

from rtengine.session.clause import ClauseCutter, speakable


class Speech:
    """The clauses of one item, in order. One is spoken at a time, so that audio never overtakes itself."""

    __slots__ = ("_cutter", "_finished", "_waiting", "job_id")

    def __init__(self) -> None:
        self._cutter = ClauseCutter()
        self._finished = False
        self._waiting: deque[str] = deque()
        self.job_id: str | None = None
        """The clause being spoken."""

    @property
    def over(self) -> bool:
        return self.job_id is None and not self._waiting

    def add(self, text: str) -> None:
        self._waiting.extend(self._cutter.push(text))

    def finish(self) -> None:
        """No more text comes: what the cutter still holds is the last clause."""
        self._finished = True
        rest = self._cutter.flush()
        if rest:
            self._waiting.append(rest)

    def next(self) -> str | None:
        """The clause to speak now, or None while one is being spoken or none is complete.

        Text without a letter or digit makes no sound: it goes with the clause after it, and is dropped at the very end.
        """
        if self.job_id is not None:
            return None
        clause = ""
        while self._waiting and not speakable(clause):
            clause += self._waiting.popleft()
        if speakable(clause):
            return clause
        if clause and not self._finished:
            self._waiting.appendleft(clause)
        return None

    def stop(self) -> str | None:
        """Forget everything unsaid; the id of the job to cancel, if one runs."""
        self._waiting.clear()
        job_id, self.job_id = self.job_id, None
        return job_id
