"""``rtengine schema``: JSON Schemas for editors."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Any

import typer

from rtengine.chart.document import MachineFile
from rtengine.profile.schema import profile_schema
from rtengine.scenarios.document import ScenarioFile


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
        found = MachineFile.model_json_schema()
        found["title"] = "rtengine machine"
    return (
        json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **found}, indent=1, ensure_ascii=False)
        + "\n"
    )
