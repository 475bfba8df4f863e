"""A machine file that extends another: what it becomes, and where each part of it stands."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from tests.chart.words import VOCABULARY

from rtengine.chart.coverage import Coverage
from rtengine.chart.load import check_machines, load_machines
from rtengine.chart.overlay import LayeredFile
from rtengine.source.finding import FileError
from rtengine.source.report import concise

pytestmark = pytest.mark.unit

BASE = """\
    machine: phone
    version: 1
    context: {n: {type: int, default: 0}}
    events: {client: [call.dial, call.hang_up], host: [line.dead]}
    initial: idle
    states:
      idle:
        on:
          call.dial: [{target: talking}]
          line.dead: [{do: []}]
      talking:
        on:
          call.hang_up:
            - {when: ctx.n > 1, target: idle}
            - target: idle
    """


def written(folder: Path, **files: str) -> dict[str, Path]:
    paths = {}
    for name, text in {"base": BASE, **files}.items():
        paths[name] = folder / f"{name}.yaml"
        paths[name].write_text(textwrap.dedent(text), encoding="utf-8")
    return paths


def test_mappings_merge_and_the_rows_of_an_event_are_replaced(tmp_path: Path) -> None:
    paths = written(
        tmp_path,
        mine="""\
        extends: base.yaml
        context: {n: {default: 3}, m: {type: str, default: x}}
        states:
          talking:
            on:
              call.hang_up: [{target: idle, do: [{set: {m: y}}]}]
        """,
    )
    merged = LayeredFile.read(paths["mine"]).plain()
    assert merged["context"] == {"n": {"type": "int", "default": 3}, "m": {"type": "str", "default": "x"}}
    assert merged["states"]["talking"]["on"]["call.hang_up"] == [{"target": "idle", "do": [{"set": {"m": "y"}}]}]
    assert merged["states"]["idle"]["on"].keys() == {"call.dial", "line.dead"}
    assert (merged["machine"], merged["version"]) == ("phone", 1)


def test_every_value_knows_its_file_and_line(tmp_path: Path) -> None:
    paths = written(
        tmp_path,
        middle="extends: base.yaml\nstates:\n  idle:\n    on:\n      line.dead: [{target: talking}]\n",
        mine="extends: middle.yaml\nevents: {client: [call.mute]}\nstates:\n  idle:\n    entry: []\n",
    )
    file = LayeredFile.read(paths["mine"])
    base, middle, mine = (str(paths[name]) for name in ("base", "middle", "mine"))
    assert file.names == (mine, middle, base)
    assert file.place(("states", "idle", "entry")) == (mine, 5)
    assert file.place(("states", "idle", "on", "line.dead", 0, "target")) == (middle, 5)
    assert file.place(("states", "idle", "on", "call.dial", 0, "target")) == (base, 9)
    assert file.place(("events", "client", 0)) == (base, 4)
    assert file.place(("events", "client", 2)) == (mine, 2)
    assert file.plain()["events"]["client"] == ["call.dial", "call.hang_up", "call.mute"]
    assert file.source(("states", "idle")) == base


def test_what_is_removed_is_gone_before_the_merge(tmp_path: Path) -> None:
    paths = written(
        tmp_path,
        mine="""\
        extends: base.yaml
        remove: [states.talking.on.call.hang_up, events.host.line.dead, states.idle.on.line.dead, states.talking]
        states:
          talking: {on: {call.hang_up: [{target: idle}]}}
        """,
    )
    file = LayeredFile.read(paths["mine"])
    assert file.findings == []
    assert file.plain()["events"] == {"client": ["call.dial", "call.hang_up"], "host": []}
    assert file.plain()["states"]["talking"] == {"on": {"call.hang_up": [{"target": "idle"}]}}
    assert file.place(("states", "talking", "on")) == (str(paths["mine"]), 4)
    assert check_machines({"phone": paths["mine"]}, VOCABULARY) == []


def test_rows_point_into_the_file_they_stand_in_and_count_for_it(tmp_path: Path) -> None:
    paths = written(
        tmp_path, mine="extends: base.yaml\nstates:\n  idle:\n    on:\n      line.dead: [{target: talking}]\n"
    )
    mine = load_machines({"phone": paths["mine"]}, VOCABULARY)["phone"]
    base = load_machines({"phone": paths["base"]}, VOCABULARY)["phone"]
    assert [(Path(row.file).name, row.line) for row in mine.rows] == [
        ("base.yaml", 9),
        ("base.yaml", 14),
        ("base.yaml", 15),
        ("mine.yaml", 5),
    ]
    coverage = Coverage()
    for plans in mine.table["idle"].values():
        for plan in plans:
            coverage.taken(plan)
    assert [row.line for row in coverage.tally(base).untaken] == [10, 14, 15]
    assert coverage.tally(mine, own=True).untaken == ()
    assert str(coverage.tally(mine, own=True)).endswith("mine.yaml: 1/1 rows, 0/0 states")


def test_findings_name_both_files(tmp_path: Path) -> None:
    paths = written(
        tmp_path,
        mine="""\
        extends: base.yaml
        remove: [states.talking]
        states:
          idel: {on: {line.dead: [{target: idle}]}}
          idle: {entry: [{call: lgo, with: {text: x}}]}
        """,
    )
    told = concise(check_machines({"phone": paths["mine"]}, VOCABULARY)).replace(f"{tmp_path}/", "").splitlines()
    assert told == [
        "base.yaml:4:30: warning SM301 no state handles the event 'call.hang_up' (as mine.yaml extends it)",
        "base.yaml:9:28: error SM203 unknown target state 'talking' (as mine.yaml extends it)",
        "mine.yaml:5:25: error SM402 unknown action 'lgo' (mine.yaml extends base.yaml)",
    ]


def test_a_slip_in_the_name_of_a_state_is_told_as_such(tmp_path: Path) -> None:
    paths = written(tmp_path, mine="extends: base.yaml\nstates:\n  talkin: {on: {line.dead: [{target: idle}]}}\n")
    (finding,) = check_machines({"phone": paths["mine"]}, VOCABULARY)
    assert (finding.code, finding.line, finding.hint) == ("SM302", 3, "did you mean 'talking'?")


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"mine": "extends: mine.yaml\n"}, "the file extends itself: "),
        ({"mine": "extends: other.yaml\n", "other": "extends: mine.yaml\n"}, "the file extends itself: "),
        ({"mine": "extends: nothing.yaml\n"}, "there is no file "),
    ],
)
def test_a_chain_that_leads_nowhere_is_refused(tmp_path: Path, files: dict[str, str], told: str) -> None:
    paths = written(tmp_path, **files)
    with pytest.raises(FileError) as caught:
        LayeredFile.read(paths["mine"])
    (finding,) = caught.value.findings
    assert (finding.code, finding.line, finding.col) == ("SM109", 1, 10)
    assert finding.message.startswith(told)


@pytest.mark.parametrize("value", ["[base.yaml]", "~", "3"])
def test_only_one_file_can_be_extended(tmp_path: Path, value: str) -> None:
    paths = written(tmp_path, mine=f"extends: {value}\n")
    (finding,) = check_machines({"phone": paths["mine"]}, VOCABULARY)
    assert (finding.code, finding.line) == ("SM010", 1)


def test_what_remove_misses_has_a_hint(tmp_path: Path) -> None:
    paths = written(tmp_path, mine="extends: base.yaml\nremove:\n  - states.idle.on.call.dail\n")
    (finding,) = LayeredFile.read(paths["mine"]).findings
    assert (finding.line, finding.col, finding.hint) == (3, 5, "did you mean 'states.idle.on.call.dial'?")
