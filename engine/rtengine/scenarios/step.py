"""The steps of a scenario: what they do to a session, and what they look for in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pydantic_core

from rtengine.scenarios import verbs
from rtengine.scenarios.cast import Cast, kind_of
from rtengine.scenarios.pattern import Mismatch, compare, event_pattern, matches
from rtengine.scenarios.world import World
from rtengine.session.effects import Disconnected, Draining

Event = dict[str, Any]


def perform(step: verbs.Node, world: World) -> None:
    """Raises Mismatch when something is not as the step says."""
    match step:
        case verbs.Client(client=event):
            world.client(event)
        case verbs.Audio(audio=sound):
            world.audio(sound.ms, list(sound.edges), sound.encoding)
        case verbs.Result(result=results, times=times):
            _produce(world, dict(results), times)
        case verbs.Late(late=results):
            world.late(**dict(results))
        case verbs.Speak(speak=saying):
            world.speak(**(saying or verbs.Saying()).model_dump())
        case verbs.ToolStep(tool=answer):
            world.tool(**answer.model_dump())
        case verbs.Fail(fail=failure):
            world.fail(**failure.model_dump())
        case verbs.Break(break_=action):
            world.break_action(action)
        case verbs.Advance(advance=seconds):
            world.advance(float(seconds))
        case verbs.Draining():
            world.receive(Draining())
        case verbs.Disconnected():
            world.receive(Disconnected())
        case _:
            look(step, world)


def _produce(world: World, results: Mapping[str, Any], times: int) -> None:
    for _ in range(times):
        world.result(**results)


def look(step: verbs.Node, world: World) -> None:
    match step:
        case verbs.Expect(expect=patterns):
            expect(world.sent, patterns, world.bound)
            world.sent = []
        case verbs.Includes(includes=patterns):
            include(world.sent, patterns, world.bound)
            world.sent = []
        case verbs.Absent(absent=patterns):
            exclude(world.sent, patterns, world.bound)
        case verbs.States(states=states):
            for machine, wanted in states.items():
                _states(world, machine, [wanted] if isinstance(wanted, str) else wanted)
        case verbs.Jobs(jobs=stages):
            look_at_jobs(world, stages)
        case verbs.Request(request=wanted):
            look_at_request(world, wanted, world.bound)
        case verbs.Silence(silence=ms):
            _silence(world, ms)
        case verbs.Closed(closed=code):
            _closed(world, code)
        case _:
            raise TypeError(f"no such step: {type(step).__name__}")


def expect(sent: Sequence[Event], patterns: list[verbs.Pattern], bound: dict[str, Any]) -> None:
    """These events and no others were sent. Raises Mismatch, as all of these do."""
    kinds = [event["type"] for event in sent]
    wanted = [event_pattern(pattern).get("type") for pattern in patterns]
    for index, kind in enumerate(wanted):
        if index >= len(kinds):
            raise Mismatch(f"{kind} was not sent", ("expect", index), _sent(kinds))
        if kind is not None and kinds[index] != kind:
            raise Mismatch(f"{kinds[index]} was sent, not {kind}", ("expect", index), _sent(kinds))
    if len(kinds) > len(wanted):
        raise Mismatch(f"{kinds[len(wanted)]} was sent as well", ("expect",), _sent(kinds))
    for index, (event, pattern) in enumerate(zip(sent, patterns, strict=True)):
        compare(event, event_pattern(pattern), event["type"], bound, ("expect", index))


def include(sent: Sequence[Event], patterns: list[verbs.Pattern], bound: dict[str, Any]) -> int:
    """Such events were sent, in this order; how many were sent up to the last of them."""
    count = 0
    for index, pattern in enumerate(patterns):
        rest = range(count, len(sent))
        found = next((at for at in rest if matches(sent[at], event_pattern(pattern), bound)), None)
        if found is None:
            raise _lacking(sent, count, index, event_pattern(pattern), bound)
        count = found + 1
    return count


def _lacking(
    sent: Sequence[Event], count: int, index: int, pattern: Mapping[str, Any], bound: dict[str, Any]
) -> Mismatch:
    """Why none of the events from ``count`` on is as wanted: of those of its type, what differs in the nearest."""
    before = "" if index == 0 else " after the one before it"
    told = _sent([event["type"] for event in sent])
    same = [event for event in sent[count:] if event["type"] == pattern.get("type")]
    differences = [found for event in same if (found := _difference(event, pattern, bound)) is not None]
    if not differences:
        return Mismatch(f"no such event was sent{before}", ("includes", index), told)
    nearest = max(differences, key=lambda found: len(found.path))
    kind = f"{pattern['type']}"
    content = nearest.message.removeprefix(f"{kind}.")
    was = "was sent" if len(same) == 1 else f"was sent {len(same)} times"
    among = "" if len(same) == 1 else "in the nearest one "
    message = f"{kind} {was}{before}, and {among}{content}"
    return Mismatch(message, ("includes", index, *nearest.path), told)


def _difference(event: Event, pattern: Mapping[str, Any], bound: dict[str, Any]) -> Mismatch | None:
    try:
        compare(event, pattern, event["type"], dict(bound))
    except Mismatch as mismatch:
        return mismatch
    return None


def exclude(sent: Sequence[Event], patterns: list[verbs.Pattern], bound: dict[str, Any]) -> None:
    """No such event was sent."""
    for index, pattern in enumerate(patterns):
        found = next((event for event in sent if matches(event, event_pattern(pattern), dict(bound))), None)
        if found is not None:
            raise Mismatch(f"{found['type']} was sent", ("absent", index))


def _states(world: World, machine: str, wanted: list[str]) -> None:
    states = [instance.state for instance in world.session.system.instances(machine)]
    fits = len(states) == len(wanted) and all(
        state == want or state.startswith(want + ".") for state, want in zip(states, wanted, strict=True)
    )
    if not fits:
        raise Mismatch(f"{machine} is in {', '.join(states) or 'no state: it does not run'}", ("states", machine))


def look_at_jobs(cast: Cast, stages: list[str]) -> None:
    """These jobs run."""
    running = sorted(kind_of(job) for job in cast.running())
    if running != sorted(stages):
        raise Mismatch(f"the jobs that run are {', '.join(running) or 'none'}", ("jobs",))


def _silence(world: World, ms: float) -> None:
    if world.activity.silence_ms != ms:
        raise Mismatch(f"{world.activity.silence_ms:g} ms of silence would end the turn", ("silence",))


def _closed(world: World, code: int) -> None:
    if world.closed is None:
        raise Mismatch("the connection is open", ("closed",))
    if world.closed.code != code:
        raise Mismatch(f"it was closed with {world.closed.code}: {world.closed.reason}", ("closed",))


def look_at_request(cast: Cast, wanted: Mapping[str, Any], bound: dict[str, Any]) -> None:
    """The latest job of the stage asks for this."""
    stage = wanted.get("stage")
    if not isinstance(stage, str):
        raise Mismatch("the stage of the request is missing", ("request",), "add stage: generate, or another")
    asked = pydantic_core.to_jsonable_python(asdict(cast.job(stage).request), bytes_mode="base64")
    fields = {name: value for name, value in wanted.items() if name != "stage"}
    compare(asked, fields, "request", bound, ("request",))


def _sent(kinds: list[str]) -> str:
    return "sent: " + ", ".join(kinds) if kinds else "nothing was sent"
