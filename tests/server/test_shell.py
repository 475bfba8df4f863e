"""Effects, timers, jobs, faults and ends of sessions, through a running server."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest
from tests.server.fakes import FakeSession, event, running, say, until
from websockets.exceptions import ConnectionClosed

from rtengine.models.jobs import (
    GenerateDone,
    GenerateRequest,
    GenerateText,
    Job,
    SpeakAudio,
    SpeakRequest,
    TranscribeDone,
    TranscribeRequest,
)
from rtengine.session.effects import Cancel, ClearTimer, Close, Disconnected, JobResult, SetTimer, Start, TimerFired

pytestmark = pytest.mark.end_to_end

CLEAR = '{"type":"input_audio_buffer.clear"}'


def generate(job_id: str) -> Job:
    return Job(job_id, "sess_fake", GenerateRequest(messages=()))


async def test_a_job_is_submitted_and_its_results_come_back_in_order_until_the_last() -> None:
    def answer(session: FakeSession, received: Any, now: float) -> list[Any]:
        if isinstance(received, JobResult):
            return [say("result", name=received.result.name, job=received.job_id)]
        return [] if isinstance(received, Disconnected) else [Start(generate("j1"))]

    async with running(answer) as server, server.connect() as client:
        await event(client)
        await client.send(CLEAR)
        await until(lambda: "j1" in server.host.jobs)
        for result in (GenerateText("a"), GenerateText("b"), GenerateDone("stop"), GenerateText("after the end")):
            server.host.deliver("j1", result)
        assert [(await event(client))["name"] for _ in range(3)] == ["generate.text", "generate.text", "generate.done"]
        await client.close()
        await server.sessions[0].until(Disconnected)
        assert sum(isinstance(one, JobResult) for one in server.sessions[0].inputs) == 3
    assert server.host.cancelled == []  # the job had ended by itself


async def test_a_host_that_delivers_at_once_is_heard_after_the_step_that_started_the_job() -> None:
    steps: list[str] = []

    def answer(session: FakeSession, received: Any, now: float) -> list[Any]:
        steps.append(type(received).__name__)
        if isinstance(received, JobResult):
            return [say("result")]
        return [] if isinstance(received, Disconnected) else [Start(generate("j1")), say("started")]

    async with running(answer) as server, server.connect() as client:
        server.host.on_submit = lambda job, deliver: deliver(job.id, GenerateDone("stop"))
        await event(client)
        await client.send(CLEAR)
        assert [(await event(client))["type"] for _ in range(2)] == ["started", "result"]
        assert steps[1] == "JobResult"


async def test_nothing_is_heard_of_a_cancelled_job() -> None:
    def answer(session: FakeSession, received: Any, now: float) -> list[Any]:
        if isinstance(received, Disconnected | JobResult):
            return [say("heard")]
        return [Start(generate("j1")), Cancel("j1"), say("done")]

    async with running(answer) as server, server.connect() as client:
        await event(client)
        await client.send(CLEAR)
        assert (await event(client))["type"] == "done"
        server.host.deliver("j1", GenerateText("late"))
        await client.send(CLEAR)
        assert (await event(client))["type"] == "done"
        assert server.host.cancelled == ["j1", "j1"]


async def test_timers_fire_once_and_never_early_and_can_be_replaced_and_cleared() -> None:
    asked: dict[str, float] = {}

    def answer(session: FakeSession, received: Any, now: float) -> list[Any]:
        if isinstance(received, TimerFired):
            assert now >= asked[received.timer_id]
            return [say("fired", timer=received.timer_id)]
        if isinstance(received, Disconnected):
            return []
        asked.update(first=now + 0.001, moved=now + 0.02, last=now + 0.03)
        return [
            SetTimer("last", asked["last"]),
            SetTimer("moved", now),
            SetTimer("moved", asked["moved"]),
            SetTimer("cleared", now + 0.01),
            ClearTimer("cleared"),
            ClearTimer("unknown"),
            SetTimer("first", asked["first"]),
        ]

    async with running(answer) as server, server.connect() as client:
        await event(client)
        await client.send(CLEAR)
        assert [(await event(client))["timer"] for _ in range(3)] == ["first", "moved", "last"]
        times = server.sessions[0].times
        assert times == sorted(times)


async def test_a_client_that_leaves_takes_its_jobs_and_timers_with_it() -> None:
    def answer(session: FakeSession, received: Any, now: float) -> list[Any]:
        if isinstance(received, Disconnected):
            return [say("nobody hears this"), Start(generate("too late"))]
        return [Start(generate("j1")), Start(generate("j2")), SetTimer("t", now + 1000), say("working")]

    async with running(answer) as server:
        async with server.connect() as client:
            await event(client)
            await client.send(CLEAR)
            assert (await event(client))["type"] == "working"
            (shell,) = server.site.shells
            (timer,) = shell._timers.values()
            client.transport.abort()
        session = server.sessions[0]
        await session.until(Disconnected)
        await until(lambda: not server.site.shells)
        assert sorted(server.host.cancelled) == ["j1", "j2", "too late"]
        server.host.deliver("j1", GenerateText("late"))
        assert shell._timers == {}
        assert timer.cancelled()
        assert [type(one) for one in session.inputs][1:] == [Disconnected]


async def test_a_session_that_fails_tells_its_client_and_disturbs_no_other(caplog: pytest.LogCaptureFixture) -> None:
    def answer(session: FakeSession, received: Any, now: float) -> list[Any]:
        if isinstance(received, Disconnected):
            return []
        if session.request.model == "bad":
            if len(session.inputs) == 2:
                raise ZeroDivisionError("secret detail")
            return [Start(generate("j1")), SetTimer("t", now + 60)]
        return [say("fine")]

    async with running(answer) as server, server.connect("/realtime?model=good") as good:
        async with server.connect("/realtime?model=bad") as bad:
            await event(good)
            await event(bad)
            await bad.send(CLEAR)
            await bad.send(CLEAR)
            await bad.send(CLEAR)
            error = await event(bad)
            assert (error["type"], error["error"]["type"]) == ("error", "server_error")
            assert "secret" not in str(error)
            with pytest.raises(ConnectionClosed) as closed:
                await bad.recv()
            assert closed.value.rcvd.code == 1011
        await good.send(CLEAR)
        assert (await event(good))["type"] == "fine"
        assert server.host.cancelled == ["j1"]
        assert len(server.sessions[1].inputs) == 2  # a session that failed is never asked again
    failures = [record for record in caplog.records if record.exc_info]
    assert [(record.getMessage(), record.session_id) for record in failures] == [("session failed", "sess_fake")]


@pytest.mark.parametrize("where", ["start", "timer", "job", "encode"])
async def test_a_fault_is_contained_wherever_it_strikes(where: str) -> None:
    class Failing(FakeSession):
        def start(self, now: float) -> list[Any]:
            if where == "start":
                raise RecursionError
            return super().start(now)

        def receive(self, received: Any, now: float) -> list[Any]:
            if isinstance(received, TimerFired | JobResult):
                raise KeyError(where)
            if isinstance(received, Disconnected):
                return []
            effects = {"timer": SetTimer("t", now), "job": Start(generate("j1")), "encode": say("x", bad=object())}
            return [effects[where]]

    async with running(factory=Failing) as server, server.connect() as client:
        server.host.on_submit = lambda job, deliver: deliver(job.id, GenerateText("x"))
        if where != "start":
            await event(client)
            await client.send(CLEAR)
        assert (await event(client))["type"] == "error"
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
        assert closed.value.rcvd.code == 1011


async def test_after_two_hundred_connections_no_task_timer_or_socket_is_left() -> None:
    def answer(session: FakeSession, received: Any, now: float) -> list[Any]:
        if isinstance(received, Disconnected):
            return []
        return [SetTimer("t", now + 1000), Start(generate("j")), say("ok")]

    async with running(answer) as server:
        before = len(asyncio.all_tasks())
        for number in range(200):
            async with server.connect() as client:
                await event(client)
                await client.send(CLEAR)
                await event(client)
                if number % 3 == 0:
                    client.transport.abort()
        await until(lambda: not server.site.sockets and not server.site.shells)
        await until(lambda: len(asyncio.all_tasks()) == before)
        assert not server.site.connections
        server.sessions.clear()
        server.host.jobs.clear()
        gc.collect()  # a timer that is left would hold its Shell
        assert sum(type(one).__name__ in ("Shell", "Door", "Outlet") for one in gc.get_objects()) == 0


async def test_the_turn_is_told_in_one_log_line(caplog: pytest.LogCaptureFixture) -> None:
    """From the end of speech to the first audio, with a result of each stage."""
    caplog.set_level("INFO")

    def answer(session: FakeSession, received: Any, now: float) -> list[Any]:
        if isinstance(received, Disconnected):
            return []
        if not isinstance(received, JobResult):
            stopped = say("input_audio_buffer.speech_stopped", item_id="item_1")
            return [stopped, Start(Job("t", "s", TranscribeRequest(b"", 16000)))]
        if isinstance(received.result, TranscribeDone):
            return [say("response.created", response={"id": "resp_1"}), Start(generate("g"))]
        if isinstance(received.result, GenerateText):
            return [Start(Job("s", "s", SpeakRequest("secret words", "voice")))]
        delta = say("response.output_audio.delta", response_id="resp_1", delta="AAAA")
        return [delta, say("response.done", response={"id": "resp_1", "status": "completed"})]

    async with running(answer) as server, server.connect() as client:
        results = {
            "t": TranscribeDone("secret words", 1.0),
            "g": GenerateText("secret words"),
            "s": SpeakAudio(b"", 20),
        }
        server.host.on_submit = lambda job, deliver: deliver(job.id, results[job.id])
        await event(client)
        await client.send(CLEAR)
        while (await event(client))["type"] != "response.done":
            pass
    (line,) = [record for record in caplog.records if record.getMessage() == "turn"]
    assert line.sentence.startswith("turn resp_1 completed: stt 0 ms · first token ")
    assert line.sentence.endswith("after speech_stopped")
    assert line.fields["response_id"] == "resp_1"
    assert "secret" not in caplog.text


async def test_a_closed_session_is_asked_nothing_more() -> None:
    def answer(session: FakeSession, received: Any, now: float) -> list[Any]:
        return [SetTimer("t", now), Start(generate("j1")), Close(1000, "bye")]

    async with running(answer) as server, server.connect() as client:
        await event(client)
        await client.send(CLEAR)
        await client.send(CLEAR)
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1000, "bye")
        server.host.deliver("j1", GenerateText("late"))
        assert len(server.sessions[0].inputs) == 1
        assert server.host.cancelled == ["j1"]


async def test_a_session_that_is_behind_takes_nothing_else_and_keeps_no_other_session_waiting() -> None:
    asked = asyncio.Event()

    def answer(session: FakeSession, received: Any, now: float) -> list[Any]:
        if isinstance(received, Disconnected):
            return []
        if session is server.sessions[0] and len(session.inputs) == 1:
            session.rest = [[]] * 10**6 + [[say("part", number=number)] for number in range(200)]
            asked.set()
        return [say("answer", number=len(session.inputs))]

    async with running(answer) as server, server.connect() as busy, server.connect() as other:
        await event(busy)
        await event(other)
        await busy.send(CLEAR)
        await busy.send(CLEAR)
        await asked.wait()
        await other.send(CLEAR)
        assert (await event(other))["number"] == 1
        assert len(server.sessions[0].rest) > 200, "the other client was answered while there was more to do"
        del server.sessions[0].rest[:-200]
        told = [await event(busy) for _ in range(202)]
        assert [one["type"] for one in told] == ["answer", *["part"] * 200, "answer"]
        assert [one["number"] for one in told[1:201]] == list(range(200))


async def test_a_client_that_leaves_while_its_session_is_behind_is_let_go() -> None:
    def answer(session: FakeSession, received: Any, now: float) -> list[Any]:
        if not isinstance(received, Disconnected):
            session.rest = [[] for _ in range(10**6)]
        return []

    async with running(answer) as server, server.connect() as client:
        await event(client)
        await client.send(CLEAR)
        await until(lambda: len(server.sessions[0].rest) not in (0, 10**6))
        await client.close()
        await server.sessions[0].until(Disconnected)
        assert server.sessions[0].rest
