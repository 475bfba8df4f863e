"""A graph as a Mermaid flow chart: for what a state diagram of Mermaid cannot show."""

from __future__ import annotations

from collections.abc import Iterator

from rtengine.chart.diagram import escaped
from rtengine.drawing.graph import Box, Graph

STYLES = {
    "added": "fill:#e6f6ee,stroke:#18794e",
    "removed": "fill:#fdeaea,stroke:#c43030,stroke-dasharray:4 3",
    "changed": "fill:#fff4de,stroke:#a86400",
}


def flowchart(graph: Graph) -> str:
    """The diagram's text, with a newline at its end."""
    lines = ["flowchart LR", *(line for box in graph.boxes for line in _box(box, 1))]
    styles: list[str] = []
    for number, arrow in enumerate(graph.arrows):
        text = "<br/>".join(escaped(label.signed) for label in arrow.labels)
        line = "-.->" if arrow.dashed or arrow.mark == "removed" else "-->"
        lines.append(f'    {_id(arrow.source)} {line}|"{text}"| {_id(arrow.target)}')
        if arrow.mark:
            styles.append(f"    linkStyle {number} stroke:{STYLES[arrow.mark].partition('stroke:')[2].split(',')[0]}")
    lines += styles + [f"    classDef {mark} {STYLES[mark]}" for mark in graph.legend]
    return "\n".join(lines) + "\n"


def _box(box: Box, depth: int) -> Iterator[str]:
    indent = "    " * depth
    marked = f":::{box.mark}" if box.mark else ""
    name = "<br/>".join(map(escaped, (box.name, *box.notes)))
    if box.children:
        yield f'{indent}subgraph {_id(box.id)}["{name}"]'
        for child in box.children:
            yield from _box(child, depth + 1)
        yield f"{indent}end"
        if box.mark:
            yield f"{indent}class {_id(box.id)} {box.mark}"
    else:
        yield f'{indent}{_id(box.id)}("{name}"){marked}'


def _id(path: str) -> str:
    """Never one of Mermaid's own words."""
    return "s_" + path.replace(".", "__").strip("()")
