"""What is drawn of machines."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.chart.recorder import define
from tests.chart.test_diagram import CALL

from rtengine.drawing.graph import ANY, Graph, of_change, of_machine
from rtengine.drawing.mermaid import flowchart
from rtengine.drawing.png import png
from rtengine.drawing.svg import svg
from rtengine.drawing.system import of_system
from rtengine.errors import RtengineError

pytestmark = pytest.mark.unit

CHANGED = (
    CALL.replace("ring:", "bell:").replace("hold: {}\n", "wait: {}\n").replace("[{target: hold}]", "[{target: wait}]")
)


def arrows(graph: Graph) -> dict[tuple[str, str], list[str]]:
    return {(arrow.source, arrow.target): [label.signed for label in arrow.labels] for arrow in graph.arrows}


def test_states_stand_in_states_and_rows_are_arrows() -> None:
    graph = of_machine(define(CALL), guards=True)
    assert [box.name for box in graph.boxes] == ["any state", "idle", "talk", "end"]
    talk = graph.boxes[2]
    assert ([box.id for box in talk.children], talk.initial) == (
        ["talk.listen", "talk.speak", "talk.hold", "talk.bye"],
        "talk.listen",
    )
    assert (talk.notes, graph.boxes[3].kind) == (("runs work",), "final")
    found = arrows(graph)
    assert found["idle", "talk"] == ["ring [event.n > 1]", "ring [event.text == 'a;b']"]
    assert found[ANY, "idle"] == ["reset"]
    assert found["talk", "end"] == ["after 8s", "done"]
    assert ("talk.speak", "talk.hold") in found
    assert ("talk", "talk.hold") not in found, "it begins beside its target"


def test_a_row_that_a_state_has_for_itself_is_not_drawn_from_around_it() -> None:
    text = """
        machine: m
        initial: a
        states:
          a:
            initial: b
            on: {go: [{target: d}]}
            states: {b: {on: {go: [{do: []}]}}, c: {}, d: {}}
    """
    assert arrows(of_machine(define(text))) == {("a.c", "a.d"): ["go"]}


def test_changes_are_marked() -> None:
    graph = of_change(define(CALL), define(CHANGED))
    found = arrows(graph)
    assert found["idle", "talk"] == ["+ bell", "− ring"]
    assert {box.id: box.mark for box in graph.boxes[2].children} == {
        "talk.listen": "",
        "talk.speak": "",
        "talk.wait": "added",
        "talk.bye": "",
        "talk.hold": "removed",
    }
    marks = {(arrow.source, arrow.target): arrow.mark for arrow in graph.arrows}
    assert marks["talk.listen", "talk.wait"] == "added"
    assert marks["talk.listen", "talk.hold"] == "removed"
    assert marks["talk", "end"] == ""


def test_machines_have_arrows_for_what_they_send_and_start() -> None:
    parent = define(
        "machine: p\nevents: {peer: {c.ended: {}, news: {}}}\ninitial: a\n"
        "states: {a: {entry: [{spawn: c}], on: {c.ended: [{do: [{send: hush, to: c}]}], news: [{do: []}]}}}"
    )
    child = define(
        "machine: c\nevents: {peer: {hush: {}}}\ninitial: a\n"
        "states: {a: {entry: [{send: news, to: parent}], on: {hush: [{target: z}]}}, z: {final: true}}"
    )
    graph = of_system([parent, child])
    assert [(a.source, a.target, [x.text for x in a.labels], a.dashed) for a in graph.arrows] == [
        ("p", "c", ["hush"], False),
        ("c", "p", ["news", "c.ended"], False),
        ("p", "c", ["starts"], True),
    ]


def test_svg_holds_every_name_and_is_the_same_each_time() -> None:
    graph = of_change(define(CALL), define(CHANGED), guards=True)
    text = svg(graph)
    assert text == svg(graph)
    for name in ("idle", "listen", "any state", "runs work", "bell [event.n &gt; 1]", "− ring", "changed"):
        assert name in text, name


def test_png_is_a_picture_twice_as_large() -> None:
    data = png(svg(of_machine(define(CALL))))
    assert data.startswith(b"\x89PNG\r\n")
    assert int.from_bytes(data[16:20], "big") > 400


def test_flowchart_marks_with_signs_and_classes() -> None:
    text = flowchart(of_change(define(CALL), define(CHANGED)))
    assert text.startswith('flowchart LR\n    s_any("any state")\n')
    assert '        s_talk__wait("wait"):::added\n' in text
    assert '    s_idle -->|"+ bell<br/>− ring"| s_talk\n' in text
    assert "    classDef removed fill:#fdeaea,stroke:#c43030,stroke-dasharray:4 3\n" in text


def test_without_a_javascript_engine_it_is_said_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "py_mini_racer", None)
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(RtengineError, match="JavaScript engine") as caught:
        svg(of_machine(define(CALL)))
    assert "rtengine[draw]" in caught.value.hint


def test_node_gives_the_same_drawing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import shutil

    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    graph = of_machine(define(CALL))
    usual = svg(graph)
    monkeypatch.setitem(__import__("sys").modules, "py_mini_racer", None)
    assert svg(graph) == usual
