"""One machine at work: what is left and entered, in which order, and what follows from it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from tests.chart.recorder import VOCABULARY, define, running

from rtengine.errors import RtengineError

pytestmark = pytest.mark.unit

NESTED = """
    machine: m
    initial: a
    on:
      top: [{target: b, do: [{emit: note, with: {text: top}}]}]
      home: [{target: a, do: [{emit: note, with: {text: home}}]}]
    states:
      a:
        initial: a1
        entry: [{emit: note, with: {text: +a}}]
        exit: [{emit: note, with: {text: -a}}]
        on:
          inner: [{target: a2}]
          again: [{target: a}]
          anew: [{target: a2, reenter: true, do: [{emit: note, with: {text: do}}]}]
          both: [{do: [{emit: note, with: {text: outer}}]}]
        states:
          a1:
            entry: [{emit: note, with: {text: +a1}}]
            exit: [{emit: note, with: {text: -a1}}]
            on:
              next: [{target: a2, do: [{emit: note, with: {text: do}}]}]
              self: [{target: a1}]
              out: [{target: b.deep.b2}]
              both: [{when: event.ok, do: [{emit: note, with: {text: inner}}]}]
          a2:
            entry: [{emit: note, with: {text: +a2}}]
            exit: [{emit: note, with: {text: -a2}}]
            on:
              up: [{target: a}]
      b:
        initial: deep
        entry: [{emit: note, with: {text: +b}}]
        exit: [{emit: note, with: {text: -b}}]
        states:
          deep:
            initial: b1
            entry: [{emit: note, with: {text: +deep}}]
            exit: [{emit: note, with: {text: -deep}}]
            states:
              b1: {entry: [{emit: note, with: {text: +b1}}], exit: [{emit: note, with: {text: -b1}}]}
              b2: {entry: [{emit: note, with: {text: +b2}}], exit: [{emit: note, with: {text: -b2}}]}
"""


def test_starting_enters_from_the_outside_to_the_initial_leaf() -> None:
    _, instance, host = running(NESTED)
    assert instance.state == "a.a1"
    assert host.take() == ["+a", "+a1"]
    assert host.moves == [("m", "(start)", "", "a.a1")]


@pytest.mark.parametrize(
    ("events", "state", "log"),
    [
        (["next"], "a.a2", ["-a1", "do", "+a2"]),
        (["self"], "a.a1", ["-a1", "+a1"]),
        (["inner"], "a.a2", ["-a1", "+a2"]),
        (["next", "inner"], "a.a2", ["-a1", "do", "+a2", "-a2", "+a2"]),
        (["again"], "a.a1", ["-a1", "-a", "+a", "+a1"]),
        (["next", "up"], "a.a1", ["-a1", "do", "+a2", "-a2", "-a", "+a", "+a1"]),
        (["anew"], "a.a2", ["-a1", "-a", "do", "+a", "+a2"]),
        (["out"], "b.deep.b2", ["-a1", "-a", "+b", "+deep", "+b2"]),
        (["top"], "b.deep.b1", ["-a1", "-a", "top", "+b", "+deep", "+b1"]),
        (["home"], "a.a1", ["-a1", "-a", "home", "+a", "+a1"]),
        (["up"], "a.a1", []),
    ],
)
def test_a_transition_leaves_from_the_leaf_up_does_and_enters_from_the_outside_in(
    events: list[str], state: str, log: list[str]
) -> None:
    system, instance, host = running(NESTED)
    host.take()
    for event in events:
        system.handle(instance, event)
    assert (instance.state, host.take()) == (state, log)


def test_a_child_is_asked_before_its_parent_and_a_failed_guard_passes_on() -> None:
    system, instance, host = running(NESTED)
    host.take()
    assert system.handle(instance, "both", SimpleNamespace(ok=True))
    assert host.take() == ["inner"]
    assert system.handle(instance, "both", SimpleNamespace(ok=False))
    assert host.take() == ["outer"]


def test_the_host_hears_of_every_transition_with_its_row() -> None:
    system, instance, host = running(NESTED)
    system.handle(instance, "next")
    plan = host.plans[-1]
    assert (plan.event, plan.source, plan.exits, plan.entries) == ("next", "a.a1", ("a.a1",), ("a.a2",))
    assert plan.where == "m.yaml:1"
    assert host.moves[-1] == ("m", "next", "a.a1", "a.a2")


def test_the_first_row_whose_guard_holds_is_taken() -> None:
    text = """
        machine: m
        initial: s
        context: {n: {type: int, default: 2}}
        states:
          s:
            on:
              go:
                - {when: ctx.n == 1, do: [{emit: note, with: {text: one}}]}
                - {when: ctx.n >= 2 and event.x == 5, do: [{emit: note, with: {text: two}}]}
                - {do: [{emit: note, with: {text: rest}}]}
    """
    system, instance, host = running(text)
    system.handle(instance, "go", SimpleNamespace(x=5))
    system.handle(instance, "go", SimpleNamespace(x=6))
    assert host.take() == ["two", "rest"]


def test_a_row_without_target_stays_and_runs_neither_exit_nor_entry() -> None:
    system, instance, host = running(NESTED)
    host.take()
    system.handle(instance, "both")
    assert (instance.state, host.take()) == ("a.a1", ["outer"])
    assert host.plans[-1].exits == ()


WILDCARD = """
    machine: m
    initial: outer
    on:
      "*": [{do: [{emit: note, with: {text: "='machine ' + event.type"}}]}]
      known: [{do: [{emit: note, with: {text: machine known}}]}]
    states:
      outer:
        initial: inner
        on:
          known: [{when: event.passes, do: [{emit: note, with: {text: outer known}}]}]
          other: [{do: [{emit: note, with: {text: outer other}}]}]
        states:
          inner:
            on:
              "*": [{when: event.ok, do: [{emit: note, with: {text: "='inner ' + event.type"}}]}]
              known: [{when: event.named, do: [{emit: note, with: {text: inner known}}]}]
"""


@pytest.mark.parametrize(
    ("event", "payload", "log"),
    [
        ("known", {"named": True, "ok": True}, "inner known"),
        ("known", {"ok": True}, "inner known"),
        ("known", {"passes": True}, "outer known"),
        ("known", {}, "machine known"),
        ("other", {}, "outer other"),
        ("never.named", {"ok": True}, "inner never.named"),
        ("never.named", {}, "machine never.named"),
    ],
)
def test_a_wildcard_takes_what_no_named_row_of_its_own_or_an_inner_state_took(
    event: str, payload: dict[str, Any], log: str
) -> None:
    system, instance, host = running(WILDCARD)
    system.handle(instance, event, SimpleNamespace(**payload))
    assert host.take() == [log]


def test_a_wildcard_takes_neither_faults_nor_delays() -> None:
    text = """
        machine: m
        initial: s
        on: {"*": [{do: [{emit: note, with: {text: wild}}]}]}
        states:
          s:
            after: [{delay: 1s, when: "false", target: s}]
            on: {go: [{do: [{emit: note, with: {text: =broken()}}]}]}
    """
    system, instance, host = running(text)
    system.handle(instance, "go")
    instance.timer("(after s 0)")
    assert host.take() == ["set (after s 0)"]
    assert [(machine, event, str(error)) for machine, event, error in host.faults] == [("m", "go", "broken as asked")]


ALWAYS = """
    machine: m
    initial: idle
    context: {n: {type: int, default: 0}, loud: {type: bool, default: false}}
    states:
      idle: {on: {go: [{target: choose, do: [{set: {n: =event.n}}]}]}}
      choose:
        entry: [{emit: note, with: {text: +choose}}]
        always:
          - {when: ctx.n > 10, target: big, do: [{emit: note, with: {text: "='big after ' + event.type"}}]}
          - {when: ctx.n > 5, target: middle.lower}
      middle:
        initial: upper
        always: [{when: ctx.loud, target: idle}]
        on: {louder: [{do: [{set: {loud: true}}]}]}
        states: {upper: {}, lower: {always: [{when: ctx.n == 7, target: upper}]}}
      big: {always: [{target: idle}]}
"""


@pytest.mark.parametrize(("n", "state"), [(1, "choose"), (6, "middle.lower"), (7, "middle.upper"), (11, "idle")])
def test_eventless_rows_are_tried_until_the_machine_rests(n: int, state: str) -> None:
    system, instance, _ = running(ALWAYS)
    system.handle(instance, "go", SimpleNamespace(n=n))
    assert instance.state == state


def test_eventless_rows_still_see_the_event_that_led_to_them() -> None:
    system, instance, host = running(ALWAYS)
    system.handle(instance, "go", SimpleNamespace(n=11))
    assert host.take() == ["+choose", "big after go"]


def test_eventless_rows_of_an_outer_state_are_tried_after_a_row_that_stays() -> None:
    system, instance, _ = running(ALWAYS)
    system.handle(instance, "go", SimpleNamespace(n=6))
    system.handle(instance, "louder")
    assert instance.state == "idle"


def test_eventless_rows_that_never_rest_become_a_fault() -> None:
    text = """
        machine: m
        initial: a
        states:
          a: {always: [{target: b}]}
          b: {always: [{target: a}]}
    """
    _, _, host = running(text)
    assert len(host.moves) == 101
    ((_, event, error),) = host.faults
    assert event == "(start)"
    assert isinstance(error, RtengineError)
    assert "eventless" in error.message


AFTER = """
    machine: m
    initial: wait
    context: {slow: {type: float, default: 0.5}, never: {type: float?}}
    states:
      wait:
        after:
          - {delay: 8s, target: late}
          - {delay: =ctx.slow * 2, do: [{emit: note, with: {text: soon}}]}
          - {delay: =ctx.never, target: late}
          - {delay: 250ms, when: "false", target: late}
        on: {go: [{target: late}], stay: [{do: [{emit: note, with: {text: stay}}]}]}
        initial: inner
        states: {inner: {on: {move: [{target: other}]}}, other: {}}
      late: {}
"""


def test_delays_start_on_entry_in_seconds_and_null_is_none() -> None:
    _, instance, host = running(AFTER)
    assert host.delays == {"(after wait 0)": 8.0, "(after wait 1)": 1.0, "(after wait 3)": 0.25}
    assert instance.timers == set(host.delays)


def test_a_delay_that_is_over_takes_its_row_and_the_rest_are_cleared_on_leaving() -> None:
    _, instance, host = running(AFTER)
    host.take()
    instance.timer("(after wait 1)")
    assert (instance.state, host.take()) == ("wait.inner", ["soon"])
    instance.timer("(after wait 0)")
    assert (instance.state, host.take()) == ("late", ["clear (after wait 3)"])
    instance.timer("(after wait 3)")
    assert host.take() == []


def test_delays_outlive_what_happens_inside_their_state_and_end_with_it() -> None:
    system, instance, host = running(AFTER)
    host.take()
    system.handle(instance, "move")
    system.handle(instance, "stay")
    assert host.take() == ["stay"]
    system.handle(instance, "go")
    assert host.take() == ["clear (after wait 0)", "clear (after wait 1)", "clear (after wait 3)"]
    assert instance.timers == set()


DONE = """
    machine: m
    initial: work
    states:
      work:
        initial: one
        done:
          - {when: event.short, target: short}
          - {target: rest}
        exit: [{emit: note, with: {text: -work}}]
        states:
          one: {on: {go: [{target: end, do: [{raise: extra}]}], extra: [{target: one}]}}
          end: {final: true, entry: [{emit: note, with: {text: +end}}]}
        on: {extra: [{do: [{emit: note, with: {text: extra}}]}]}
      short: {}
      rest: {}
"""


def test_a_final_child_completes_its_parent_after_what_was_raised_before() -> None:
    system, instance, host = running(DONE)
    system.handle(instance, "go")
    assert (instance.state, host.take()) == ("rest", ["+end", "extra", "-work"])
    assert not instance.ended


def test_done_rows_see_the_payload_that_led_to_the_final_child() -> None:
    system, instance, _ = running(DONE)
    system.handle(instance, "go", SimpleNamespace(short=True))
    assert instance.state == "short"


def test_completion_climbs_through_nested_final_states() -> None:
    text = """
        machine: m
        initial: outer
        states:
          outer:
            initial: inner
            done: [{target: rest}]
            states:
              inner:
                initial: go
                done: [{target: over}]
                states: {go: {on: {end: [{target: stop}]}}, stop: {final: true}}
              over: {final: true}
          rest: {}
    """
    system, instance, host = running(text)
    system.handle(instance, "end")
    assert instance.state == "rest"
    assert [event for _, event, _, _ in host.moves] == ["(start)", "end", "(done outer.inner)", "(done outer)"]


INVOKE = """
    machine: m
    initial: off
    context: {n: {type: int, default: 4}}
    states:
      off: {on: {go: [{target: on}]}}
      on:
        initial: a
        entry: [{emit: note, with: {text: +on}}]
        exit: [{emit: note, with: {text: -on}}]
        invoke:
          - {run: work, id: first, with: {n: =ctx.n}}
          - {run: work}
        on:
          first.done: [{target: off, do: [{emit: note, with: {text: ="got " + event.text}}]}]
        states: {a: {entry: [{emit: note, with: {text: +a}}], on: {move: [{target: b}]}}, b: {}}
"""


def test_services_start_after_the_entries_and_stop_after_the_exit_steps() -> None:
    system, instance, host = running(INVOKE)
    system.handle(instance, "go")
    assert host.take() == ["+on", "+a", "start first", "start work"]
    assert host.requests == [{"n": 4}, {}]
    system.handle(instance, "move")
    assert host.take() == []
    system.handle(instance, "first.done", SimpleNamespace(text="it"))
    assert host.take() == ["-on", "stop first 1", "stop work 2", "got it"]
    assert instance.jobs == {}


def test_a_definition_knows_its_rows_and_their_lines() -> None:
    definition = define(DONE, VOCABULARY)
    assert [(row.id, row.source, row.label) for row in definition.rows] == [
        (0, "work", "extra"),
        (1, "work", "done"),
        (2, "work", "done"),
        (3, "work.one", "go"),
        (4, "work.one", "extra"),
    ]
