"""The server of a scenario over the wire: a true one, whose models wait for the scenario to say what they produce."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from rtengine.chart.load import Machines
from rtengine.models import registry
from rtengine.models.jobs import Job, Result
from rtengine.models.vad import VoiceActivityFactory
from rtengine.pipeline.host import Deliver, PipelineHost
from rtengine.pipeline.local import local_host
from rtengine.pipeline.tools import HostWithTools
from rtengine.profile.load import load_profile
from rtengine.protocol.errors import APIError
from rtengine.protocol.session import Session as SessionObject
from rtengine.protocol.session import apply_update
from rtengine.scenarios.cast import Cast
from rtengine.scenarios.endpoint import endpoint
from rtengine.scenarios.performance import perform
from rtengine.scenarios.run import Scenario, setting_of
from rtengine.scenarios.world import ToldActivity, break_action, initial_session
from rtengine.server.app import Sessions, site_of
from rtengine.server.rates import Rates
from rtengine.server.serve import Server
from rtengine.server.sessions import ConnectRequest, DialectName
from rtengine.session.session import Session
from rtengine.source.finding import Finding
from rtengine.tools.box import Toolbox

HOST = "127.0.0.1"
ALONE = {"counters": "memory://", "traces": None}
"""What a scenario shares with no other server, and leaves nowhere."""
PROFILE = "scripted"
"""Whose address and models a scenario has that names none; its session is the API's own."""


def rehearse(scenario: Scenario, machines: Machines) -> list[Finding]:
    """What did not happen as written, with a server that lives as long as the scenario. Raises RtengineError."""
    return asyncio.run(_rehearse(scenario, machines))


async def _rehearse(scenario: Scenario, machines: Machines) -> list[Finding]:
    try:
        company = Company(scenario, machines)
    except APIError as error:
        return [scenario.finding("105", error.message, ("session",))]
    async with AsyncExitStack() as stack:
        if scenario.document.endpoint is not None:
            company.ask(await stack.enter_async_context(endpoint(scenario.document.endpoint)))
        url = await stack.enter_async_context(serving(company))
        return await perform(scenario, url, company)


class Company:
    """Whoever makes the sessions of a scenario and does their jobs: it is what the scenario finds backstage."""

    def __init__(self, scenario: Scenario, machines: Machines) -> None:
        """Raises APIError where the scenario starts with what is no session."""
        setting = setting_of(scenario)
        profile = scenario.profile or replace(load_profile(PROFILE, {}), keys={}, tools=(), mcp_hosts=())
        base = setting.base or initial_session(setting.intent, beta=False)
        self.profile = replace(
            profile,
            session=apply_update(base, {"type": base.type, **setting.session}),
            limits=setting.limits,
            server=profile.server.model_copy(update={"host": HOST, "port": 0, **ALONE}),
        )
        self.played = scenario.document.played
        self._machines = machines
        self._setting = setting
        self._toolbox = Toolbox(() if self.played else profile.tools, () if self.played else profile.mcp_hosts)
        self._casts: dict[str, PlayedCast] = {}
        self._sessions: dict[str, Session] = {}
        self._activities: dict[str, ToldActivity] = {}

    def ask(self, url: str) -> None:
        """Let the chat model be the one behind that URL."""
        chat = self.profile.models["chat"]
        settings = chat.settings.model_copy(update={"base_url": url})
        models = {**self.profile.models, "chat": replace(chat, settings=settings)}
        self.profile = replace(self.profile, models=models)

    def host(self) -> PipelineHost:
        """Who does the jobs."""
        if self.played:
            return PlayedHost(self.cast)
        return HostWithTools(local_host(self.profile), self._toolbox, self.profile.pipeline.workers.tool)

    # --- sessions

    def __call__(self, request: ConnectRequest) -> Session:
        activity = ToldActivity()
        session = self._factory(activity)(request)
        assert isinstance(session, Session)  # nobody watches it
        self._sessions[session.id] = session
        self._activities[session.id] = activity
        return session

    def proposed(self, patch: Mapping[str, Any] | None, dialect: DialectName) -> SessionObject:
        return self._factory(ToldActivity()).proposed(patch, dialect)

    def _factory(self, activity: ToldActivity) -> Sessions:
        detector: VoiceActivityFactory = (lambda rate: activity) if self.played else self._detector
        catalog = self._setting.tools if self.played else self._toolbox.catalog
        return Sessions(self.profile, self._machines, detector, catalog, able=self._setting.abilities)

    @cached_property
    def _detector(self) -> VoiceActivityFactory:
        vad = self.profile.models["vad"]
        factory: VoiceActivityFactory = registry.load("vad", vad.name, vad.settings, lambda step: None)
        return factory

    # --- backstage

    def cast(self, session_id: str) -> PlayedCast:
        return self._casts.setdefault(session_id, PlayedCast())

    def activity(self, session_id: str) -> ToldActivity:
        return self._activities[session_id]

    def break_action(self, session_id: str, name: str) -> None:
        break_action(self._sessions[session_id], name)


class PlayedCast(Cast):
    """The models of one session of a server."""

    def __init__(self) -> None:
        super().__init__()
        self._deliver: dict[str, Deliver] = {}

    def take(self, job: Job, deliver: Deliver) -> None:
        self.jobs[job.id] = job
        self._deliver[job.id] = deliver

    def give(self, job_id: str, result: Result) -> None:
        self._deliver[job_id](job_id, result)


class PlayedHost:
    """A ``PipelineHost`` whose jobs wait for the scenario."""

    def __init__(self, cast: Callable[[str], PlayedCast]) -> None:
        self._cast = cast
        self._casts: dict[str, PlayedCast] = {}

    async def start(self, progress: Callable[[str], None]) -> None:
        return

    def submit(self, job: Job, deliver: Deliver) -> None:
        cast = self._casts[job.id] = self._cast(job.session_id)
        cast.take(job, deliver)

    def cancel(self, job_id: str) -> None:
        if job_id in self._casts[job_id].jobs:
            self._casts[job_id].take_back(job_id)

    def missing(self) -> tuple[str, ...]:
        return ()

    async def close(self) -> None:
        return


@asynccontextmanager
async def serving(company: Company) -> AsyncIterator[str]:
    """The server while the block runs; where clients connect."""
    profile, host = company.profile, company.host()
    rates = Rates(profile.server.counters, asyncio.get_running_loop().call_soon_threadsafe)
    site = site_of(profile, host, company, rates)
    server = Server(site)
    await server.start()
    try:
        await host.start(lambda step: None)
        site.loaded = True
        model = (profile.server.models or [profile.name])[0]
        yield f"ws://{server.url}/v1/realtime?{urlencode({'model': model})}"
    finally:
        await server.stop()
        await host.close()
        site.traces.close()
        rates.close()
