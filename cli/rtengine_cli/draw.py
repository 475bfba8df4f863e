"""``rtengine draw``: machines as pictures."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from rtengine.chart.diagram import mermaid
from rtengine.chart.load import load_machines
from rtengine.chart.overlay import LayeredFile
from rtengine.drawing.graph import Graph, of_change, of_machine
from rtengine.drawing.mermaid import flowchart
from rtengine.drawing.png import png
from rtengine.drawing.svg import svg
from rtengine.drawing.system import of_system
from rtengine.errors import RtengineError
from rtengine.profile.shipped import find
from rtengine.session.vocabulary import VOCABULARY
from rtengine_cli.machine_set import default_set, machine_set
from rtengine_cli.output import writing


class Format(StrEnum):
    mermaid = "mermaid"
    svg = "svg"
    png = "png"


def draw(
    machine: Annotated[
        str | None,
        typer.Argument(help="Name of a shipped machine, or path of a file; all machines together without one."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", dir_okay=False, help="File to write; its suffix tells the format.")
    ] = None,
    format: Annotated[
        Format | None, typer.Option("--format", help="Else by the suffix of the output; Mermaid without one.")
    ] = None,
    changes: Annotated[bool, typer.Option("--changes", help="What the file changes in the one it extends.")] = False,
    guards: Annotated[bool, typer.Option("--guards/--no-guards", help="Conditions on the arrows.")] = False,
    staying: Annotated[
        bool, typer.Option("--staying", help="Also the rows that do not change the state (Mermaid).")
    ] = False,
    notes: Annotated[bool, typer.Option("--notes", help="Also what the states mean (Mermaid).")] = False,
) -> None:
    """Draw a machine, its changes of another, or all machines with the events between them."""
    kind = format or _by_suffix(output)
    if kind is Format.mermaid and machine is not None and not changes:
        role, files = machine_set(find("machines", machine))
        _write(mermaid(load_machines(files, VOCABULARY)[role], guards, staying, notes).encode(), output)
        return
    graph = _graph(machine, changes, guards)
    if kind is Format.mermaid:
        _write(flowchart(graph).encode(), output)
    else:
        picture = svg(graph)
        _write(picture.encode() if kind is Format.svg else png(picture), output)


def _graph(machine: str | None, changes: bool, guards: bool) -> Graph:
    if machine is None:
        return of_system(load_machines(default_set(), VOCABULARY).values())
    role, files = machine_set(find("machines", machine))
    definition = load_machines(files, VOCABULARY)[role]
    if not changes:
        return of_machine(definition, guards)
    chain = LayeredFile.read(files[role], VOCABULARY.find).names
    if len(chain) == 1:
        raise RtengineError(f"{chain[0]} extends no other file", "its first line would be `extends: turn`, or another")
    before = load_machines({**files, role: Path(chain[1])}, VOCABULARY)[role]
    return of_change(before, definition, guards)


def _by_suffix(output: Path | None) -> Format:
    if output is None or output.suffix in (".mmd", ".mermaid", ".md"):
        return Format.mermaid
    try:
        return Format(output.suffix.removeprefix("."))
    except ValueError:
        raise RtengineError(f"no format is known by the suffix {output.suffix!r}", "take .svg, .png or .mmd") from None


def _write(content: bytes, output: Path | None) -> None:
    if output is not None:
        with writing(output):
            output.write_bytes(content)
    else:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
