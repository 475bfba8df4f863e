"""A ``PipelineHost`` whose stages are the nodes of a dora dataflow.

The server is the dataflow's dynamic node. It starts the dataflow and starts it again when it ends; dora starts a node
again when that ends. Meanwhile clients stay connected: jobs that were under way are delivered as failed, and those that
come while a stage is missing fail at once.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rtengine.errors import ModelError
from rtengine.models.jobs import FINAL, Job, JobFailed, Result
from rtengine.pipeline.dora import dataflow
from rtengine.pipeline.dora.attachment import TICK, Attachment, Event, open_dynamic
from rtengine.pipeline.dora.codec import Metadata
from rtengine.pipeline.dora.dataflow import Dataflow
from rtengine.pipeline.dora.keeper import LOOPBACK
from rtengine.pipeline.dora.replica import TICKS_A_SECOND, Replica
from rtengine.pipeline.dora.stack import Stack
from rtengine.pipeline.dora.wiring import SERVER
from rtengine.pipeline.host import Deliver
from rtengine.profile.load import Profile

log = logging.getLogger("rtengine.dora")

_ATTACH_SECONDS = 30.0
_DEATHS_AT_START = 3
_RESTART_SECONDS = (0.5, 10.0)
"""First and longest wait before the dataflow is started again."""
_STEADY_SECONDS = 60.0
"""A dataflow that has run for so long is started again without a longer wait."""
_LOOK_SECONDS = 0.25
_SILENT_LOOKS = 6
"""A daemon that says nothing for 1.5 s has lost its jobs, like a node that does. Looks are counted and no clock is
read: a server that was itself stopped for a while has heard nothing either, and finds its daemon well."""
_HUNG_LOOKS = 20
"""One that says nothing for 5 s is ended, and the dataflow started again."""
_HUNG_TICKS = 2 * TICKS_A_SECOND
"""A node's process that has been taken for dead for so long, and not been seen to end, is killed."""
_ABSENT_TICKS = 15 * TICKS_A_SECOND
"""A node that has not come back by itself for so long takes a restart of the whole dataflow. dora starts a process
again, at most 10 s after it has ended, but does not mend a cut link to another machine."""
_FRAGMENTS_AT_ONCE = 16
_SENT = object()


@dataclass
class _Run:
    """One run of the dataflow, and the server's place in it."""

    stack: Stack
    attachment: Attachment | None
    lost: asyncio.Event
    """The attachment has ended."""

    async def trouble(self, seconds: float | None = None) -> str:
        """Wait until it cannot go on, for ``seconds`` at most; why, or nothing."""
        ended, lost = asyncio.ensure_future(self.stack.trouble()), asyncio.ensure_future(self.lost.wait())
        try:
            await asyncio.wait((ended, lost), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                return ended.result()
            return "the server has lost its daemon" if lost.done() else ""
        finally:
            for future in (ended, lost):
                future.cancel()
            await asyncio.gather(ended, lost, return_exceptions=True)

    async def close(self) -> None:
        # The stack first: as long as its daemon hangs, leaving it would hold up the whole server.
        await self.stack.stop()
        if self.attachment is not None:
            await self.attachment.close()


class DoraHost:
    """All methods are called on the event loop."""

    def __init__(self, flow: Dataflow, listen: str = LOOPBACK, listen_port: int = 0) -> None:
        self._flow = flow
        self._listen, self._listen_port = listen, listen_port
        self._stages = tuple(dict.fromkeys(flow.replicas.values()))
        self._replicas: dict[str, Replica] = {}
        self._absent: dict[str, int] = {}
        """Ticks since each node was last there."""
        self._failed = ""
        """The node that has ended and that dora does not start again."""
        self._where: dict[str, Replica] = {}
        self._refusals: dict[str, asyncio.Handle] = {}
        self._outgoing: dict[str, deque[Iterator[None]]] = {}
        """Jobs that are being sent, for each node."""
        self._sending = False
        self._progress: Callable[[str], None] = lambda step: None
        self._told: dict[str, str] = {}
        self._changed = asyncio.Event()
        self._unheard = 0
        """Looks in a row between which the daemon has said nothing."""
        self._run: _Run | None = None
        self._supervision: asyncio.Task[None] | None = None
        self._closed = False

    async def start(self, progress: Callable[[str], None]) -> None:
        self._progress = progress
        try:
            await self._until_ready(await self._open())
        except BaseException:
            await self.close()
            raise
        self._supervision = asyncio.ensure_future(self._supervise())

    def submit(self, job: Job, deliver: Deliver) -> None:
        replica = self._replica(job.request.stage, job.session_id)
        if replica is None:
            self._refuse(job, deliver)
            return
        self._where[job.id] = replica
        self._outgoing.setdefault(replica.name, deque()).append(replica.submit(job, partial(self._delivered, deliver)))
        self._send_soon()

    def cancel(self, job_id: str) -> None:
        if (refusal := self._refusals.pop(job_id, None)) is not None:
            refusal.cancel()
        if (replica := self._where.pop(job_id, None)) is not None:
            replica.cancel(job_id)

    def missing(self) -> tuple[str, ...]:
        ready = {replica.stage for replica in self._replicas.values() if replica.ready and not self._closed}
        return tuple(stage for stage in self._stages if stage not in ready)

    async def close(self) -> None:
        self._closed = True
        if self._supervision is not None:
            self._supervision.cancel()
            await asyncio.gather(self._supervision, return_exceptions=True)
        for job_id in [*self._where, *self._refusals]:
            self.cancel(job_id)
        await self._shut()

    # --- the dataflow -----------------------------------------------------------------------------------------------

    async def _open(self) -> _Run:
        """Start the dataflow and attach to it. Raises ``ModelError``."""
        stack = await Stack.start(self._flow.text, self._listen, self._listen_port, self._waiting)
        self._run = run = _Run(stack, None, asyncio.Event())
        up = await stack.up()
        epoch = time.time_ns() // 1_000_000
        again = self._supervision is not None
        self._replicas = {
            port: Replica(port, stage, partial(self._send, port), epoch, lost=again)
            for port, stage in self._flow.replicas.items()
        }
        self._absent = dict.fromkeys(self._replicas, 0)
        self._failed = ""
        self._unheard = 0
        opener = partial(open_dynamic, SERVER, up.daemon_port, up.environment)
        run.attachment = Attachment(opener, self._receive, run.lost.set, _ATTACH_SECONDS)
        return run

    async def _shut(self) -> None:
        """End the dataflow; jobs at its nodes have failed."""
        for replica in self._replicas.values():
            replica.gone()
        self._replicas = {}
        run, self._run = self._run, None
        if run is not None:
            await run.close()

    async def _until_ready(self, run: _Run) -> None:
        trouble = asyncio.ensure_future(run.trouble())
        try:
            while not (self._replicas and all(replica.ready for replica in self._replicas.values())):
                self._changed.clear()
                changed = asyncio.ensure_future(self._changed.wait())
                await asyncio.wait((changed, trouble), return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
                self._raise_failure(run.stack)
                if trouble.done():
                    raise ModelError(f"The dataflow did not start: {trouble.result()}.", run.stack.last_words())
        finally:
            trouble.cancel()
            await asyncio.gather(trouble, return_exceptions=True)

    def _raise_failure(self, stack: Stack) -> None:
        for replica in self._replicas.values():
            if replica.failure is not None:
                raise ModelError(*replica.failure)
            if replica.deaths >= _DEATHS_AT_START:
                raise ModelError(f"The node '{replica.name}' ends before it is ready.", stack.tail(replica.name))

    async def _supervise(self) -> None:
        """Start the dataflow again whenever it ends, or has lost a node for good."""
        wait = _RESTART_SECONDS[0]
        while True:
            why, lasted = await self._watch()
            log.error("the dataflow is started again: %s", why)
            wait = _RESTART_SECONDS[0] if lasted > _STEADY_SECONDS else min(2 * wait, _RESTART_SECONDS[1])
            try:
                await self._shut()
                await asyncio.sleep(wait)
                await self._open()
            except ModelError as error:
                log.error("%s", error.message)
            except Exception:  # a system without room for a process may have some the next time
                log.exception("the dataflow could not be started")

    async def _watch(self) -> tuple[str, float]:
        """Wait until the dataflow has to be started again; why, and for how long it has run."""
        began = time.monotonic()
        run = self._run
        while run is not None and run.attachment is not None:
            why = await run.trouble(_LOOK_SECONDS) or self._missed()
            if why:
                return why, time.monotonic() - began
        return "it did not start", 0.0

    def _missed(self) -> str:
        """Who has said nothing for too long or has ended for good, if anybody has."""
        self._unheard += 1
        if self._unheard > _HUNG_LOOKS:
            return "the daemon is silent"
        if self._unheard > _SILENT_LOOKS:
            if any(replica.state is not None for replica in self._replicas.values()):
                log.error("nothing heard from the daemon: its nodes are taken for dead")
            for replica in self._replicas.values():
                replica.gone()
        if self._failed:
            return f"the node {self._failed} has ended for good"
        return next((f"nothing comes from {name}" for name, ticks in self._absent.items() if ticks > _ABSENT_TICKS), "")

    def _waiting(self, what: str) -> None:
        self._tell("", f"the dataflow waits for a machine: {what}")

    # --- messages ---------------------------------------------------------------------------------------------------

    def _receive(self, event: Event) -> None:
        if event.kind == "INPUT" and event.id == TICK:
            self._tick()
        elif event.kind == "INPUT" and event.id in self._replicas and event.metadata is not None:
            replica = self._replicas[event.id]
            before = replica.state
            replica.receive(event.metadata, event.payload)
            if replica.progress:
                self._tell(replica.name, replica.progress)
            if replica.state != before:
                self._changed.set()
            if self._outgoing.get(event.id):
                self._send_soon()
        elif event.kind in ("NODE_RESTARTED", "NODE_FAILED") and event.id in self._flow.nodes and self._replicas:
            log.error("the node %s has ended", event.id)
            port = self._flow.nodes[event.id]
            self._replicas[port].died()
            if event.kind == "NODE_FAILED":
                self._failed = event.id
            else:  # dora starts it as often as it takes; the stages that are well go on
                self._absent[port] = 0
            self._changed.set()

    def _tick(self) -> None:
        self._unheard = 0
        for name, replica in self._replicas.items():
            replica.tick()
            self._absent[name] = 0 if replica.state is not None else self._absent[name] + 1
            # Another machine's process would be a stranger here.
            killable = replica.pid and name not in self._flow.remote
            if killable and self._absent[name] == _HUNG_TICKS and self._run is not None:
                log.error("the node %s hangs: its process is killed", name)
                self._run.stack.kill(replica.pid)
        self._send_soon()

    def _tell(self, who: str, step: str) -> None:
        if self._told.get(who) != step:
            self._told[who] = step
            self._progress(step)

    def _send(self, output: str, metadata: Metadata, payload: bytes) -> bool:
        attachment = self._run.attachment if self._run is not None else None
        return attachment is not None and attachment.send(output, metadata, payload)

    def _send_soon(self) -> None:
        if not self._sending:
            self._sending = True
            asyncio.get_running_loop().call_soon(self._send_some)

    def _send_some(self) -> None:
        """The jobs in order, a few fragments at a time: the loop gets to its sockets in between."""
        self._sending = False
        for name, jobs in self._outgoing.items():
            replica = self._replicas.get(name)
            for _ in range(_FRAGMENTS_AT_ONCE):
                if not jobs or not (replica is None or replica.has_room):
                    break
                if next(jobs[0], _SENT) is _SENT:
                    jobs.popleft()
            else:
                self._send_soon()

    def _delivered(self, deliver: Deliver, job_id: str, result: Result) -> None:
        if isinstance(result, FINAL):
            self._where.pop(job_id, None)
        deliver(job_id, result)

    def _refuse(self, job: Job, deliver: Deliver) -> None:
        stage = job.request.stage
        why = "the model is starting again" if stage in self._stages else "it has no model for that"
        failed = JobFailed(f"The server cannot {stage} now: {'it is stopping' if self._closed else why}.")

        def tell() -> None:
            del self._refusals[job.id]
            deliver(job.id, failed)

        self._refusals[job.id] = asyncio.get_running_loop().call_soon(tell)

    def _replica(self, stage: str, session_id: str) -> Replica | None:
        """The same node for all of a session's jobs, as long as it is there: models keep what they have read."""
        able = [replica for replica in self._replicas.values() if replica.stage == stage and replica.able]
        # One that fails at every job is mended by a job that succeeds: better tried than never known.
        able = [replica for replica in able if replica.ready] or able
        if self._closed or not able:
            return None
        return max(able, key=lambda replica: _weight(replica.name, session_id)) if len(able) > 1 else able[0]


def _weight(name: str, session_id: str) -> bytes:
    return hashlib.blake2b(f"{name} {session_id}".encode(), digest_size=8).digest()


def dora_host(profile: Profile) -> DoraHost:
    """The host of a profile's models, in the dataflow it names or in one written for it. Raises RtengineError."""
    settings = profile.pipeline
    flow = dataflow.read(Path(settings.dataflow)) if settings.dataflow else dataflow.parse(dataflow.write(profile))
    return DoraHost(dataflow.serving(flow, profile), settings.listen, settings.listen_port)
