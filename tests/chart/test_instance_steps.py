"""One machine at work: what its steps do, and what comes of a fault in them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from tests.chart.recorder import Recorder, running

from rtengine.errors import RtengineError

pytestmark = pytest.mark.unit

RAISE = """
    machine: m
    initial: s
    events: {internal: {one: {with: {x: int, y: str?}}}}
    states:
      s:
        on:
          go:
            - do:
                - {send: later, to: m}
                - {raise: one, with: {x: 1}}
                - {raise: two}
                - {emit: note, with: {text: go}}
          one:
            - when: event.x == 1 and event.y == null
              do: [{emit: note, with: {text: one}}, {raise: three}]
          two: [{do: [{emit: note, with: {text: two}}]}]
          three: [{do: [{emit: note, with: {text: three}}]}]
          later: [{do: [{emit: note, with: {text: later}}]}]
          posted: [{do: [{emit: note, with: {text: posted}}]}]
"""


def test_what_is_raised_comes_before_what_is_sent() -> None:
    system, instance, host = running(RAISE)
    system.post(instance, "go")
    system.post(instance, "posted")
    system.run()
    assert host.take() == ["go", "one", "two", "three", "posted", "later"]


def test_internal_events_that_never_end_become_a_fault_of_the_host() -> None:
    text = """
        machine: m
        initial: s
        states: {s: {on: {go: [{do: [{raise: go}]}]}}}
    """
    system, instance, host = running(text)
    assert system.handle(instance, "go")
    ((_, _, error),) = host.faults
    assert "internal events" in str(error)
    assert not system.raised


FAULTY = """
    machine: m
    initial: s
    context: {n: {type: int, default: 0}}
    states:
      s:
        entry: [{emit: note, with: {text: +s}}]
        exit: [{emit: note, with: {text: =broken()}}, {emit: note, with: {text: never}}]
        after: [{delay: 1s, target: s}]
        on:
          step: [{do: [{emit: note, with: {text: before}}, {set: {n: =broken()}}, {emit: note, with: {text: never}}]}]
          guard: [{when: broken(), target: t}, {target: t}]
          leave: [{target: t, do: [{emit: note, with: {text: do}}]}]
          FAULT: [{do: [{emit: note, with: {text: "=event.event + ' ' + event.message"}}]}]
      t: {entry: [{emit: note, with: {text: +t}}], on: {FAULT: [{do: [{emit: note, with: {text: caught in t}}]}]}}
"""


def test_a_step_that_raises_ends_its_list_and_becomes_the_event_fault() -> None:
    system, instance, host = running(FAULTY.replace("FAULT", "fault"))
    host.take()
    assert system.handle(instance, "step")
    assert host.take() == ["before", "step ValueError: broken as asked"]
    assert host.faults == []


def test_a_guard_that_raises_takes_no_row_and_becomes_the_event_fault() -> None:
    system, instance, host = running(FAULTY.replace("FAULT", "fault"))
    host.take()
    assert system.handle(instance, "guard")
    assert (instance.state, host.take()) == ("s", ["guard ValueError: broken as asked"])


def test_a_failing_exit_step_keeps_neither_the_transition_nor_the_clearing_of_timers() -> None:
    system, instance, host = running(FAULTY.replace("FAULT", "fault"))
    host.take()
    system.handle(instance, "leave")
    assert (instance.state, host.take()) == ("t", ["clear (after s 0)", "do", "+t", "caught in t"])


def test_a_fault_that_no_row_takes_goes_to_the_host_with_the_exception() -> None:
    system, instance, host = running(FAULTY.replace("FAULT", "unknown"))
    system.handle(instance, "step")
    ((machine, event, error),) = host.faults
    assert (machine, event) == ("m", "step")
    assert isinstance(error, ValueError)


def test_a_fault_while_a_fault_is_handled_goes_to_the_host() -> None:
    text = """
        machine: m
        initial: s
        states: {s: {on: {go: [{do: [{call: nothing}]}], fault: [{do: [{emit: note, with: {text: =broken()}}]}]}}}
    """
    system, instance, host = running(text)
    system.handle(instance, "go")
    ((_, event, error),) = host.faults
    assert (event, str(error)) == ("fault", "broken as asked")


STEPS = """
    machine: m
    initial: s
    context:
      n: {type: int, default: 1}
      list: {type: list, default: [1, {a: 2}]}
      thing: {type: any}
      got: {type: int, default: 0}
      text: {type: str, default: filled}
      greeting: {type: str, default: "='hello ' + settings.name"}
    states:
      s:
        on:
          set: [{do: [{set: {n: =ctx.n + 1, got: =ctx.n * 10, thing.x: =event.x, thing.box.y: 5}}]}]
          call: [{do: [{call: add, with: {a: =ctx.n, b: 2}, into: got}]}]
          emit: [{do: [{emit: note, with: {b: 1, list: [1, =ctx.n], dict: {x: {y: =event.x}}, a: 2}}]}]
          error: [{do: [{error: {code: bad, message: "=event.x"}}]}]
          nothing: [{do: [{set: {thing.x: 1}}]}]
"""


def _stepping() -> tuple[Any, Any, Recorder]:
    host = Recorder(add=lambda instance, a, b: a + b + instance.ctx.n)
    host.roots.settings.name = "ada"
    return running(STEPS, host=host)


def test_set_assigns_in_order_and_follows_dotted_paths_into_objects_and_dicts() -> None:
    system, instance, _ = _stepping()
    instance.ctx.thing = SimpleNamespace(x=0, box={})
    system.handle(instance, "set", SimpleNamespace(x=7))
    assert (instance.ctx.n, instance.ctx.got) == (2, 20)
    assert instance.ctx.thing == SimpleNamespace(x=7, box={"y": 5})


def test_setting_a_field_of_null_is_a_fault() -> None:
    system, instance, host = _stepping()
    system.handle(instance, "nothing")
    assert "thing is null" in str(host.faults[0][2])


def test_call_runs_the_action_with_the_instance_and_keeps_its_result() -> None:
    system, instance, _ = _stepping()
    system.handle(instance, "call")
    assert instance.ctx.got == 4


def test_emit_keeps_the_order_of_fields_fills_them_from_context_and_shares_nothing() -> None:
    system, instance, host = _stepping()
    system.handle(instance, "emit", SimpleNamespace(x=1))
    system.handle(instance, "emit", SimpleNamespace(x=2))
    (_, first), (_, second) = host.emitted
    assert list(first) == ["b", "list", "dict", "a", "text"]
    assert first == {"b": 1, "list": [1, 1], "dict": {"x": {"y": 1}}, "a": 2, "text": "filled"}
    assert second["dict"] == {"x": {"y": 2}}
    assert first["list"] is not second["list"]


def test_error_answers_through_the_host() -> None:
    system, instance, host = _stepping()
    system.handle(instance, "error")
    assert host.take() == ["error bad"]


def test_defaults_are_copied_for_every_instance_and_may_be_expressions() -> None:
    system, first, _ = _stepping()
    second = system.start("m", n=9)
    first.ctx.list[1]["a"] = 3
    assert (second.ctx.list, second.ctx.n, second.ctx.greeting) == ([1, {"a": 2}], 9, "hello ada")


def test_a_context_has_the_declared_variables_alone() -> None:
    system, instance, _ = _stepping()
    with pytest.raises(AttributeError):
        instance.ctx.other = 1
    with pytest.raises(RtengineError, match="no context variable 'other'"):
        system.start("m", other=1)
    assert "n=1" in repr(instance.ctx)


def test_a_guard_of_an_eventless_row_that_raises_is_a_fault_and_the_machine_rests() -> None:
    text = """
        machine: m
        initial: a
        states:
          a:
            always: [{when: broken(), target: b}]
            on: {fault: [{target: b, do: [{emit: note, with: {text: =event.event}}]}]}
          b: {}
    """
    _, instance, host = running(text)
    assert (instance.state, host.take(), host.faults) == ("b", ["(start)"], [])


def test_what_a_final_state_itself_starts_does_not_outlive_it() -> None:
    text = """
        machine: m
        initial: s
        states: {s: {final: true, invoke: [{run: work}], after: [{delay: 1s}]}}
    """
    _, instance, host = running(text)
    assert host.take() == ["set (after s 0)", "start work", "clear (after s 0)", "stop work 1", "ended m 1"]
    assert (instance.timers, instance.jobs) == (set(), {})


HASTY = """
machine: m
version: 1
events: {client: [go]}
context: {n: {type: int, default: 0}}
initial: calm
on:
  fault: [{target: saved}]
states:
  calm: {on: {go: [{target: passing, do: [{call: explode}]}]}}
  passing: {always: [{target: lost}]}
  lost: {final: true}
  saved: {}
"""


def test_a_fault_goes_before_the_eventless_rows_that_build_on_the_step() -> None:
    system, instance, host = running(HASTY)
    system.handle(instance, "go")
    assert instance.state == "saved"
    assert host.faults == []
