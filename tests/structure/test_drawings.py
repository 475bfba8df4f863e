"""The drawings of the documentation are those of the machine files as they are."""

from __future__ import annotations

import pytest
from tests.structure.drawings import FOLDER, graphs

from rtengine.drawing.graph import Graph
from rtengine.drawing.svg import svg

pytestmark = pytest.mark.unit

GRAPHS = dict(graphs())


@pytest.mark.parametrize("name", GRAPHS)
def test_a_kept_drawing_is_current(name: str) -> None:
    graph: Graph = GRAPHS[name]
    assert (FOLDER / name).read_text(encoding="utf-8") == svg(graph), "run `make drawings`"


def test_nothing_else_is_kept() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(GRAPHS)
