"""The port between a server and whatever runs its models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from rtengine.models.jobs import Job, Result

Deliver = Callable[[str, Result], None]
"""Called on the event loop with (job id, result), in the order they were produced; the last is one of ``FINAL``."""


class PipelineHost(Protocol):
    async def start(self, progress: Callable[[str], None]) -> None:
        """Load every model; ``progress`` gets a short sentence per step. Raises ``ModelError``."""
        ...

    def submit(self, job: Job, deliver: Deliver) -> None:
        """Queue a job. Returns at once; never raises for a job that cannot run: that one is delivered as failed."""
        ...

    def cancel(self, job_id: str) -> None:
        """Stop a job and deliver nothing more of it. Unknown and finished jobs are ignored."""
        ...

    def missing(self) -> tuple[str, ...]:
        """Stages that cannot take jobs now; empty when the pipeline is ready."""
        ...

    async def close(self) -> None: ...
