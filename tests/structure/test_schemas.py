"""The JSON Schemas beside the shipped YAML are those of the code."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest

from rtengine.profile.shipped import shipped, shipped_files, shipped_variants
from rtengine.source.file import SourceFile
from rtengine_cli.schema import Kind, text

pytestmark = pytest.mark.unit

KEPT = {
    Kind.machine: shipped("machines") / "schema.json",
    Kind.profile: shipped("profiles") / "schema.json",
    Kind.scenario: shipped("machines") / "scenario.schema.json",
}
FILES = [
    *shipped_files("machines").values(),
    *shipped_files("profiles").values(),
    *shipped_variants().values(),
    *sorted((shipped("machines") / "variants" / "scenarios").iterdir()),
]
MODELINE = re.compile(r"# yaml-language-server: \$schema=(\S+)\n")


@pytest.mark.parametrize("kind", Kind)
def test_the_schema_in_the_folder_is_current(kind: Kind) -> None:
    kept = KEPT[kind].read_text(encoding="utf-8")
    assert kept == text(kind), f"run `make schemas`: {kind} files have a new schema"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_shipped_file_names_its_schema_and_fits_it(path: Path) -> None:
    named = MODELINE.match(path.read_text(encoding="utf-8"))
    assert named is not None
    kept = (path.parent / named[1]).resolve()
    assert kept in [known.resolve() for known in KEPT.values()]
    schema = json.loads(kept.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(SourceFile.read(path).plain(), schema)
