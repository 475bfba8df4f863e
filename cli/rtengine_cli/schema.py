"""``rtengine schema``: JSON Schemas for editors."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Any

import typer

from rtengine.chart.overlay import LayeredFile
from rtengine.chart.schema import machine_schema
from rtengine.profile.schema import profile_schema
from rtengine.profile.shipped import shipped_files, shipped_variants
from rtengine.scenarios.document import ScenarioFile
from rtengine.session.vocabulary import VOCABULARY


class Kind(StrEnum):
    machine = "machine"
    profile = "profile"
    scenario = "scenario"


def schema(kind: Annotated[Kind, typer.Argument(help="What the file is.")]) -> None:
    """Print the JSON Schema of machine files, profiles or scenarios, for completion in an editor."""
    typer.echo(text(kind), nl=False)


def text(kind: Kind) -> str:
    """The schema as it is kept beside the shipped files."""
    if kind is Kind.profile:
        found: dict[str, Any] = profile_schema()
    elif kind is Kind.scenario:
        found = ScenarioFile.model_json_schema()
        found["title"] = "rtengine scenario"
    else:
        files = {**shipped_files("machines"), **shipped_variants()}
        docs = {name: LayeredFile.read(path, VOCABULARY.find).plain().get("doc", "") for name, path in files.items()}
        found = machine_schema(VOCABULARY, {name: " ".join(str(doc).split()) for name, doc in docs.items()})
    return (
        json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **found}, indent=1, ensure_ascii=False)
        + "\n"
    )
