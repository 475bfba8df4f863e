"""What a server notes of one session: what it used, its turns in the log, its metrics, its trace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rtengine.models.jobs import Job, Result
from rtengine.observe.account import Account
from rtengine.observe.log import SessionLog
from rtengine.observe.metrics import Metrics
from rtengine.observe.spans import Span, Spans
from rtengine.observe.timeline import Timeline
from rtengine.observe.tracing import Trace, Traces


class _Readers:
    """Whom spans are told. Apart from ``Observed``: a ring of references would keep an ended session for a while."""

    def __init__(self, metrics: Metrics | None) -> None:
        self.metrics = metrics
        self.trace: Trace | None = None

    def __call__(self, span: Span) -> None:
        if self.metrics is not None:
            self.metrics.span(span)
        if self.trace is not None:
            self.trace.span(span)


class Observed:
    """Told of what leaves the session, of its jobs and of their results; audio that comes in costs nothing here.

    Every method takes the session's clock, in seconds. ``epoch`` is the wall time at 0 of it.
    """

    def __init__(
        self, log: SessionLog, metrics: Metrics | None = None, traces: Traces | None = None, epoch: float = 0.0
    ) -> None:
        self.account = Account()
        self._log = log
        self._readers = _Readers(metrics)
        self._traces = traces
        self._epoch = epoch
        self._timeline = Timeline()
        self._spans = Spans(self._readers)
        self._over = False
        self._failed = False

    def sent(self, event: dict[str, Any], now: float) -> None:
        """A server event left, in the shape of the GA."""
        self.account.sent(event)
        self._safely(self._sent, event, now)

    def started(self, job: Job, now: float) -> None:
        """A job was handed to the pipeline."""
        self._safely(self._started, job, now)

    def result(self, job_id: str, result: Result, now: float) -> None:
        """A job produced something."""
        self.account.result(result)
        self._safely(self._result, job_id, result, now)

    def cancelled(self, job_id: str, now: float) -> None:
        """A job was taken back."""
        self._safely(self._cancelled, job_id, now)

    def end(self, now: float) -> None:
        """The session is over, however it ended. Only the first call counts."""
        if not self._over:
            self._over = True
            self._safely(self._end, now)

    def _safely(self, note: Callable[..., None], *told: Any) -> None:
        """What is noted of a session must not end it."""
        if self._failed:
            return
        try:
            note(*told)
        except Exception as error:
            self._failed = True
            self._log.error("observation failed", exc_info=error)
            if self._readers.trace is not None:
                self._readers.trace.end()

    def _sent(self, event: dict[str, Any], now: float) -> None:
        if self._readers.trace is None and event["type"] in ("session.created", "session.updated"):
            tracing = (event.get("session") or {}).get("tracing")
            if tracing is not None and self._traces is not None:
                self._readers.trace = self._traces.begin(tracing, self._log, self._epoch, now)
        timing = self._timeline.sent(event, now)
        self._spans.sent(event, now, timing)
        if timing is not None:
            self._log.turn(timing)
        if self._readers.metrics is not None:
            self._readers.metrics.sent(event)
            if timing is not None:
                self._readers.metrics.turn(timing)

    def _started(self, job: Job, now: float) -> None:
        self._timeline.started(job, now)
        self._spans.started(job, now)

    def _result(self, job_id: str, result: Result, now: float) -> None:
        self._timeline.result(job_id, result, now)
        self._spans.result(job_id, result, now)

    def _cancelled(self, job_id: str, now: float) -> None:
        self._timeline.cancelled(job_id)
        self._spans.cancelled(job_id, now)

    def _end(self, now: float) -> None:
        self._spans.end(now, turns=self.account.turns, responses=self.account.responses)
        if self._readers.trace is not None:
            self._readers.trace.end()
