"""The server's view of one node: whether it lives, and how far each of its jobs has come.

No I/O, and no clock but ticks: the host calls ``receive`` for every message of the node and ``tick`` for every tick of
the dataflow's timer. dora loses messages without a word when a queue is full, a link is cut or a process is killed, so
nothing is taken on trust: results are counted, and the node says four times a second which jobs it has, how many
results of each it has sent, and how much of what was sent to it has come.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from rtengine.models.jobs import FINAL, Job, JobFailed, Result
from rtengine.pipeline.dora.codec import Malformed, Metadata, unpack_result
from rtengine.pipeline.dora.envelope import CANCEL, CREDIT, PROBE, STATUS, Envelope, fragments
from rtengine.pipeline.dora.lead import CREDIT_EVERY, RESULTS_AHEAD
from rtengine.pipeline.dora.status import BROKEN, READY, State, Status
from rtengine.pipeline.host import Deliver

log = logging.getLogger(__name__)

TICKS_A_SECOND = 4
_SILENT_TICKS = 6
"""A node that says nothing for so long is taken for dead."""
_LOADING_TICKS = 240
"""While a model loads, its library may keep the node from saying anything."""
_LOST_AFTER = 3
"""Messages keep their order, but nothing promises it: what one status misses, the next may have."""
WINDOW = 16
"""Fragments on their way to the node, 1 MiB: sockets hold that much, and nobody has to wait or to drop any."""
_PROBE_EVERY = WINDOW // 2

LOST = JobFailed("The server lost a message while processing the request.")
ENDED = JobFailed("The server had an error while processing the request: a model stopped.")

Send = Callable[[Metadata, bytes], bool]


class Flight:
    """A job at the node."""

    __slots__ = ("credited", "deliver", "doubts", "held", "job", "next", "probe")

    def __init__(self, job: Job, deliver: Deliver) -> None:
        self.job = job
        self.deliver = deliver
        self.probe: int | None = None
        """A probe that was sent after all of its fragments; none as long as they have not been."""
        self.next = 0
        """The number of the next result to deliver."""
        self.credited = 0
        self.held: dict[int, Result] = {}
        """Results that overtook another."""
        self.doubts = 0
        """Statuses in a row that do not agree with what was received."""

    def account(self, theirs: int | None) -> str:
        """What came, beside what the node says of it."""
        here = f"{self.next} results came, then {sorted(self.held)}"
        return f"{here}; the node has sent {theirs}" if theirs is not None else f"{here}; the node does not have it"


class Replica:
    """One node of a stage. Methods that end jobs deliver their results at once."""

    def __init__(self, name: str, stage: str, send: Send, epoch: int, lost: bool = False) -> None:
        """``lost``: it was there before, and the log has said that it no longer is."""
        self.name = name
        self.stage = stage
        self.state: State | None = None
        """None: not there, or not heard of for too long."""
        self.progress = ""
        self.failure: tuple[str, str] | None = None
        """Sentence and hint of a node that could not load its model."""
        self.deaths = 0
        """How often its process ended before it was ready."""
        self.pid = 0
        """The node's process, as it says itself; 0 when it is known to have ended."""
        self.silent_ticks = 0
        """How long nothing has been heard of it."""
        self._lost = lost
        self._send = send
        self._epoch = epoch
        self._incarnation = ""
        self._patience = _LOADING_TICKS
        self._probe = 0
        """The last probe that was sent."""
        self._since_probe = 0
        self._unconfirmed: deque[tuple[int, int]] = deque()
        """Each probe that the node has not confirmed, with the number of fragments that went before it."""
        self._flights: dict[str, Flight] = {}
        self._strangers: set[str] = set()

    @property
    def ready(self) -> bool:
        return self.state == READY

    @property
    def able(self) -> bool:
        """Whether it takes jobs."""
        return self.state in (READY, BROKEN)

    @property
    def jobs(self) -> int:
        return len(self._flights)

    @property
    def has_room(self) -> bool:
        """Whether the node has got enough of what was sent to be sent more."""
        return self._since_probe + sum(fragments for _, fragments in self._unconfirmed) < WINDOW

    def submit(self, job: Job, deliver: Deliver) -> Iterator[None]:
        """Send a job, a fragment for every step of the iterator, which is taken when the node ``has_room``."""
        flight = Flight(job, deliver)
        self._flights[job.id] = flight
        return self._sending(flight)

    def cancel(self, job_id: str) -> bool:
        """Forget a job, and tell the node; false if it is not here."""
        flight = self._flights.pop(job_id, None)
        if flight is None:
            return False
        self._tell_cancelled(flight.job.session_id, job_id)
        return True

    def receive(self, metadata: Mapping[str, Any], payload: bytes) -> None:
        """A message of the node. One that makes no sense ends its job, if it names one."""
        try:
            envelope = Envelope.read(metadata)
        except Malformed as error:
            log.error("%s sent a message without an address: %s", self.name, error)
            return
        if envelope.name == STATUS:
            self._status(envelope, payload)
        elif envelope.epoch == self._epoch and envelope.incarnation == self._incarnation:
            self._result(envelope, metadata, payload)

    def tick(self) -> None:
        """The dataflow's timer has run once more."""
        self.silent_ticks += 1
        if self.state is not None and self.silent_ticks > self._patience:
            log.error("nothing heard from %s: taken for dead", self.name)
            self.gone()
        if self._flights:
            self._ask()

    def died(self) -> None:
        """The dataflow says that the node's process has ended."""
        if self.state != READY:
            self.deaths += 1
        self.pid = 0
        self.gone()

    def gone(self, failure: JobFailed = ENDED) -> None:
        """The node is not there any more: its jobs have failed."""
        self.state = None
        self._lost = True
        self._incarnation = ""
        self._strangers.clear()
        self._unconfirmed.clear()
        self._since_probe = 0
        for flight in list(self._flights.values()):
            self._finish(flight, failure)

    # --- jobs -------------------------------------------------------------------------------------------------------

    def _sending(self, flight: Flight) -> Iterator[None]:
        for metadata, payload in fragments(flight.job, self._epoch):
            if flight.job.id not in self._flights:
                return
            if not self._send(metadata, payload):
                self._finish(flight, LOST)
                return
            self._since_probe += 1
            if self._since_probe >= _PROBE_EVERY:
                self._ask()
            yield
        flight.probe = self._probe + 1

    def _ask(self) -> None:
        """Let the node say how much it has got."""
        self._probe += 1
        self._unconfirmed.append((self._probe, self._since_probe))
        self._since_probe = 0
        self._send(Envelope(PROBE, epoch=self._epoch, seq=self._probe).metadata(), b"")

    def _result(self, envelope: Envelope, metadata: Mapping[str, Any], payload: bytes) -> None:
        flight = self._flights.get(envelope.job_id)
        if flight is None:
            self._stranger(envelope.session_id, envelope.job_id)
            return
        if envelope.seq < flight.next or envelope.seq > flight.next + 2 * RESULTS_AHEAD:
            return  # sent twice, or so far ahead that those before it are lost: the node's status tells
        try:
            result = unpack_result(envelope.name, metadata, payload)
        except Malformed as error:
            log.error("%s sent a result that is none: %s", self.name, error)
            self._tell_cancelled(envelope.session_id, envelope.job_id)
            self._finish(flight, LOST)
            return
        flight.held[envelope.seq] = result
        self._deliver(flight)

    def _deliver(self, flight: Flight) -> None:
        """What is next in order, as far as it is here."""
        while (result := flight.held.pop(flight.next, None)) is not None:
            flight.next += 1
            flight.doubts = 0
            if isinstance(result, FINAL):
                self._finish(flight, result)
                return
            self._hand(flight, result)
            if flight.job.id not in self._flights:
                return  # cancelled by whoever got the result
        if flight.next - flight.credited >= CREDIT_EVERY:
            self._credit(flight)

    def _finish(self, flight: Flight, result: Result) -> None:
        if self._flights.pop(flight.job.id, None) is not None:
            self._hand(flight, result)

    def _hand(self, flight: Flight, result: Result) -> None:
        try:
            flight.deliver(flight.job.id, result)
        except Exception:
            log.exception("the receiver of job %s failed at '%s'", flight.job.id, result.name)

    def _credit(self, flight: Flight) -> None:
        flight.credited = flight.next
        envelope = Envelope(CREDIT, flight.job.session_id, flight.job.id, self._epoch, flight.next)
        self._send(envelope.metadata(), b"")

    def _tell_cancelled(self, session_id: str, job_id: str) -> None:
        self._send(Envelope(CANCEL, session_id, job_id, self._epoch).metadata(), b"")

    def _stranger(self, session_id: str, job_id: str) -> None:
        """The node works at a job that nobody waits for. It is told once, and again by each of its statuses."""
        if job_id not in self._strangers:
            self._strangers.add(job_id)
            self._tell_cancelled(session_id, job_id)

    # --- the node's word --------------------------------------------------------------------------------------------

    def _status(self, envelope: Envelope, payload: bytes) -> None:
        try:
            status = Status.model_validate_json(payload)
        except ValidationError as error:
            log.error("%s sent a status that is none: %d findings", self.name, error.error_count())
            return
        if envelope.incarnation != self._incarnation:
            if self._incarnation:
                log.error("%s has been started again: its jobs are lost", self.name)
                self.died()
            self._incarnation = envelope.incarnation
        self.silent_ticks = 0
        self.pid = status.pid
        self._patience = _LOADING_TICKS if status.state == "loading" else self._silence(status)
        self._turn(status.state)
        self.progress = status.progress
        self.failure = (status.progress, status.hint) if status.state == "failed" else None
        if envelope.epoch == self._epoch:
            while self._unconfirmed and self._unconfirmed[0][0] <= status.probe:
                self._unconfirmed.popleft()
            self._compare(status)

    def _turn(self, state: State) -> None:
        if state != self.state:
            log.debug("%s is %s", self.name, state)
        if state == BROKEN != self.state:
            log.error("%s fails at every job: it counts as missing until one succeeds", self.name)
            self._lost = True
        elif state == READY and self._lost:
            log.info("%s is well again", self.name)
            self._lost = False
        self.state = state

    def _silence(self, status: Status) -> int:
        return max(_SILENT_TICKS, int(status.silence_seconds * TICKS_A_SECOND))

    def _compare(self, status: Status) -> None:
        """Hold what the node says it has against what is here."""
        for flight in list(self._flights.values()):
            theirs = status.jobs.get(flight.job.id)
            if theirs is None:  # it has not come, or its end has not
                missing = flight.probe is not None and status.probe >= flight.probe
            else:
                missing = theirs > flight.next
            flight.doubts = flight.doubts + 1 if missing else 0
            if flight.doubts >= _LOST_AFTER:
                log.error("%s: a message of job %s was lost (%s)", self.name, flight.job.id, flight.account(theirs))
                self._tell_cancelled(flight.job.session_id, flight.job.id)
                self._finish(flight, LOST)
            elif theirs is not None and flight.next > flight.credited:
                self._credit(flight)
        self._strangers &= status.jobs.keys()
        for job_id in status.jobs.keys() - self._flights.keys():
            self._tell_cancelled("", job_id)
