from __future__ import annotations

import asyncio
from random import Random

import pytest
from tests.pipeline.doubles import Ear, Held, Quick, Receiver, generate, started, transcribe

from rtengine.models.jobs import (
    FINAL,
    GenerateDone,
    GenerateText,
    Job,
    SpeakAudio,
    SpeakDone,
    SpeakRequest,
    TranscribeDelta,
    TranscribeDone,
)
from rtengine.models.scripted import ScriptedVoice, ScriptedVoiceSettings
from rtengine.pipeline.local import LocalHost
from rtengine.pipeline.stage import GenerateStage, SpeakStage, TranscribeStage

pytestmark = pytest.mark.unit


async def test_a_cancelled_job_that_waits_never_begins(host: LocalHost, held: Held) -> None:
    receiver = Receiver()
    for name in ("j1", "j2", "j3"):
        host.submit(generate(name), receiver)
    host.cancel("j2")
    held.let("j1", "j2", "j3")
    await receiver.final("j1", "j3")
    assert held.began == ["j1", "j3"]


async def test_sessions_take_turns_and_keep_their_order(host: LocalHost, held: Held) -> None:
    receiver = Receiver()
    host.submit(generate("first"), receiver)
    await held.until(lambda: held.began == ["first"])
    for name in ("a1", "a2", "a3", "b1", "b2"):
        host.submit(generate(name, session=name[0]), receiver)
    names = ("first", "a1", "a2", "a3", "b1", "b2")
    held.let(*names)
    await receiver.final(*names)
    assert held.began == ["first", "a1", "b1", "a2", "b2", "a3"]


async def test_one_session_holds_at_most_half_of_the_chat_workers(held: Held) -> None:
    host = await started(workers=4, generate=GenerateStage(held))
    receiver = Receiver()
    for name in ("a1", "a2", "a3", "b1"):
        host.submit(generate(name, session=name[0]), receiver)
    await held.until(lambda: len(held.began) == 3)
    assert set(held.began) == {"a1", "a2", "b1"}
    host.cancel("a1")
    await held.until(lambda: "a3" in held.began)
    held.let("a2", "a3", "b1")
    await receiver.final("a2", "a3", "b1")
    await host.close()


async def test_clauses_of_one_session_are_spoken_one_after_the_other() -> None:
    voice = ScriptedVoice(ScriptedVoiceSettings(ms_per_character=100))
    host = await started(workers=4, speak=SpeakStage(voice))
    receiver = Receiver()
    names = [f"clause {number}" for number in range(6)]
    for name in names:
        host.submit(Job(name, "s1", SpeakRequest(name, "alloy")), receiver)
    await receiver.final(*names)
    assert [id for id, result in receiver.results if isinstance(result, SpeakDone)] == names
    assert [result.text for _, result in receiver.results if isinstance(result, SpeakAudio) and result.text] == names
    owners = [id for id, _ in receiver.results]
    assert owners == sorted(owners)
    await host.close()


async def test_a_prefill_waits_until_nothing_else_does(host: LocalHost, held: Held) -> None:
    receiver = Receiver()
    host.submit(generate("first"), receiver)
    await held.until(lambda: held.began == ["first"])
    host.submit(generate("prefill", session="b", prefill=True), receiver)
    host.submit(generate("real", session="c"), receiver)
    held.let("first", "prefill", "real")
    await receiver.final("first", "prefill", "real")
    assert held.began == ["first", "real", "prefill"]


@pytest.mark.parametrize("session", ["s1", "another"])
async def test_a_running_prefill_gives_way(host: LocalHost, held: Held, session: str) -> None:
    receiver = Receiver()
    host.submit(generate("prefill", prefill=True), receiver)
    await held.until(lambda: held.began == ["prefill"])
    host.submit(generate("real", session=session), receiver)
    held.let("real")
    await receiver.final("prefill", "real")
    assert held.cancelled == {"prefill"}
    assert receiver.of("prefill") == [GenerateDone("stop")]
    assert receiver.of("real") == [GenerateText("real"), GenerateDone("stop")]


async def test_a_newer_prefill_takes_the_place_of_one_that_waits(host: LocalHost, held: Held) -> None:
    receiver = Receiver()
    host.submit(generate("first", session="a"), receiver)
    host.submit(generate("old", prefill=True), receiver)
    host.submit(generate("new", prefill=True), receiver)
    held.let("first", "old", "new")
    await receiver.final("first", "old", "new")
    assert held.began == ["first", "new"]


async def test_many_sessions_lose_and_double_nothing() -> None:
    host = await started(workers=3, transcribe=TranscribeStage(Ear()))
    receiver = Receiver()
    names = [f"j{number}" for number in range(300)]
    for number, name in enumerate(names):
        host.submit(transcribe(name, session=f"s{number % 40}", words=number % 7), receiver)
    await receiver.final(*names)
    for number, name in enumerate(names):
        expected = [*(TranscribeDelta(str(n)) for n in range(number % 7)), TranscribeDone("done", 0.0)]
        assert receiver.of(name) == expected
    await host.close()


async def test_random_cancels_leave_every_other_job_with_one_end() -> None:
    random = Random(7)
    host = await started(workers=3, transcribe=TranscribeStage(Ear()), generate=GenerateStage(Quick()))
    receiver = Receiver()
    silent_from: dict[str, int] = {}
    names = [f"j{number}" for number in range(400)]

    def cancel(name: str) -> None:
        silent_from.setdefault(name, len(receiver.of(name)))
        host.cancel(name)

    for number, name in enumerate(names):
        session = f"s{random.randrange(9)}"
        prefill = random.random() < 0.3
        job = transcribe(name, session, words=20) if random.random() < 0.5 else generate(name, session, prefill)
        host.submit(job, receiver)
        if random.random() < 0.4:
            cancel(random.choice(names[: number + 1]))
        if random.random() < 0.2:
            await asyncio.sleep(0)
    ended = {name for name in names if name not in silent_from}
    await receiver.final(*ended)
    for name in ended:
        assert [isinstance(result, FINAL) for result in receiver.of(name)].index(True) == len(receiver.of(name)) - 1
    for name, count in silent_from.items():
        assert len(receiver.of(name)) == count
    await host.close()
