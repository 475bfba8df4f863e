"""What stands on every message between the server and a node, and how a long job is put together again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rtengine.models.jobs import Job
from rtengine.pipeline.dora.codec import Malformed, Metadata, pack_request, unpack_request

CANCEL = "cancel"
CREDIT = "credit"
PROBE = "probe"
STATUS = "status"

FRAGMENT_BYTES = 64 << 10
"""Payload of one message. Larger ones are slow to begin with, and delay everything behind them."""
MAX_FRAGMENTS = 4096


@dataclass(frozen=True, slots=True)
class Envelope:
    """One message's address: which job of which session, and where in its order."""

    name: str
    """The stage for a job, the name of a result, or ``cancel``, ``credit``, ``probe``, ``status``."""
    session_id: str = ""
    job_id: str = ""
    epoch: int = 0
    """Which attachment of the server this belongs to: it grows each time that the server attaches to a dataflow."""
    seq: int = 0
    """Counts the messages of one job in one direction, from 0, without a gap."""
    fin: bool = False
    """This is the job's last message in this direction."""
    incarnation: str = ""
    """Which process of a node sent this: another one after each restart."""

    def metadata(self, fields: Mapping[str, Any] | None = None) -> Metadata:
        return {
            **(fields or {}),
            "name": self.name,
            "session_id": self.session_id,
            "job_id": self.job_id,
            "epoch": self.epoch,
            "seq": self.seq,
            "fin": self.fin,
            "incarnation": self.incarnation,
        }

    @classmethod
    def read(cls, metadata: Mapping[str, Any]) -> Envelope:
        """Raises ``Malformed``. Only the name is always needed."""
        return cls(
            _text(metadata, "name", None),
            _text(metadata, "session_id"),
            _text(metadata, "job_id"),
            _count(metadata, "epoch"),
            _count(metadata, "seq"),
            metadata.get("fin") is True,
            _text(metadata, "incarnation"),
        )


def fragments(job: Job, epoch: int) -> Iterator[tuple[Metadata, bytes]]:
    """The messages that carry a job to its node. The request's fields stand on the first."""
    fields, payload = pack_request(job.request)
    last = max(0, -(-len(payload) // FRAGMENT_BYTES) - 1)
    for seq in range(last + 1):
        envelope = Envelope(job.request.stage, job.session_id, job.id, epoch, seq, seq == last)
        start = seq * FRAGMENT_BYTES
        yield envelope.metadata(fields if seq == 0 else None), payload[start : start + FRAGMENT_BYTES]


class Assembly:
    """The fragments of one job, in whatever order they come."""

    def __init__(self) -> None:
        self._parts: dict[int, bytes] = {}
        self._fields: Mapping[str, Any] = {}
        self._last: int | None = None
        self.age = 0
        """Ticks since it began, counted by whoever holds it."""

    def add(self, envelope: Envelope, metadata: Mapping[str, Any], payload: bytes) -> Job | None:
        """The job, once all of it is here. Raises ``Malformed``."""
        if envelope.seq >= MAX_FRAGMENTS:
            raise Malformed("the job is too long")
        self._parts[envelope.seq] = payload
        if envelope.seq == 0:
            self._fields = metadata
        if envelope.fin:
            self._last = envelope.seq
        if self._last is None or any(seq not in self._parts for seq in range(self._last + 1)):
            return None
        whole = b"".join(self._parts[seq] for seq in range(self._last + 1))
        return Job(envelope.job_id, envelope.session_id, unpack_request(envelope.name, self._fields, whole))


def _text(metadata: Mapping[str, Any], key: str, default: str | None = "") -> str:
    value = metadata.get(key, default)
    if not isinstance(value, str):
        raise Malformed(f"{key}: a text is needed")
    return value


def _count(metadata: Mapping[str, Any], key: str) -> int:
    value = metadata.get(key, 0)
    if not isinstance(value, int) or value < 0:
        raise Malformed(f"{key}: a whole number is needed")
    return value
