"""The drawings of the documentation. ``python -m tests.structure.drawings`` writes them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rtengine.chart.load import load_machines
from rtengine.chart.overlay import LayeredFile
from rtengine.drawing.graph import Graph, of_change, of_machine
from rtengine.drawing.svg import svg
from rtengine.drawing.system import of_system
from rtengine.profile.shipped import shipped_files, shipped_variants
from rtengine.session.vocabulary import VOCABULARY

FOLDER = Path(__file__).parents[2] / "docs" / "drawings"


def graphs() -> Iterator[tuple[str, Graph]]:
    """File name and graph of each."""
    files = shipped_files("machines")
    machines = load_machines(files, VOCABULARY)
    yield "machines.svg", of_system(machines.values())
    for name, definition in machines.items():
        yield f"{name}.svg", of_machine(definition)
    for name, path in shipped_variants().items():
        part = LayeredFile.read(path, VOCABULARY.find).plain()["machine"]
        changed = load_machines({**files, part: path}, VOCABULARY)[part]
        yield f"{name}.svg", of_change(machines[part], changed)


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, graph in graphs():
        (FOLDER / name).write_text(svg(graph), encoding="utf-8")
