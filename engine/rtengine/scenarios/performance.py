"""A scenario over the wire: true WebSockets to a server, which is the scenario's own or any other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from rtengine.audio.activity import Edge
from rtengine.scenarios import verbs
from rtengine.scenarios.cast import Cast
from rtengine.scenarios.pattern import Mismatch, compare
from rtengine.scenarios.result import stage_of
from rtengine.scenarios.run import Scenario
from rtengine.scenarios.step import exclude, expect, include, look_at_jobs, look_at_request
from rtengine.scenarios.wire import Unreachable, WireClient
from rtengine.scenarios.world import ToldActivity, append, framed
from rtengine.source.finding import Finding, Path

PATIENCE_SECONDS = 10.0
"""For what the scenario's own server does."""
PATIENCE_ELSEWHERE_SECONDS = 60.0
_LOOK_SECONDS = 0.005


class Backstage(Protocol):
    """What a scenario can do behind the back of a server of its own."""

    def cast(self, session_id: str) -> Cast: ...

    def activity(self, session_id: str) -> ToldActivity: ...

    def break_action(self, session_id: str, name: str) -> None: ...


async def perform(
    scenario: Scenario, url: str, backstage: Backstage | None = None, key: str | None = None
) -> list[Finding]:
    """What did not happen as written: only the first. Without ``backstage`` the server is somebody else's.

    Raises Unreachable when such a server is not there.
    """
    performance = _Performance(scenario, url, backstage, key)
    try:
        return await performance.run()
    finally:
        for client in performance.clients.values():
            await client.end()


def obstacle(scenario: Scenario) -> str:
    """Why a scenario cannot be performed with a server elsewhere; empty when it can."""
    document = scenario.document
    for name in ("machines", "session", "limits", "abilities", "tools", "endpoint"):
        if getattr(document, name):
            return f"it needs a server of its own: {name}"
    return "its steps play the models" if document.played else ""


class _Performance:
    def __init__(self, scenario: Scenario, url: str, backstage: Backstage | None, key: str | None) -> None:
        self._scenario = scenario
        self._url = url
        self._backstage = backstage
        self._key = key
        self._patience = PATIENCE_SECONDS if backstage else PATIENCE_ELSEWHERE_SECONDS
        self._bound: dict[str, Any] = {}
        self._current = ""
        self.clients: dict[str, WireClient] = {}

    @property
    def _told(self) -> bool:
        """Nothing happens but what the steps bring about: then what was not expected should not have come."""
        return self._backstage is not None and self._scenario.document.played

    async def run(self) -> list[Finding]:
        steps = self._scenario.document.steps
        if not any(isinstance(step, verbs.Connect) for step in steps):
            await self._connect(verbs.Handshake())
        for number, step in enumerate(steps):
            at: Path = ("steps", number)
            self._current = step.by if step.by is not None else self._current
            try:
                await self._step(step)
            except Mismatch as mismatch:
                found = self._scenario.finding("201", mismatch.message, (*at, *mismatch.path), mismatch.hint)
                return [found]
            except Unreachable as error:
                if self._backstage is None:
                    raise
                return [self._scenario.finding("204", str(error), at)]
        return [finding async for finding in self._left()] if self._told else []

    async def _left(self) -> Any:
        for name, client in self.clients.items():
            await client.barrier()
            if client.unread and client.open:
                kinds = ", ".join(event["type"] for event in client.unread)
                whom = f" to '{name}'" if name else ""
                message = f"nothing expects what was sent{whom} at the end: {kinds}"
                yield self._scenario.finding("203", message, ("steps",))

    # --- steps

    async def _step(self, step: verbs.Deed) -> None:
        match step:
            case verbs.Connect(connect=handshake):
                await self._connect(handshake or verbs.Handshake())
            case verbs.Client(client=event):
                await self._client.send(framed(event, self._bound))
            case verbs.Audio(audio=sound):
                await self._hear(sound)
            case verbs.Leave():
                await self._client.leave()
            case verbs.Abort():
                self._client.abort()
            case verbs.Pause():
                await self._client.barrier()
                self._client.pause()
            case verbs.Resume():
                self._client.resume()
            case _ if isinstance(step, verbs.BACKSTAGE):
                await self._play(step)
            case _:
                await self._look(step)

    async def _connect(self, handshake: verbs.Handshake) -> None:
        if self._current in self.clients:
            await self.clients[self._current].end()
        client = self.clients[self._current] = WireClient(self._url, self._patience)
        await client.connect(self._greeting(handshake), self._key)

    def _greeting(self, handshake: verbs.Handshake) -> verbs.Handshake:
        """With what the scenario says of every session."""
        document = self._scenario.document
        query = {"intent": "transcription"} if document.intent == "transcription" else {}
        headers = {"OpenAI-Beta": "realtime=v1"} if document.dialect == "beta" else {}
        return handshake.model_copy(
            update={"query": {**query, **handshake.query}, "headers": {**headers, **handshake.headers}}
        )

    async def _hear(self, sound: verbs.Sound) -> None:
        if sound.edges:
            await self._client.barrier()  # the detector has heard what was sent before
            activity = self._behind.activity(await self._session_id())
            activity.edges = [Edge(kind, at) for edge in sound.edges for kind, at in edge.items()]
        await self._client.send(framed(append(sound.ms, sound.encoding), self._bound))

    async def _look(self, step: verbs.Deed) -> None:
        client = self._client
        match step:
            case verbs.Expect(expect=patterns):
                await client.until(lambda: len(client.unread) >= len(patterns))
                if self._told:
                    await client.barrier()
                seen = client.unread if self._told else client.unread[: len(patterns)]
                expect(seen, patterns, self._bound)
                client.unread = client.unread[len(patterns) :]
            case verbs.Includes(includes=patterns):
                await client.until(lambda: bool(self._included(patterns)))
                count = include(client.unread, patterns, self._bound)
                client.unread = [] if self._told else client.unread[count:]
            case verbs.Absent(absent=patterns):
                await client.barrier()
                exclude(client.unread, patterns, self._bound)
            case verbs.Closed(closed=code):
                await client.until(lambda: False)
                _closed(client, code)
            case verbs.Refused(refused=wanted):
                if client.refusal is None:
                    raise Mismatch("the client was let in", ("refused",))
                compare(client.refusal, wanted, "the answer", self._bound, ("refused",))
            case _:
                raise TypeError(f"no such step over the wire: {type(step).__name__}")

    def _included(self, patterns: list[verbs.Pattern]) -> int:
        try:
            return include(self._client.unread, patterns, dict(self._bound))
        except Mismatch:
            return 0

    # --- behind the server's back

    async def _play(self, step: verbs.Deed) -> None:
        await self._client.barrier()
        session_id = await self._session_id()
        cast = self._behind.cast(session_id)
        match step:
            case verbs.Result(result=results, times=times):
                given = dict(results)
                await self._once(lambda: cast.job(stage_of(next(iter(given)))))
                for _ in range(times):
                    cast.result(**given)
            case verbs.Late(late=results):
                cast.late(**dict(results))
            case verbs.Speak(speak=saying):
                cast.speak(**(saying or verbs.Saying()).model_dump())
            case verbs.ToolStep(tool=answer):
                await self._once(lambda: cast.tool_job(answer.name))
                cast.tool(**answer.model_dump())
            case verbs.Fail(fail=failure):
                await self._once(lambda: cast.job(failure.stage))
                cast.fail(**failure.model_dump())
            case verbs.Break(break_=action):
                self._behind.break_action(session_id, action)
            case verbs.Jobs(jobs=stages):
                await self._once(lambda: look_at_jobs(cast, stages))
            case verbs.Request(request=wanted):
                await self._once(lambda: look_at_request(cast, wanted, dict(self._bound)))
                look_at_request(cast, wanted, self._bound)

    async def _once(self, look: Callable[[], object]) -> None:
        """Wait until there is no mismatch: the server has then read what clients have sent, or lost."""
        end = asyncio.get_running_loop().time() + self._patience
        while True:
            try:
                look()
                return
            except Mismatch:
                if asyncio.get_running_loop().time() > end:
                    raise
                await asyncio.sleep(_LOOK_SECONDS)

    async def _session_id(self) -> str:
        client = self._client
        await client.until(lambda: client.session_id is not None)
        if client.session_id is None:
            raise Mismatch("the client has no session")
        return client.session_id

    @property
    def _client(self) -> WireClient:
        return self.clients[self._current]

    @property
    def _behind(self) -> Backstage:
        assert self._backstage is not None  # `obstacle` keeps such scenarios away from other servers
        return self._backstage


def _closed(client: WireClient, code: int) -> None:
    if client.closed is None:
        raise Mismatch("the connection is open", ("closed",))
    if client.closed[0] != code:
        raise Mismatch(f"it was closed with {client.closed[0]}: {client.closed[1]}", ("closed",))
