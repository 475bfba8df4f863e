"""The shell of one session: events go in with their time, effects are executed in order, nothing is awaited.

Writing is synchronous, so that what a session says in one step reaches the socket in that step and in that order. The
price is that the write buffer is ours to watch: ``Outlet`` drops a client that does not read.
"""

from __future__ import annotations

import asyncio
from collections import deque

from rtengine.models.jobs import FINAL, Result
from rtengine.observe.log import SessionLog
from rtengine.observe.observed import Observed
from rtengine.pipeline.host import PipelineHost
from rtengine.protocol.dialect import GA, Dialect
from rtengine.protocol.errors import APIError, api_error
from rtengine.server.outlet import Outlet
from rtengine.server.refusal import error_event, internal_error
from rtengine.server.sessions import Session, SessionInput
from rtengine.session.effects import (
    Cancel,
    ClearTimer,
    Close,
    Disconnected,
    Effect,
    JobResult,
    Send,
    SetTimer,
    Start,
    TimerFired,
)

INTERNAL_ERROR = 1011
"""Close code of a connection whose session failed (RFC 6455, 7.4.1)."""


class _Rest:
    """What the session has still to do with the last event."""


class Shell:
    """Drives one session until it closes, the client is gone, or it fails. Its methods never raise."""

    def __init__(
        self,
        session: Session,
        outlet: Outlet,
        host: PipelineHost,
        log: SessionLog,
        observed: Observed,
        dialect: Dialect | None = None,
    ) -> None:
        self._session = session
        self._outlet = outlet
        self._host = host
        self._log = log
        self._dialect = dialect or GA()
        self._loop = asyncio.get_running_loop()
        self.observed = observed
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._jobs: set[str] = set()
        self._inbox: deque[tuple[SessionInput, float]] = deque()
        self._busy = False
        self._going_on = False
        """``_go_on`` is about to be called."""
        self._now = 0.0
        self._hung_up: tuple[int, str] | None = None
        """Code and reason of ``hang_up``."""
        self._ended = False

    def start(self) -> None:
        """Begin the session: its first effects are ``session.created`` and its timers."""
        self._step(None, 0.0)
        self._catch_up()

    def frame(self, message: str | bytes) -> None:
        """Take one WebSocket message. What is no client event reaches the session as the error to answer it with."""
        if self._ended:
            return
        event: SessionInput
        try:
            event = api_error("binary_frame") if isinstance(message, bytes) else self._dialect.parse(message)
        except APIError as error:
            event = error.with_traceback(None)  # its frames would keep this message alive until the next collection
        except Exception as error:
            self._fail(error)
            return
        self.feed(event)

    def feed(self, event: SessionInput, at: float = 0.0) -> None:
        """Give the session an event, with the time of now, or ``at`` where that is later.

        An event that comes while the effects of another are being executed waits for its turn, and so does one that
        comes while the session still has to do with another.
        """
        if self._busy or self.behind:
            self._inbox.append((event, at))
            return
        self._step(event, at)
        self._catch_up()

    def disconnect(self) -> None:
        """The client is gone: tell the session, and release what it still holds. Does nothing after the end."""
        if not self._busy:
            self._step(Disconnected(), 0.0)
        self._end()

    @property
    def behind(self) -> bool:
        """The session has more to do than it does at once; other connections have their turn in between."""
        return self._session.behind and not self._ended

    def hang_up(self, code: int, reason: str) -> None:
        """Close from this side, whatever the session is doing. What it still says is sent; why is not for it to say."""
        self._hung_up = (code, reason)
        self.disconnect()
        self._outlet.close(code, reason)

    def _catch_up(self) -> None:
        while self._inbox and not self.behind:
            self._step(*self._inbox.popleft())
        if self.behind and not self._going_on:
            self._going_on = True
            self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        self._going_on = False
        if self.behind:
            self._step(_Rest(), 0.0)
            self._catch_up()

    def _step(self, event: SessionInput | _Rest | None, at: float) -> None:
        if self._ended:
            return
        self._busy = True
        try:
            now = self._now = max(self._loop.time(), at, self._now)
            self._execute(self._effects(event, now), now)
        except Exception as error:
            self._fail(error)
        finally:
            self._busy = False
        if self._outlet.dropped and not self._ended:
            self._inbox.clear()
            if type(event) is Disconnected:
                self._end()
            else:
                self._inbox.append((Disconnected(), 0.0))

    def _effects(self, event: SessionInput | _Rest | None, now: float) -> list[Effect]:
        if event is None:
            return self._session.start(now)
        return self._session.go_on(now) if isinstance(event, _Rest) else self._session.receive(event, now)

    def _execute(self, effects: list[Effect], now: float) -> None:
        for effect in effects:
            match effect:
                case Send(event):
                    for told in self._dialect.told(event):
                        self._outlet.send(told)
                    self.observed.sent(event, now)
                case Start(job):
                    self._jobs.add(job.id)
                    self.observed.started(job, now)
                    self._host.submit(job, self._deliver)
                case Cancel(job_id):
                    self._jobs.discard(job_id)
                    self.observed.cancelled(job_id, now)
                    self._host.cancel(job_id)
                case SetTimer(timer_id, at):
                    self._clear_timer(timer_id)
                    self._timers[timer_id] = self._loop.call_at(at, self._fire, timer_id, at)
                case ClearTimer(timer_id):
                    self._clear_timer(timer_id)
                case Close(code, reason):
                    if self._hung_up is not None and self._hung_up[0] != code:
                        code, reason = self._hung_up
                    self._outlet.close(code, reason)
                    self._end()
                    return

    def _deliver(self, job_id: str, result: Result) -> None:
        if self._ended or job_id not in self._jobs:
            return
        if isinstance(result, FINAL):
            self._jobs.discard(job_id)
        self.observed.result(job_id, result, self._loop.time())
        self.feed(JobResult(job_id, result))

    def _fire(self, timer_id: str, at: float) -> None:
        # The loop may call up to one clock tick early; to the session a timer is never early.
        del self._timers[timer_id]
        self.feed(TimerFired(timer_id), at)

    def _clear_timer(self, timer_id: str) -> None:
        handle = self._timers.pop(timer_id, None)
        if handle is not None:
            handle.cancel()

    def _fail(self, error: Exception) -> None:
        """A fault of ours, not the client's: it ends this session, and no other one notices."""
        if self._ended:
            return
        self._log.error("session failed", exc_info=error)
        self._end()
        told = error_event(internal_error())
        self.observed.sent(told, self._now)
        try:
            self._outlet.send(told)
        finally:
            self._outlet.close(INTERNAL_ERROR, "internal error")

    def _end(self) -> None:
        self._ended = True
        self.observed.end(max(self._loop.time(), self._now))
        self._inbox.clear()
        for handle in self._timers.values():
            handle.cancel()
        self._timers.clear()
        for job_id in self._jobs:
            self._host.cancel(job_id)
        self._jobs.clear()
