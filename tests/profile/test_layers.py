from __future__ import annotations

from pathlib import Path

import pytest

from rtengine.profile.layers import Layers, merge
from rtengine.profile.load import load_profile
from rtengine.source.finding import FileError

pytestmark = pytest.mark.unit


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_mappings_merge_by_key_and_the_rest_is_replaced() -> None:
    base = {"a": {"x": 1, "y": [1, 2]}, "b": 1}
    assert merge(base, {"a": {"y": [3]}, "c": None}) == {"a": {"x": 1, "y": [3]}, "b": 1, "c": None}


@pytest.mark.parametrize("key", ["adapter", "type"])
def test_a_mapping_of_another_kind_replaces_the_whole(key: str) -> None:
    assert merge({key: "a", "x": 1}, {key: "b"}) == {key: "b"}
    assert merge({key: "a", "x": 1}, {key: "a", "y": 2}) == {key: "a", "x": 1, "y": 2}
    assert merge({key: "a", "x": 1}, {"y": 2}) == {key: "a", "x": 1, "y": 2}


def test_null_removes_what_the_base_had() -> None:
    assert merge({"voice": {"adapter": "hibari"}}, {"voice": None}) == {"voice": None}


def test_every_value_knows_its_file(tmp_path: Path) -> None:
    write(tmp_path, "base.yaml", "limits: {sessions: 3, session_seconds: 60}\nmachines: {turn: turn}\n")
    leaf = write(tmp_path, "sub/leaf.yaml", "extends: ../base.yaml\nlimits: {sessions: 5}\n")
    layers = Layers.read(leaf)
    assert layers.document["limits"] == {"sessions": 5, "session_seconds": 60}
    assert layers.origin(("limits", "sessions")).path == leaf
    assert layers.origin(("limits", "session_seconds")).path.name == "base.yaml"
    assert layers.origin(("machines", "turn")).path.name == "base.yaml"
    assert layers.origin(("limits", "unheard_of")).path == leaf
    assert layers.origin(("nothing",)).path == leaf


def test_a_chain_of_three_merges_from_its_end(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", "limits: {sessions: 1, buffer_seconds: 1, context_tokens: 1}\n")
    write(tmp_path, "b.yaml", "extends: a.yaml\nlimits: {sessions: 2, buffer_seconds: 2}\n")
    leaf = write(tmp_path, "c.yaml", "extends: b.yaml\nlimits: {sessions: 3}\n")
    assert Layers.read(leaf).document["limits"] == {"sessions": 3, "buffer_seconds": 2, "context_tokens": 1}


def test_name_version_and_doc_are_not_inherited(tmp_path: Path) -> None:
    write(tmp_path, "base.yaml", "profile: base\nversion: 1\ndoc: the base\n")
    leaf = write(tmp_path, "leaf.yaml", "extends: base.yaml\n")
    layers = Layers.read(leaf)
    assert layers.document == {"extends": "base.yaml"}
    assert layers.origin(("version",)).path == leaf


def test_a_profile_that_extends_itself_is_found(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", "extends: b.yaml\n")
    write(tmp_path, "b.yaml", "profile: b\nextends: a.yaml\n")
    with pytest.raises(FileError) as caught:
        Layers.read(tmp_path / "a.yaml")
    (finding,) = caught.value.findings
    assert (finding.code, Path(finding.file).name, finding.line, finding.col) == ("PF101", "b.yaml", 2, 10)
    assert "extends itself" in finding.message


@pytest.mark.parametrize(
    ("reference", "words"), [("defualt", "did you mean 'default'?"), ("./none.yaml", "there is no file")]
)
def test_a_base_that_is_not_there_is_found_where_it_is_named(tmp_path: Path, reference: str, words: str) -> None:
    leaf = write(tmp_path, "leaf.yaml", f"profile: leaf\nextends: {reference}\n")
    with pytest.raises(FileError) as caught:
        Layers.read(leaf)
    (finding,) = caught.value.findings
    assert (finding.code, finding.line, finding.col) == ("PF101", 2, 10)
    assert words in finding.message + finding.hint


def test_a_dataflow_is_relative_to_the_profile_that_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "base").mkdir()
    base = "profile: base\nversion: 1\nextends: scripted\npipeline: {host: dora, dataflow: flow.yml}\n"
    (tmp_path / "base" / "base.yaml").write_text(base, encoding="utf-8")
    mine = tmp_path / "mine.yaml"
    mine.write_text("profile: mine\nversion: 1\nextends: base/base.yaml\n", encoding="utf-8")
    monkeypatch.chdir("/")
    for path in (tmp_path / "base" / "base.yaml", mine):
        assert load_profile(path, {}).pipeline.dataflow == str(tmp_path / "base" / "flow.yml")
    absolute = mine.read_text("utf-8") + "pipeline: {dataflow: /srv/flow.yml}\n"
    mine.write_text(absolute, encoding="utf-8")
    assert load_profile(mine, {}).pipeline.dataflow == "/srv/flow.yml"
    assert load_profile("scripted", {}).pipeline.dataflow is None
