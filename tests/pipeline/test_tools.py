"""Tools beside the models: who gets which job."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from tests.pipeline.doubles import SECONDS
from tests.tools import callables

from rtengine.models.jobs import GenerateRequest, Job, Result, ToolDone, ToolRequest
from rtengine.pipeline.host import Deliver
from rtengine.pipeline.tools import HostWithTools
from rtengine.tools.box import Toolbox
from rtengine.tools.settings import ToolSettings

pytestmark = pytest.mark.unit


class Models:
    """A host that writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    async def start(self, progress: Callable[[str], None]) -> None:
        self.told.append("start")

    def submit(self, job: Job, deliver: Deliver) -> None:
        self.told.append(f"submit {job.id}")

    def cancel(self, job_id: str) -> None:
        self.told.append(f"cancel {job_id}")

    def missing(self) -> tuple[str, ...]:
        return ("speak",)

    async def close(self) -> None:
        self.told.append("close")


def toolbox() -> Toolbox:
    names = ("add", "wait")
    runs = [{"name": name, "run": {"python": f"tests.tools.callables:{name}"}} for name in names]
    return Toolbox([ToolSettings.model_validate(tool) for tool in runs])


async def test_tools_run_here_and_models_where_they_are() -> None:
    models = Models()
    host = HostWithTools(models, toolbox(), workers=4)
    results: asyncio.Queue[tuple[str, Result]] = asyncio.Queue()
    await host.start(lambda step: None)
    host.submit(Job("j1", "s", ToolRequest("add", '{"a": 1}')), lambda job_id, r: results.put_nowait((job_id, r)))
    assert await asyncio.wait_for(results.get(), SECONDS) == ("j1", ToolDone("2"))
    host.submit(Job("j2", "s", GenerateRequest(())), lambda job_id, result: None)
    assert host.missing() == ("speak",)
    await host.close()
    assert models.told == ["start", "submit j2", "close"]


async def test_calls_of_one_session_run_side_by_side_and_can_be_cancelled() -> None:
    callables.release.clear()
    models = Models()
    host = HostWithTools(models, toolbox(), workers=4)
    results: asyncio.Queue[str] = asyncio.Queue()
    await host.start(lambda step: None)
    for name in ("j1", "j2"):
        host.submit(Job(name, "s", ToolRequest("wait")), lambda job_id, result: results.put_nowait(job_id))
    for _ in range(2):
        assert await asyncio.to_thread(callables.entered.acquire, timeout=SECONDS)
    host.cancel("j1")
    callables.release.set()
    assert await asyncio.wait_for(results.get(), SECONDS) == "j2"
    await host.close()
    assert results.empty() and models.told == ["start", "cancel j1", "close"]
