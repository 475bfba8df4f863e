"""The waiting line of one stage: fair between sessions, in order within a session."""

from __future__ import annotations

import threading
from collections import deque

from rtengine.models.jobs import GenerateRequest, Job
from rtengine.models.ports import Cancel
from rtengine.pipeline.host import Deliver


class Entry:
    """A job on its way through the host."""

    __slots__ = ("cancel", "deliver", "job", "open", "prefill", "running")

    def __init__(self, job: Job, deliver: Deliver) -> None:
        self.job = job
        self.deliver = deliver
        self.cancel = Cancel()
        self.open = True
        """Whether results may still be delivered. Read and written on the event loop only."""
        self.prefill = isinstance(job.request, GenerateRequest) and job.request.prefill_only
        self.running = False
        """Whether the job counts against its session's share. Guarded by the queue's lock."""


_Lane = dict[str, deque[Entry]]
"""What waits, by session; the session whose turn it is comes first."""


class JobQueue:
    """Hands entries to ``workers`` threads.

    Each session gets its turn, and no more than ``per_session`` workers. Prefills wait until nothing else does; one
    gives way to its own session's next generation, and a running one to any generation that finds no free worker.
    """

    def __init__(self, workers: int, per_session: int) -> None:
        self._workers = workers
        self._per_session = per_session
        self._changed = threading.Condition()
        self._real: _Lane = {}
        self._prefill: _Lane = {}
        self._running: list[Entry] = []
        self._busy = 0
        self._closed = False

    def put(self, entry: Entry) -> list[Entry]:
        """Queue an entry; the prefills that gave way to it are returned."""
        with self._changed:
            superseded = self._superseded(entry)
            for old in superseded:
                self._remove(old)
            lane = self._prefill if entry.prefill else self._real
            lane.setdefault(entry.job.session_id, deque()).append(entry)
            self._changed.notify()
        return superseded

    def take(self) -> Entry | None:
        """Wait for the next entry; None once the queue is closed."""
        with self._changed:
            while not self._closed:
                entry = self._next(self._real) or self._next(self._prefill)
                if entry is not None:
                    entry.running = True
                    self._running.append(entry)
                    self._busy += 1
                    return entry
                self._changed.wait()
            return None

    def done(self, entry: Entry) -> None:
        """The worker that took ``entry`` is free again."""
        with self._changed:
            self._busy -= 1
            self._remove(entry)

    def discard(self, entry: Entry) -> None:
        """Forget an entry, waiting or running; its session's next job need not wait until the worker notices."""
        with self._changed:
            self._remove(entry)
            self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _next(self, lane: _Lane) -> Entry | None:
        for session_id, waiting in lane.items():
            if self._share(session_id) < self._per_session:
                entry = waiting.popleft()
                del lane[session_id]
                if waiting:
                    lane[session_id] = waiting
                return entry
        return None

    def _share(self, session_id: str) -> int:
        return sum(entry.job.session_id == session_id for entry in self._running)

    def _superseded(self, entry: Entry) -> list[Entry]:
        own = [old for old in self._running if old.prefill and old.job.session_id == entry.job.session_id]
        own += self._prefill.get(entry.job.session_id, ())
        waiting = sum(map(len, self._real.values()))
        if own or entry.prefill or self._busy + waiting < self._workers:
            return own
        return [old for old in self._running if old.prefill][:1]

    def _remove(self, entry: Entry) -> None:
        if entry.running:
            entry.running = False
            self._running.remove(entry)
            return
        lane = self._prefill if entry.prefill else self._real
        waiting = lane.get(entry.job.session_id)
        if waiting and entry in waiting:
            waiting.remove(entry)
            if not waiting:
                del lane[entry.job.session_id]
