"""A node that runs one stage: ``python -m rtengine.pipeline.dora.node --stage speak --profile NAME``.

``serve`` runs any stage, so a node of your own is a few lines: see docs/dataflow.md.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from rtengine.errors import ModelError, RtengineError, reason
from rtengine.models.jobs import FINAL, Job, JobFailed, Result
from rtengine.pipeline.dora.attachment import TICK, Attachment, Event, open_here
from rtengine.pipeline.dora.codec import Malformed, pack_result
from rtengine.pipeline.dora.envelope import CANCEL, CREDIT, PROBE, STATUS, Assembly, Envelope
from rtengine.pipeline.dora.lead import Leads, paced
from rtengine.pipeline.dora.status import State, Status
from rtengine.pipeline.local import Loader, LocalHost
from rtengine.pipeline.stage import SERVER_ERROR, STAGES, load_stage
from rtengine.profile.load import load_profile

log = logging.getLogger("rtengine.node")

JOBS, RESULTS = "jobs", "results"
PROFILE_VARIABLE = "RTENGINE_PROFILE"
_ASSEMBLY_TICKS = 40
"""A job whose fragments have not all come by then has lost one; the server has long noticed."""
_LAST_WORDS_SECONDS = 1.0
MALFORMED = JobFailed("The server had an error while processing the request: a message was not understood.")


class StageNode:
    """One stage in one process. Everything but the stage itself runs on the event loop."""

    def __init__(self, stage: str, loader: Loader, workers: int = 1, silence_seconds: float = 0.0) -> None:
        self._stage = stage
        self._loader = loader
        self._silence_seconds = silence_seconds
        self._leads = Leads()
        self._host = LocalHost({stage: self._load}, {stage: workers}, watched=False)
        self._incarnation = secrets.token_hex(6)
        self._epoch = 0
        self._probe = 0
        self._state: State = "loading"
        self._progress, self._hint = "", ""
        self._jobs: dict[str, tuple[Job, int]] = {}
        self._assemblies: dict[str, Assembly] = {}
        self._attachment: Attachment
        self._ended = asyncio.Event()
        self._reason: ModelError | None = None
        self._parent = os.getppid()

    async def run(self, open_node: Callable[[], Any] = open_here) -> None:
        """Serve until the dataflow ends. Raises ``ModelError`` when the model cannot be loaded, or the node leaves."""
        self._attachment = Attachment(open_node, self.receive, self._ended.set)
        try:
            loading = asyncio.ensure_future(self._host.start(self._tell))
            ended = asyncio.ensure_future(self._ended.wait())
            await asyncio.wait((loading, ended), return_when=asyncio.FIRST_COMPLETED)
            if not loading.done():
                loading.cancel()
                return
            self._loaded(loading.exception())
            if loading.exception() is not None:
                # The server has to hear of it: nothing makes sure that a message arrives but time.
                await asyncio.wait((ended,), timeout=_LAST_WORDS_SECONDS)
            loading.result()
            await ended
            if self._reason is not None:
                raise self._reason
        finally:
            await self._attachment.close()
            await self._host.close()

    def leave(self, why: str) -> None:
        """End the node, with an error."""
        if not self._ended.is_set():
            self._reason = ModelError(why)
            self._ended.set()

    @property
    def broken(self) -> bool:
        """Whether every job fails."""
        return bool(self._host.missing())

    def _load(self, progress: Callable[[str], None]) -> Any:
        return paced(self._loader(progress), self._leads)

    def _loaded(self, error: BaseException | None) -> None:
        if error is None:
            self._state, self._progress = "ready", ""
        elif isinstance(error, RtengineError):
            self._state, self._progress, self._hint = "failed", error.message, error.hint
        else:
            self._state, self._progress = "failed", f"The stage '{self._stage}' cannot run: {error}"
        self._report()

    def _tell(self, step: str) -> None:
        self._progress = step
        self._report()

    # --- from the server --------------------------------------------------------------------------------------------

    def receive(self, event: Event) -> None:
        if event.kind == "STOP":
            self._ended.set()
        elif event.kind == "INPUT_CLOSED" and event.id == JOBS:
            self._forget()
        elif event.kind == "INPUT" and event.id == TICK:
            self._tick()
        elif event.kind == "INPUT" and event.id == JOBS:
            assert event.metadata is not None
            self._message(event.metadata, event.payload)

    def send(self, output: str, value: Any, metadata: Mapping[str, Any]) -> bool:
        """Send by an output of the node's own; from any thread. Whether it could be sent."""
        return self._attachment.send(output, metadata, value)

    def _tick(self) -> None:
        if os.getppid() != self._parent:
            log.warning("the daemon is gone")
            self._ended.set()
        self._report()
        for job_id, assembly in list(self._assemblies.items()):
            assembly.age += 1
            if assembly.age > _ASSEMBLY_TICKS:
                del self._assemblies[job_id]

    def _message(self, metadata: Mapping[str, Any], payload: bytes) -> None:
        try:
            envelope = Envelope.read(metadata)
        except Malformed as error:
            log.error("a message without an address: %s", error)
            return
        if envelope.epoch < self._epoch:
            return
        if envelope.epoch > self._epoch:
            self._forget()  # what is left of an earlier server
            self._epoch, self._probe = envelope.epoch, 0
        if envelope.name == CANCEL:
            self._cancel(envelope.job_id)
        elif envelope.name == CREDIT:
            self._leads.credit(envelope.job_id, envelope.seq)
        elif envelope.name == PROBE:
            self._probe = envelope.seq
            self._report()
        else:
            self._fragment(envelope, metadata, payload)

    def _fragment(self, envelope: Envelope, metadata: Mapping[str, Any], payload: bytes) -> None:
        if envelope.job_id in self._jobs:
            return
        assembly = self._assemblies.setdefault(envelope.job_id, Assembly())
        try:
            job = assembly.add(envelope, metadata, payload)
        except Malformed as error:
            log.error("a job that is none: %s", error)
            del self._assemblies[envelope.job_id]
            self._send(envelope.session_id, envelope.job_id, 0, MALFORMED)
            return
        if job is None:
            return
        del self._assemblies[job.id]
        self._jobs[job.id] = job, 0
        if job.request.stage == self._stage:
            self._host.submit(job, self._deliver)
        else:
            self._deliver(job.id, SERVER_ERROR)

    def _cancel(self, job_id: str) -> None:
        self._assemblies.pop(job_id, None)
        if self._jobs.pop(job_id, None) is not None:
            self._host.cancel(job_id)

    def _forget(self) -> None:
        self._assemblies.clear()
        for job_id in list(self._jobs):
            self._cancel(job_id)

    # --- to the server ----------------------------------------------------------------------------------------------

    def _deliver(self, job_id: str, result: Result) -> None:
        job, seq = self._jobs[job_id]
        if isinstance(result, FINAL):
            del self._jobs[job_id]
        else:
            self._jobs[job_id] = job, seq + 1
        self._send(job.session_id, job_id, seq, result)

    def _send(self, session_id: str, job_id: str, seq: int, result: Result) -> None:
        fields, payload = pack_result(result)
        fin = isinstance(result, FINAL)
        envelope = Envelope(result.name, session_id, job_id, self._epoch, seq, fin, self._incarnation)
        self._attachment.send(RESULTS, envelope.metadata(fields), payload)

    def _report(self) -> None:
        state: State = "broken" if self._state == "ready" and self.broken else self._state
        status = Status(
            state=state,
            progress=self._progress,
            hint=self._hint,
            jobs={job_id: seq for job_id, (_, seq) in self._jobs.items()},
            probe=self._probe,
            pid=os.getpid(),
            silence_seconds=self._silence_seconds,
        )
        envelope = Envelope(STATUS, epoch=self._epoch, incarnation=self._incarnation)
        self._attachment.send(RESULTS, envelope.metadata(), status.model_dump_json().encode())


def serve(stage: str, loader: Loader, workers: int = 1, silence_seconds: float = 0.0) -> int:
    """Be the node of a stage until the dataflow ends; the exit status.

    ``loader`` makes the ``Stage`` (``rtengine.pipeline.stage``) and tells its progress. A model whose library keeps the
    interpreter busy for longer than a second at a time says for how long in ``silence_seconds``.
    """
    return run(lambda: StageNode(stage, loader, workers, silence_seconds))


class NodeFormatter(logging.Formatter):
    """Level and message; the server passes on the first line, so what was raised stands there too."""

    def format(self, record: logging.LogRecord) -> str:
        line = f"{record.levelname} {' '.join(record.getMessage().split())}"
        if record.exc_info and record.exc_info[1] is not None:
            line += f": {reason(record.exc_info[1])}\n{self.formatException(record.exc_info)}"
        return line


def run(make: Callable[[], StageNode]) -> int:
    """Run the node that ``make`` makes on the event loop; the exit status."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(NodeFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)

    async def serve_node() -> None:
        await make().run()

    try:
        asyncio.run(serve_node())
    except ModelError as error:
        log.error("%s", error.message)
        return 1
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m rtengine.pipeline.dora.node", description=__doc__)
    parser.add_argument("--stage", required=True, choices=sorted(STAGES))
    parser.add_argument(
        "--profile", default=os.environ.get(PROFILE_VARIABLE, "default"), help=f"or the variable {PROFILE_VARIABLE}"
    )
    given = parser.parse_args(arguments)
    profile = load_profile(given.profile)
    adapter = profile.models.get(STAGES[given.stage].kind)
    if adapter is None:
        raise ModelError(f"The profile '{profile.name}' has no model for the stage '{given.stage}'.")
    loader = partial(load_stage, given.stage, adapter.name, adapter.settings)
    return serve(given.stage, loader, getattr(profile.pipeline.workers, given.stage))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except RtengineError as error:
        print(f"error: {error.message}", file=sys.stderr)
        sys.exit(1)
