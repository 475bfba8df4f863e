from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tests.pipeline.dora.test_dataflow import profile

from rtengine.errors import RtengineError
from rtengine.pipeline.dora.dataflow import parse, read, write
from rtengine.pipeline.dora.host import dora_host
from rtengine.profile.load import load_profile

pytestmark = pytest.mark.unit

SOURCE, OUTPUTS, RESULTS = "{source: server/speak,", "outputs: [transcribe, generate, speak]", "speak/results"
ARGS = "args: -u -m rtengine.pipeline.dora.node --stage speak"


@pytest.mark.parametrize(
    ("changes", "message", "hint"),
    [
        (
            {
                OUTPUTS: "outputs: [transcribe, generate, speek]",
                SOURCE: "{source: server/speek,",
                "speak: {": "speek: {",
            },
            "The server's output 'speek' in the dataflow f is for no stage.",
            "did you mean 'speak'?",
        ),
        (
            {SOURCE: "{source: server/speek,"},
            "The input 'jobs' of 'speak' in the dataflow f comes from 'server/speek', which the server does not send.",
            "did you mean 'speak'?",
        ),
        (
            {SOURCE: "{source: server/generate,"},
            "No node of the dataflow f takes the server's output 'speak'.",
            "give one the input `jobs: {source: server/speak}`",
        ),
        (
            {RESULTS: "speak/result"},
            "The server's input 'speak' in the dataflow f comes from 'speak/result', which that node does not send.",
            "did you mean 'results'?",
        ),
        (
            {RESULTS: "speaker/results"},
            "The server's input 'speak' in the dataflow f comes from 'speaker/results', and there is no such node.",
            "did you mean 'speak'?",
        ),
        (
            {OUTPUTS: "outputs: [transcribe, generate]"},
            "The server's input 'speak' in the dataflow f belongs to none of its outputs.",
            "outputs: transcribe, generate",
        ),
        (
            {OUTPUTS: "outputs: speak"},
            "The `outputs` of the node 'server' in the dataflow f are not a list.",
            "",
        ),
    ],
)
def test_a_name_at_one_end_or_both_that_leads_nowhere_is_refused(
    changes: dict[str, str], message: str, hint: str
) -> None:
    text = write(profile())
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    with pytest.raises(RtengineError) as raised:
        parse(text, "f")
    assert (raised.value.message, raised.value.hint) == (message, hint)


def test_a_stage_of_the_profile_that_no_node_serves_is_refused_before_anything_is_started(tmp_path: Path) -> None:
    given = profile()
    silent = replace(given, models={kind: model for kind, model in given.models.items() if kind != "voice"})
    path = tmp_path / "flow.yml"
    path.write_text(write(silent), encoding="utf-8")
    served = replace(given, pipeline=given.pipeline.model_copy(update={"dataflow": str(path)}))
    with pytest.raises(RtengineError) as raised:
        dora_host(served)
    assert raised.value.message == (
        f"No node of the dataflow {path} serves the stage 'speak', for which the profile 'scripted' has a voice."
    )
    assert raised.value.hint == "see what the profile needs: rtengine dataflow scripted"


@pytest.mark.parametrize(
    ("change", "message", "hint"),
    [
        (
            ("path: python", "path: voice.py"),
            "has the path voice.py, where there is no file",
            "is relative to {folder}",
        ),
        (("path: python", "path: no-such-program"), "has the path no-such-program", "or a command of this machine"),
        ((ARGS, "args: -u -X dev none.py"), "runs none.py, where there is no file", "write an absolute path"),
        ((ARGS, "args: -u here.py --fast"), "runs here.py, where there is no file", "write `path: here.py`"),
        ((ARGS, "args: -u -Xmc none.py"), "runs none.py, where there is no file", "write an absolute path"),
        ((ARGS, "args: -u --check-hash-based-pycs m no.py"), "runs no.py, where there is no file", "an absolute path"),
    ],
)
def test_a_node_whose_file_is_missing_is_named_with_the_path(
    tmp_path: Path, change: tuple[str, str], message: str, hint: str
) -> None:
    (tmp_path / "here.py").touch()
    before, _, after = write(profile()).partition("- id: speak")
    path = tmp_path / "flow.yml"
    path.write_text(f"{before}- id: speak{after.replace(*change)}", encoding="utf-8")
    with pytest.raises(RtengineError) as raised:
        read(path)
    assert f"The node 'speak' of the dataflow {path} " in raised.value.message
    assert message in raised.value.message
    assert hint.format(folder=tmp_path) in raised.value.hint


@pytest.mark.parametrize(
    "change",
    [
        ("path: python", "path: here.py"),
        ("path: python", f"path: {sys.executable}"),
        ("path: python", "path: $HOME/voice"),
        ("path: python", "path: https://example.org/voice"),
        ("path: python", "path: shell"),
        ("path: python", "path: elsewhere.py\n    deploy: {machine: gpu}"),
        (ARGS, f"args: -u {__file__} none.py"),
        (ARGS, "args: -c pass"),
        (ARGS, "args: -um package.module"),
        (ARGS, "args: -uBcpass"),
    ],
)
def test_a_file_that_is_there_or_that_may_be_elsewhere_is_not_refused(tmp_path: Path, change: tuple[str, str]) -> None:
    (tmp_path / "here.py").touch()
    before, _, after = write(profile()).partition("- id: speak")
    path = tmp_path / "flow.yml"
    path.write_text(f"{before}- id: speak{after.replace(*change)}", encoding="utf-8")
    assert "speak" in read(path).replicas


BELOW = """nodes:
  - {id: server, path: dynamic, inputs: {tick: dora/timer/millis/20, generate: chat/op/results}, outputs: [generate]}
  - {id: chat, %s}
"""
OPERATOR = "{python: chat.py, inputs: {1: {source: server/%s}}, outputs: [results]}"


@pytest.mark.parametrize("key", ["operator: %s", "operators: [%s]", "custom: %s"])
def test_an_input_may_stand_below_an_operator_and_be_a_number(key: str) -> None:
    text = BELOW % key
    assert "generate" in parse(text % (OPERATOR % "generate"), "f").replicas
    with pytest.raises(RtengineError) as raised:
        parse(text % (OPERATOR % "generat"), "f")
    assert raised.value.message == (
        "The input '1' of 'chat' in the dataflow f comes from 'server/generat', which the server does not send."
    )


def test_an_input_of_the_server_that_is_a_number_is_refused_by_its_name() -> None:
    with pytest.raises(RtengineError) as raised:
        parse(write(profile()).replace("      tick: ", "      1: chat/results\n      tick: "), "f")
    assert raised.value.message == "The server's input '1' in the dataflow f belongs to none of its outputs."


def test_inputs_of_an_operator_that_are_no_mapping_are_refused() -> None:
    text = write(profile()) + "  - {id: other, operator: {python: other.py, inputs: [server/speak]}}\n"
    with pytest.raises(RtengineError) as raised:
        parse(text, "f")
    assert raised.value.message == "The `inputs` of the node 'other' in the dataflow f are not a mapping."


def test_arguments_that_are_no_command_line_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "flow.yml"
    path.write_text(write(profile()).replace(ARGS, 'args: -u "foo'), encoding="utf-8")
    with pytest.raises(RtengineError) as raised:
        read(path)
    assert raised.value.message == (
        f"The `args` of the node 'speak' in the dataflow {path} are no command line: No closing quotation."
    )


def test_the_examples_fit() -> None:
    examples = sorted((Path(__file__).parents[3] / "examples" / "dora").glob("*.yml"))
    assert examples
    for path in examples:
        served = load_profile("scripted").pipeline.model_copy(update={"host": "dora", "dataflow": str(path)})
        dora_host(replace(load_profile("scripted"), pipeline=served))
