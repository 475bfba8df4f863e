"""Loading a session's files together."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.chart.words import VOCABULARY

from rtengine.chart.definition import Definition
from rtengine.chart.load import check_machines, load_machines
from rtengine.session.vocabulary import VOCABULARY as SESSION_VOCABULARY
from rtengine.source.finding import FileError

pytestmark = pytest.mark.unit

MACHINES = Path(__file__).parents[2] / "machines"

PHONE = """\
machine: phone
version: 1
context:
  call_id: {type: str, default: x}
events:
  host: [line.dead]
initial: idle
states:
  idle:
    on:
      line.dead:
        - target: over
  over: {final: true}
"""


def write(folder: Path, **texts: str) -> dict[str, Path]:
    files = {role: folder / f"{role}.yaml" for role in texts}
    for role, path in files.items():
        path.write_text(texts[role])
    return files


def test_good_files_become_definitions_by_role(tmp_path: Path) -> None:
    files = write(tmp_path, phone=PHONE, line=PHONE.replace("machine: phone", "machine: line"))
    machines = load_machines(files, VOCABULARY)
    assert list(machines) == ["phone", "line"]
    assert all(isinstance(definition, Definition) for definition in machines.values())
    (row,) = machines["phone"].rows
    assert (row.file, row.line) == (str(files["phone"]), 12)


def test_a_file_error_holds_the_findings_of_all_files(tmp_path: Path) -> None:
    files = write(
        tmp_path,
        phone=PHONE.replace("target: over", "target: ovr"),
        line="machine: line\nversion: 1\ninitail: x\nstates: {x: {}}\n",
        wire="machine: [\n",
    )
    with pytest.raises(FileError) as error:
        load_machines({**files, "absent": tmp_path / "absent.yaml"}, VOCABULARY)
    found = {(Path(f.file).stem, f.line, f.code) for f in error.value.findings}
    assert found == {("absent", 1, "SM001"), ("line", 3, "SM011"), ("phone", 12, "SM203"), ("wire", 2, "SM001")}


def test_warnings_do_not_keep_a_file_from_being_loaded(tmp_path: Path) -> None:
    files = write(tmp_path, phone=PHONE + "  lost: {}\n")
    (finding,) = check_machines(files, VOCABULARY)
    assert (finding.code, finding.severity) == ("SM302", "warning")
    assert list(load_machines(files, VOCABULARY)) == ["phone"]


def test_findings_are_in_the_order_of_files_and_lines(tmp_path: Path) -> None:
    text = PHONE.replace("default: x", "default: 3").replace("target: over", "target: ovr")
    files = write(tmp_path, phone=text, line=text.replace("machine: phone", "machine: line"))
    places = [(f.file, f.line) for f in check_machines(files, VOCABULARY)]
    assert places == sorted(places)
    assert len(places) == 4


def test_the_machines_that_ship_have_nothing_wrong_with_them() -> None:
    files = {path.stem: path for path in sorted(MACHINES.glob("*.yaml"))}
    assert files
    assert check_machines(files, SESSION_VOCABULARY) == []


def test_a_target_that_is_deeper_elsewhere_is_told_with_its_whole_path(tmp_path: Path) -> None:
    call = "  call: {initial: held, states: {held: {on: {line.dead: [{target: over}]}}}}\n"
    files = write(tmp_path, phone=PHONE.replace("target: over", "target: held") + call)
    hints = {finding.code: finding.hint for finding in check_machines(files, VOCABULARY)}
    assert hints["SM203"] == "did you mean 'call.held'?"
