"""Runs the stages on threads of the server process."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial

from rtengine.errors import ModelError
from rtengine.models.jobs import FINAL, GenerateDone, Job, JobFailed, Result
from rtengine.pipeline.host import Deliver
from rtengine.pipeline.queue import Entry, JobQueue
from rtengine.pipeline.stage import SERVER_ERROR, STAGES, AnyStage, Stage, load_stage
from rtengine.profile.load import Profile
from rtengine.profile.settings import Workers

log = logging.getLogger(__name__)

Loader = Callable[[Callable[[str], None]], AnyStage]
"""Loads a stage, telling its progress; see ``stage.load_stage``."""

_SWITCH_INTERVAL = 0.0005
"""How long a thread that computes in Python may keep the event loop waiting, in seconds. With two such threads, it
comes 8 ms late (p99); with the default of 0.005 s, 130 ms."""
_DELIVERIES = 256
"""Results delivered before the loop gets to its sockets again."""
_SUPERSEDED = GenerateDone("stop")


class LocalHost:
    """A ``PipelineHost`` whose stages are threads: no processes to start, no results to lose.

    All methods are called on the event loop. Jobs of one session run one after the other in ``transcribe`` and
    ``speak``; in ``generate`` and ``tool`` they start in order, and may hold up to half of the workers.
    """

    def __init__(
        self,
        loaders: Mapping[str, Loader],
        workers: Mapping[str, int] | None = None,
        close_seconds: float = 5.0,
        watched: bool = True,
    ) -> None:
        """``loaders`` and numbers of ``workers`` by stage; ``close_seconds`` bounds the wait for them in ``close``.

        ``watched``: a stage that breaks, and one that is well again, is told in the log.
        """
        self._loaders = dict(loaders)
        self._workers = {**Workers().model_dump(), **(workers or {})}
        self._close_seconds = close_seconds
        self._watched = watched
        self._broken: set[str] = set()
        """Stages of which the log says that they are."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stages: dict[str, AnyStage] = {}
        self._queues: dict[str, JobQueue] = {}
        self._threads: list[threading.Thread] = []
        self._entries: dict[str, Entry] = {}
        self._outbox: deque[tuple[Entry, Result]] = deque()
        self._waking = False
        self._closed = False
        self._switch_interval = sys.getswitchinterval()

    async def start(self, progress: Callable[[str], None]) -> None:
        self._loop = loop = asyncio.get_running_loop()

        def tell(step: str) -> None:
            loop.call_soon_threadsafe(progress, step)

        names = list(self._loaders)
        loads = (asyncio.to_thread(_load, name, self._loaders[name], tell) for name in names)
        outcomes = await asyncio.gather(*loads, return_exceptions=True)
        self._stages = {n: stage for n, stage in zip(names, outcomes, strict=True) if isinstance(stage, Stage)}
        failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        if failures:
            await self.close()
            raise failures[0]
        sys.setswitchinterval(min(self._switch_interval, _SWITCH_INTERVAL))
        for name, stage in self._stages.items():
            self._staff(name, stage)

    def submit(self, job: Job, deliver: Deliver) -> None:
        entry = Entry(job, deliver)
        self._entries[job.id] = entry
        queue = self._queues.get(job.request.stage)
        if self._closed or queue is None:
            why = "it is stopping" if self._closed else "it has no model for that"
            self._loop = self._loop or asyncio.get_running_loop()
            self._post(entry, JobFailed(f"The server cannot {job.request.stage} now: {why}."))
            return
        for superseded in queue.put(entry):
            self._post(superseded, _SUPERSEDED)
            _stop(superseded)

    def cancel(self, job_id: str) -> None:
        entry = self._entries.pop(job_id, None)
        if entry is None:
            return
        entry.open = False
        if queue := self._queues.get(entry.job.request.stage):
            queue.discard(entry)
        _stop(entry)

    def missing(self) -> tuple[str, ...]:
        return tuple(
            name for name in self._loaders if self._closed or name not in self._queues or self._stages[name].broken
        )

    async def close(self) -> None:
        self._closed = True
        for entry in self._entries.values():
            entry.open = False
            _stop(entry)
        self._entries.clear()
        for queue in self._queues.values():
            queue.close()
        sys.setswitchinterval(self._switch_interval)
        await asyncio.to_thread(self._dismiss)

    def _staff(self, name: str, stage: AnyStage) -> None:
        workers = self._workers[name]
        queue = JobQueue(workers, per_session=max(1, workers // 2) if name in ("generate", "tool") else 1)
        self._queues[name] = queue
        for number in range(workers):
            thread = threading.Thread(
                target=self._work, args=(stage, queue), name=f"rtengine-{name}-{number}", daemon=True
            )
            thread.start()
            self._threads.append(thread)

    def _dismiss(self) -> None:
        """Wait for the workers, then close the adapters, unless one is still at work in a model."""
        deadline = time.monotonic() + self._close_seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        stuck = [thread.name for thread in self._threads if thread.is_alive()]
        if stuck:
            log.warning("still at work after %.0f s, left behind: %s", self._close_seconds, ", ".join(stuck))
            return
        for name, stage in self._stages.items():
            try:
                stage.close()
            except Exception:
                log.exception("the model of '%s' failed to close", name)

    # --- on the workers' threads ------------------------------------------------------------------------------------

    def _work(self, stage: AnyStage, queue: JobQueue) -> None:
        while (entry := queue.take()) is not None:
            try:
                for result in stage.handle(entry.job, entry.cancel):
                    self._post(entry, result)
            except BaseException:
                # A model library may raise SystemExit: the worker outlives it, as nobody else would do its jobs.
                log.critical("job %s broke out of its stage", entry.job.id, exc_info=True)
                self._post(entry, SERVER_ERROR)
            finally:
                queue.done(entry)

    def _post(self, entry: Entry, result: Result) -> None:
        """Hand a result to the loop. From any thread; many results share one wake-up."""
        self._outbox.append((entry, result))
        if not self._waking:
            self._wake()

    def _wake(self) -> None:
        self._waking = True
        try:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._deliver)
        except RuntimeError:
            if not self._closed:  # the loop is closed: only a host that was closed before it may still have results
                raise

    # --- on the event loop ------------------------------------------------------------------------------------------

    def _deliver(self) -> None:
        # Before the first look at the outbox: what is posted after the last look then wakes the loop again.
        self._waking = False
        for _ in range(_DELIVERIES):
            if not self._outbox:
                return
            entry, result = self._outbox.popleft()
            if not entry.open:
                continue
            if isinstance(result, FINAL):
                entry.open = False
                self._entries.pop(entry.job.id, None)
                self._look(entry.job.request.stage)
            try:
                entry.deliver(entry.job.id, result)
            except Exception:
                log.exception("the receiver of job %s failed at '%s'", entry.job.id, result.name)
        if self._outbox:
            self._wake()

    def _look(self, name: str) -> None:
        """Say it once when a stage breaks, and once when it is well again."""
        stage = self._stages.get(name)
        if not self._watched or stage is None or stage.broken == (name in self._broken):
            return
        if stage.broken:
            self._broken.add(name)
            log.error("the stage '%s' fails at every job: it counts as missing until one succeeds", name)
        else:
            self._broken.discard(name)
            log.info("the stage '%s' is well again", name)


def local_host(profile: Profile) -> LocalHost:
    """The host of a profile's transcriber, chat model and voice, as far as it has them."""
    loaders: dict[str, Loader] = {
        name: partial(load_stage, name, adapter.name, adapter.settings)
        for name, stage in STAGES.items()
        if (adapter := profile.models.get(stage.kind)) is not None
    }
    return LocalHost(loaders, profile.pipeline.workers.model_dump())


def _load(name: str, loader: Loader, progress: Callable[[str], None]) -> AnyStage:
    try:
        return loader(progress)
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"The model of the stage '{name}' failed to load: {error}") from error


def _stop(entry: Entry) -> None:
    try:
        entry.cancel.set()
    except Exception:
        log.exception("a model failed at the cancel of job %s", entry.job.id)
