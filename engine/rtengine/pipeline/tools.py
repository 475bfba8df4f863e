"""Tools beside the models: they run in the server's own process, wherever the models do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from rtengine.models.jobs import Job
from rtengine.pipeline.host import Deliver, PipelineHost
from rtengine.pipeline.local import LocalHost
from rtengine.pipeline.stage import ToolStage
from rtengine.tools.box import Toolbox


class HostWithTools:
    """A ``PipelineHost``: the jobs of the stage ``tool`` go to the toolbox, all others to the host of the models."""

    def __init__(self, models: PipelineHost, toolbox: Toolbox, workers: int) -> None:
        self._models = models
        self._tools = LocalHost({"tool": lambda progress: ToolStage(toolbox)}, {"tool": workers})

    async def start(self, progress: Callable[[str], None]) -> None:
        await self._tools.start(progress)
        try:
            await self._models.start(progress)
        except BaseException:
            await self._tools.close()
            raise

    def submit(self, job: Job, deliver: Deliver) -> None:
        host = self._tools if job.request.stage == "tool" else self._models
        host.submit(job, deliver)

    def cancel(self, job_id: str) -> None:
        self._tools.cancel(job_id)
        self._models.cancel(job_id)

    def missing(self) -> tuple[str, ...]:
        # A tool that fails is the chat model's to cope with: the server is ready without it.
        return self._models.missing()

    async def close(self) -> None:
        await asyncio.gather(self._tools.close(), self._models.close())
