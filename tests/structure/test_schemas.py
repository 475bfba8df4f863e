"""The JSON Schemas beside the shipped YAML are those of the code."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from rtengine.profile.shipped import shipped, shipped_files
from rtengine.source.file import SourceFile
from rtengine_cli.schema import Kind, text

pytestmark = pytest.mark.unit

FOLDERS = {Kind.machine: shipped("machines"), Kind.profile: shipped("profiles")}


@pytest.mark.parametrize("kind", Kind)
def test_the_schema_in_the_folder_is_current(kind: Kind) -> None:
    kept = (FOLDERS[kind] / "schema.json").read_text(encoding="utf-8")
    assert kept == text(kind), f"run `make schemas`: {kind} files have a new schema"


@pytest.mark.parametrize("path", [*shipped_files("machines").values(), *shipped_files("profiles").values()], ids=str)
def test_a_shipped_file_fits_its_schema(path: Path) -> None:
    kind = Kind.machine if path.parent == FOLDERS[Kind.machine] else Kind.profile
    schema = json.loads(text(kind))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(SourceFile.read(path).plain(), schema)
