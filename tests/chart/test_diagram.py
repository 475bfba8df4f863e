"""Machines as Mermaid text."""

from __future__ import annotations

import re

import pytest
from tests.chart.recorder import define

from rtengine.chart.diagram import mermaid

pytestmark = pytest.mark.unit

CALL = """
    machine: call
    initial: idle
    on: {reset: [{target: idle}]}
    states:
      idle:
        doc: Nobody speaks. That is all there is to say.
        on:
          ring:
            - {when: event.n > 1, target: talk}
            - {when: "event.text == 'a;b'", target: talk}
          tick: [{do: [{emit: note, with: {text: x}}]}]
      talk:
        initial: listen
        invoke: [{run: work}]
        after: [{delay: 8s, target: end}]
        done: [{target: end}]
        on:
          hold: [{target: hold}]
          again: [{target: talk}]
        states:
          listen: {on: {say: [{when: event.x, target: speak}, {target: bye}], up: [{target: talk}]}}
          speak: {invoke: [{run: work, id: w}], always: [{when: "ctx.n == 1", target: listen}]}
          hold: {}
          bye: {final: true}
      end: {final: true}
"""


def test_the_whole_diagram() -> None:
    assert mermaid(define(CALL)) == (
        "stateDiagram-v2\n"
        "    direction LR\n"
        "    [*] --> s_idle\n"
        '    state "idle" as s_idle\n'
        '    state "talk" as s_talk {\n'
        "        [*] --> s_talk__listen\n"
        '        state "listen" as s_talk__listen\n'
        '        state "speak" as s_talk__speak\n'
        "        s_talk__speak : runs work\n"
        '        state "hold" as s_talk__hold\n'
        '        state "bye" as s_talk__bye\n'
        "        s_talk__bye --> [*]\n"
        "    }\n"
        '    state "end" as s_end\n'
        "    s_end --> [*]\n"
        "    s_idle --> s_idle : reset\n"
        "    s_talk --> s_idle : reset\n"
        "    s_idle --> s_talk : ring [event.n #62; 1]<br/>ring [event.text == 'a#59;b']\n"
        "    s_talk__listen --> s_talk__hold : hold\n"
        "    s_talk__speak --> s_talk__hold : hold\n"
        "    s_talk__hold --> s_talk__hold : hold\n"
        "    s_talk__listen --> s_talk__listen : again<br/>up\n"
        "    s_talk__speak --> s_talk__listen : again<br/>always [ctx.n == 1]\n"
        "    s_talk__hold --> s_talk__listen : again\n"
        "    s_talk --> s_end : after 8s<br/>done\n"
        "    s_talk__listen --> s_talk__speak : say [event.x]\n"
        "    s_talk__listen --> s_talk__bye : say\n"
    )


def test_guards_rows_that_stay_and_notes_are_a_choice() -> None:
    text = mermaid(define(CALL), guards=False, staying=True, notes=True)
    assert "s_idle --> s_talk : ring\n" in text
    assert "    s_idle : tick\n" in text
    assert "note right of s_idle : Nobody speaks\n" in text


def test_a_long_guard_is_cut() -> None:
    long = " and ".join(f"ctx.n != {number}" for number in range(12))
    text = mermaid(
        define(f"machine: m\ninitial: a\nstates: {{a: {{on: {{go: [{{when: {long}, target: b}}]}}}}, b: {{}}}}")
    )
    (label,) = re.findall(r"go \[(.*)\]", text)
    assert label.endswith("…")
    assert len(label) <= 60


def test_no_arrow_joins_a_state_with_one_inside_it() -> None:
    for source, target in re.findall(r"(s_\w+) --> (s_\w+)", mermaid(define(CALL))):
        assert not target.startswith(source + "__")
        assert not source.startswith(target + "__")
