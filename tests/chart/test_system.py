"""Machines of one session together: the queue, spawning and ending, who hears what, and what must never get out."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from tests.chart.recorder import Recorder, define, running

from rtengine.chart.instance import Instance
from rtengine.chart.plan import Plan
from rtengine.chart.system import RUN_LIMIT, System
from rtengine.errors import RtengineError

pytestmark = pytest.mark.unit

PARENT = """
    machine: parent
    initial: s
    context: {last: {type: str, default: ""}}
    events:
      client: [go, shared]
      peer: {child.ended: {with: {name: str, reason: str?}}, hello: {with: {name: str}}}
    states:
      s:
        on:
          go:
            - do:
                - {spawn: child, with: {name: =event.name}}
                - {send: greet, to: child, with: {word: hi}}
                - {emit: note, with: {text: spawned}}
          tell: [{do: [{send: greet, to: child, with: {word: =event.word}}]}]
          all: [{do: [{send: greet, to: bystander, with: {word: all}}]}]
          stop: [{do: [{send: stop, to: child}]}]
          hello: [{do: [{emit: note, with: {text: "='hello from ' + event.name"}}]}]
          child.ended:
            - do:
                - set: {last: "=event.name + ' ended' + (event.reason or '')"}
                - {emit: note, with: {text: =ctx.last}}
          bad: [{do: [{spawn: child, with: {nonsense: 1}}]}]
          lost: [{do: [{send: greet, to: nobody}]}]
"""
CHILD = """
    machine: child
    initial: up
    context: {name: {type: str, default: anonymous}}
    events: {peer: {greet: {with: {word: str, loud: bool?}}, stop: null}}
    states:
      up:
        entry: [{emit: note, with: {text: ="up " + ctx.name}}]
        exit: [{emit: note, with: {text: ="down " + ctx.name}}]
        after: [{delay: 9s, target: over}]
        invoke: [{run: work}]
        on:
          greet:
            - do:
                - {emit: note, with: {text: "=ctx.name + ' hears ' + event.word + ('!' if event.loud else '')"}}
                - {send: hello, to: parent, with: {name: =ctx.name}}
          stop: [{target: over, do: [{raise: after.end}]}]
          after.end: [{do: [{emit: note, with: {text: never}}]}]
      over:
        final: true
        output: {name: =ctx.name}
"""
BYSTANDER = """
    machine: bystander
    initial: s
    events: {client: [shared, other]}
    states: {s: {on: {greet: [{do: [{emit: note, with: {text: "='bystander ' + event.word"}}]}]}}}
"""


def test_a_spawned_machine_starts_after_the_step_and_before_what_was_sent_to_it() -> None:
    system, parent, host = running(PARENT, CHILD)
    system.handle(parent, "go", SimpleNamespace(name="ada"))
    assert host.take() == ["spawned", "up ada", "set (after up 0)", "start work", "ada hears hi", "hello from ada"]
    (child,) = system.instances("child")
    assert (child.parent, child.number, child.machine) == (parent, 2, "child")


def test_a_machine_that_ends_cleans_up_and_tells_its_parent() -> None:
    system, parent, host = running(PARENT, CHILD)
    system.handle(parent, "go", SimpleNamespace(name="ada"))
    (child,) = system.instances("child")
    host.take()
    system.handle(parent, "stop")
    assert host.take() == [
        "down ada",
        "clear (after up 0)",
        "stop work 1",
        "ended child 2",
        "ada ended",
    ]
    assert (child.ended, child.state, system.instances("child")) == (True, "over", ())
    assert host.faults == []


def test_the_ended_hear_nothing() -> None:
    system, parent, host = running(PARENT, CHILD)
    system.handle(parent, "go", SimpleNamespace(name="ada"))
    (child,) = system.instances("child")
    system.handle(parent, "stop")
    host.take()
    system.post(child, "greet", SimpleNamespace(word="x"))
    child.timer("(after up 0)")
    assert not system.handle(child, "greet", SimpleNamespace(word="x"))
    system.run()
    assert host.take() == []


def test_an_event_that_waits_for_an_instance_that_ends_meanwhile_is_dropped() -> None:
    system, parent, host = running(PARENT, CHILD)
    system.handle(parent, "go", SimpleNamespace(name="ada"))
    (child,) = system.instances("child")
    host.take()
    system.post(child, "stop")
    system.post(child, "greet", SimpleNamespace(word="late"))
    system.run()
    assert "ada hears late" not in host.take()


def test_a_parent_reaches_its_own_children_alone() -> None:
    system, parent, host = running(PARENT, CHILD)
    other = system.start("parent")
    for sender, name in [(parent, "ada"), (other, "bob"), (parent, "cid")]:
        system.handle(sender, "go", SimpleNamespace(name=name))
    host.take()
    system.handle(parent, "tell", SimpleNamespace(word="x"))
    assert [line for line in host.take() if "hears" in line] == ["ada hears x", "cid hears x"]


def test_a_machine_that_does_not_spawn_another_reaches_every_instance_of_it_in_order() -> None:
    system, parent, host = running(PARENT, CHILD, BYSTANDER)
    first, second = system.start("bystander"), system.start("bystander")
    system.handle(parent, "all")
    assert host.take() == ["bystander all", "bystander all"]
    assert system.instances("bystander") == (first, second)


def test_fields_a_sender_leaves_out_are_null_for_the_receiver() -> None:
    text = """
        machine: m
        initial: s
        events: {peer: {greet: {with: {word: str, loud: bool?}}}, internal: {own: {with: {n: int?}}}}
        states:
          s:
            on:
              go: [{do: [{send: greet, to: m, with: {word: hi}}, {raise: own}]}]
              greet: [{do: [{call: hear, with: {what: =event}}]}]
              own: [{do: [{call: hear, with: {what: =event}}]}]
    """
    heard: list[Any] = []
    system, instance, _ = running(text, host=Recorder(hear=lambda instance, what: heard.append(what)))
    system.handle(instance, "go")
    assert heard == [SimpleNamespace(n=None), SimpleNamespace(word="hi", loud=None)]


def test_events_of_different_machines_wait_in_one_line() -> None:
    text = """
        machine: {name}
        initial: s
        states:
          s:
            on:
              go: [{{do: [{{emit: note, with: {{text: go {name}}}}}, {{send: next, to: {other}}}]}}]
              next: [{{do: [{{emit: note, with: {{text: next {name}}}}}]}}]
    """
    host = Recorder()
    system = System(
        {name: define(text.format(name=name, other=other)) for name, other in [("a", "b"), ("b", "a")]}, host
    )
    a, b = system.start("a"), system.start("b")
    system.post(a, "go")
    system.post(b, "go")
    system.run()
    assert host.take() == ["go a", "go b", "next b", "next a"]


def test_handle_tells_whether_a_row_took_the_event() -> None:
    system, parent, _ = running(PARENT, CHILD)
    assert system.handle(parent, "go", SimpleNamespace(name="x"))
    assert not system.handle(parent, "unheard")


def test_a_client_event_belongs_to_the_first_machine_that_claims_it() -> None:
    system, _, _ = running(PARENT, CHILD, BYSTANDER)
    assert [system.claimant(event) for event in ("go", "shared", "other", "nobody.asks")] == [
        "parent",
        "parent",
        "bystander",
        None,
    ]


@pytest.mark.parametrize("event", ["bad", "lost"])
def test_spawning_or_sending_what_does_not_exist_is_a_fault_of_the_step(event: str) -> None:
    system, parent, host = running(PARENT, CHILD)
    system.handle(parent, event)
    ((machine, name, error),) = host.faults
    assert (machine, name) == ("parent", event)
    assert isinstance(error, RtengineError)
    assert system.instances("child") == ()


def test_starting_a_machine_that_does_not_exist_is_refused() -> None:
    system, _, _ = running(PARENT, CHILD)
    with pytest.raises(RtengineError, match="no machine 'nobody'"):
        system.start("nobody")


def test_running_within_a_run_does_nothing_and_handling_within_one_is_refused() -> None:
    class Meddler(Recorder):
        def emit(self, instance: Instance, name: str, fields: dict[str, Any]) -> None:
            super().emit(instance, name, fields)
            instance.system.run()
            if fields["text"] == "spawned":
                instance.system.handle(instance, "tell")

    system, parent, host = running(PARENT, CHILD, host=Meddler())
    system.handle(parent, "go", SimpleNamespace(name="ada"))
    assert host.take()[:2] == ["spawned", "up ada"]
    assert isinstance(host.faults[0][2], RuntimeError)


def test_an_exception_of_the_host_itself_stays_inside_and_the_next_event_is_handled() -> None:
    class Broken(Recorder):
        def taken(self, instance: Instance, plan: Plan, source: str) -> None:
            if plan.event == "tell":
                raise OSError("no space for traces")

    system, parent, host = running(PARENT, CHILD, host=Broken())
    assert system.handle(parent, "tell", SimpleNamespace(word="x"))
    assert [str(error) for _, _, error in host.faults] == ["no space for traces"]
    system.handle(parent, "hello", SimpleNamespace(name="x"))
    assert host.take() == ["hello from x"]


def test_an_exception_of_the_host_hides_no_fault_that_waits() -> None:
    class Broken(Recorder):
        def taken(self, instance: Instance, plan: Plan, source: str) -> None:
            if plan.event == "go":
                raise OSError("no space for traces")

    text = """
        machine: m
        initial: s
        states: {s: {on: {go: [{do: [{emit: note, with: {text: =broken()}}]}]}}}
    """
    system, instance, host = running(text, host=Broken())
    system.handle(instance, "go")
    assert [str(error) for _, _, error in host.faults] == ["no space for traces", "broken as asked"]
    assert not system.raised


def test_machines_that_answer_each_other_for_ever_are_stopped() -> None:
    text = """
        machine: m
        initial: s
        states: {s: {on: {ping: [{do: [{send: ping, to: m}]}]}}}
    """
    system, instance, host = running(text)
    system.post(instance, "ping")
    system.run()
    ((_, event, error),) = host.faults
    assert event == "ping"
    assert str(RUN_LIMIT) in str(error)
    system.run()
    assert len(host.faults) == 1


def test_a_fault_of_an_ending_machine_still_reaches_the_host() -> None:
    text = """
        machine: m
        initial: s
        states:
          s: {on: {go: [{target: end}], fault: [{do: [{emit: note, with: {text: never}}]}]}}
          end: {final: true, entry: [{call: missing}], output: {x: =broken()}}
    """
    system, instance, host = running(text)
    system.handle(instance, "go")
    assert instance.ended
    assert [type(error) for _, _, error in host.faults] == [AttributeError, ValueError]
    assert host.take() == ["ended m 1"]


def test_a_machine_may_end_as_it_starts() -> None:
    text = """
        machine: m
        initial: s
        states: {s: {final: true}}
    """
    system, instance, host = running(text)
    assert (instance.ended, system.instances("m"), host.take()) == (True, (), ["ended m 1"])
