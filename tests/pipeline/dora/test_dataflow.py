from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from rtengine.errors import RtengineError
from rtengine.pipeline.dora.dataflow import parse, read, write
from rtengine.pipeline.dora.stack import dora_command
from rtengine.profile.load import Profile, load_profile
from rtengine.profile.settings import PipelineSettings

pytestmark = pytest.mark.unit


def profile(**pipeline: object) -> Profile:
    given = load_profile("scripted")
    return replace(given, pipeline=PipelineSettings.model_validate({"host": "dora", **pipeline}))


def test_the_written_dataflow_has_a_node_for_every_stage() -> None:
    flow = parse(write(profile()))
    assert flow.replicas == {"transcribe": "transcribe", "generate": "generate", "speak": "speak"}
    assert flow.nodes == {"transcribe": "transcribe", "generate": "generate", "speak": "speak"}


def test_replicas_are_numbered() -> None:
    flow = parse(write(profile(replicas={"speak": 2})))
    assert flow.replicas == {
        "transcribe": "transcribe",
        "generate": "generate",
        "speak-1": "speak",
        "speak-2": "speak",
    }


def test_a_stage_without_a_model_has_no_node() -> None:
    given = profile()
    silent = replace(given, models={kind: model for kind, model in given.models.items() if kind != "voice"})
    assert "speak" not in parse(write(silent)).replicas


def test_a_stage_may_be_placed_on_a_machine() -> None:
    text = write(profile(machines={"speak": "gpu"}))
    assert text.count("deploy:") == 1
    assert "deploy: {machine: gpu}" in text
    assert parse(text).remote == {"speak"}
    assert parse(write(profile())).remote == set()


def test_the_text_goes_to_dora_as_it_is_written() -> None:
    text = write(profile())
    assert parse(text).text == text


def test_another_node_may_take_the_place_of_a_stage(tmp_path: Path) -> None:
    (tmp_path / "voice.py").touch()
    text = write(profile()).replace("speak/results", "mine/out").replace("- id: speak", "- id: mine")
    text = text.replace("path: python\n    args: -u -m rtengine.pipeline.dora.node --stage speak", "path: voice.py")
    head, _, voice = text.partition("- id: mine")
    text = f"{head}- id: mine{voice.replace('outputs: [results]', 'outputs: [out]')}"
    path = tmp_path / "flow.yml"
    path.write_text(text, encoding="utf-8")
    flow = read(path)
    assert flow.nodes["mine"] == "speak"
    assert str(tmp_path / "voice.py") in flow.text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nodes: [", "is not YAML"),
        ("nodes: 3", "no list of `nodes`"),
        ("nodes: [{id: speak, path: python}]", "no node 'server'"),
        ("nodes: [{id: server, path: dynamic, outputs: [speak], inputs: {tick: x}}]", "brings no results"),
        ("nodes: [{id: server, path: dynamic, outputs: [speak], inputs: {speak: a/b}}]", "gives the server no 'tick'"),
        ("nodes: [{id: server, path: dynamic, inputs: {tick: x}}]", "has no stage"),
    ],
)
def test_a_dataflow_the_server_cannot_run_is_refused(text: str, message: str) -> None:
    with pytest.raises(RtengineError, match=message):
        parse(text)


def test_a_dataflow_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RtengineError, match="cannot be read"):
        read(tmp_path / "none.yml")


@pytest.mark.parametrize("pipeline", [{}, {"replicas": {"transcribe": 3}, "machines": {"generate": "gpu"}}])
def test_dora_finds_no_fault_in_it(tmp_path: Path, pipeline: dict[str, object]) -> None:
    path = tmp_path / "flow.yml"
    path.write_text(write(profile(**pipeline)), encoding="utf-8")
    for command in (["validate", str(path)], ["graph", str(path), "--mermaid"]):
        found = subprocess.run([dora_command(), *command], capture_output=True, text=True, check=False, cwd=tmp_path)
        assert found.returncode == 0, found.stderr
