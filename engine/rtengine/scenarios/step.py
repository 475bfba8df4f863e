"""The steps of a scenario: what they do to a session, and what they look for in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pydantic_core

from rtengine.scenarios import document
from rtengine.scenarios.pattern import Mismatch, compare, event_pattern, matches
from rtengine.scenarios.world import World, kind_of
from rtengine.session.effects import Disconnected, Draining


def perform(step: document.Node, world: World) -> None:
    """Raises Mismatch when something is not as the step says."""
    match step:
        case document.Client(client=event):
            world.client(event)
        case document.Audio(audio=sound):
            world.audio(sound.ms, list(sound.edges), sound.encoding)
        case document.Result(result=results):
            world.result(**dict(results))
        case document.Late(late=results):
            world.late(**dict(results))
        case document.Speak(speak=saying):
            world.speak(**(saying or document.Saying()).model_dump())
        case document.ToolStep(tool=answer):
            world.tool(**answer.model_dump())
        case document.Fail(fail=failure):
            world.fail(**failure.model_dump())
        case document.Break(break_=action):
            world.break_action(action)
        case document.Advance(advance=seconds):
            world.advance(float(seconds))
        case document.Draining():
            world.receive(Draining())
        case document.Disconnected():
            world.receive(Disconnected())
        case _:
            look(step, world)


def look(step: document.Node, world: World) -> None:
    match step:
        case document.Expect(expect=patterns):
            _expect(world, patterns)
        case document.Includes(includes=patterns):
            _includes(world, patterns)
        case document.Absent(absent=patterns):
            _absent(world, patterns)
        case document.States(states=states):
            for machine, wanted in states.items():
                _states(world, machine, [wanted] if isinstance(wanted, str) else wanted)
        case document.Jobs(jobs=stages):
            _jobs(world, stages)
        case document.Request(request=wanted):
            _request(world, wanted)
        case document.Silence(silence=ms):
            _silence(world, ms)
        case document.Closed(closed=code):
            _closed(world, code)
        case _:
            raise TypeError(f"no such step: {type(step).__name__}")


def _expect(world: World, patterns: list[document.Pattern]) -> None:
    sent = [event["type"] for event in world.sent]
    wanted = [event_pattern(pattern).get("type") for pattern in patterns]
    for index, kind in enumerate(wanted):
        if index >= len(sent):
            raise Mismatch(f"{kind} was not sent", ("expect", index), _sent(sent))
        if kind is not None and sent[index] != kind:
            raise Mismatch(f"{sent[index]} was sent, not {kind}", ("expect", index), _sent(sent))
    if len(sent) > len(wanted):
        raise Mismatch(f"{sent[len(wanted)]} was sent as well", ("expect",), _sent(sent))
    for index, (event, pattern) in enumerate(zip(world.sent, patterns, strict=True)):
        compare(event, event_pattern(pattern), event["type"], world.bound, ("expect", index))
    world.sent = []


def _includes(world: World, patterns: list[document.Pattern]) -> None:
    events = iter(world.sent)
    for index, pattern in enumerate(patterns):
        if not any(matches(event, event_pattern(pattern), world.bound) for event in events):
            kinds = [event["type"] for event in world.sent]
            before = "" if index == 0 else " after the one before it"
            raise Mismatch(f"no such event was sent{before}", ("includes", index), _sent(kinds))
    world.sent = []


def _absent(world: World, patterns: list[document.Pattern]) -> None:
    for index, pattern in enumerate(patterns):
        found = next((event for event in world.sent if matches(event, event_pattern(pattern), dict(world.bound))), None)
        if found is not None:
            raise Mismatch(f"{found['type']} was sent", ("absent", index))


def _states(world: World, machine: str, wanted: list[str]) -> None:
    states = [instance.state for instance in world.session.system.instances(machine)]
    fits = len(states) == len(wanted) and all(
        state == want or state.startswith(want + ".") for state, want in zip(states, wanted, strict=True)
    )
    if not fits:
        raise Mismatch(f"{machine} is in {', '.join(states) or 'no state: it does not run'}", ("states", machine))


def _jobs(world: World, stages: list[str]) -> None:
    running = sorted(kind_of(job) for job in world.running())
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


def _request(world: World, wanted: Mapping[str, Any]) -> None:
    stage = wanted.get("stage")
    if not isinstance(stage, str):
        raise Mismatch("the stage of the request is missing", ("request",), "add stage: generate, or another")
    asked = pydantic_core.to_jsonable_python(asdict(world.job(stage).request), bytes_mode="base64")
    fields = {name: value for name, value in wanted.items() if name != "stage"}
    compare(asked, fields, "request", world.bound, ("request",))


def _sent(kinds: list[str]) -> str:
    return "sent: " + ", ".join(kinds) if kinds else "nothing was sent"
