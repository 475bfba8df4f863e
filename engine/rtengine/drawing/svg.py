"""A graph as SVG. The same machine always gives the same text, so that a kept drawing can be compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from rtengine.drawing.graph import Arrow, Box, Graph, Label
from rtengine.drawing.layout import LABEL_SIZE, LINE_HEIGHT, NAME_SIZE, laid_out

COLOURS = {"": "#5b6b82", "added": "#18794e", "removed": "#c43030", "changed": "#a86400"}
FILLS = {"": "#ffffff", "added": "#e6f6ee", "removed": "#fdeaea", "changed": "#fff4de"}
LEGEND_HEIGHT = 26
CORNER = 5.0

STYLE = f"""
text {{ font-family: Helvetica, Arial, 'Liberation Sans', sans-serif; fill: #1b2330; }}
.name {{ font-size: {NAME_SIZE}px; font-weight: 600; }}
.note, .label {{ font-size: {LABEL_SIZE}px; }}
.note {{ fill: #5b6b82; }}
.label {{ paint-order: stroke; stroke: #ffffff; stroke-width: 3px; stroke-linejoin: round; }}
.line {{ fill: none; stroke-width: 1.3px; }}
"""


def svg(graph: Graph) -> str:
    """Raises RtengineError when it cannot be laid out."""
    laid = laid_out(graph)
    boxes = {box.id: box for box in _every(graph.boxes)}
    wide, high = laid["width"], laid["height"] + (LEGEND_HEIGHT if graph.legend else 0)
    size, box = f'width="{wide:g}" height="{high:g}"', f'viewBox="0 0 {wide:g} {high:g}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {box} role="img" aria-label={quoteattr(graph.title)}>',
        f"<style>{STYLE}</style>",
        f'<rect {size} rx="8" fill="#ffffff"/>',
        *_nodes(laid, boxes, 0.0, 0.0, 0),
    ]
    offsets = dict(_offsets(laid, 0.0, 0.0))
    arrows = {f"e{number}": arrow for number, arrow in enumerate(graph.arrows)}
    edges = list(_edges(laid))
    for edge in edges:
        lines.append(_line(edge, arrows.get(edge["id"]), offsets))
    for edge in edges:
        lines += _labels(edge, arrows.get(edge["id"]), offsets)
    lines += _legend(graph, laid["height"])
    return "\n".join([*lines, "</svg>", ""])


def _every(boxes: tuple[Box, ...]) -> Iterator[Box]:
    for box in boxes:
        yield box
        yield from _every(box.children)


def _offsets(node: Mapping[str, Any], x: float, y: float) -> Iterator[tuple[str, tuple[float, float]]]:
    """Where each node stands: edges are placed relative to the node that contains them."""
    yield node["id"], (x, y)
    for child in node.get("children", ()):
        yield from _offsets(child, x + child["x"], y + child["y"])


def _edges(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from node.get("edges", ())
    for child in node.get("children", ()):
        yield from _edges(child)


def _nodes(node: Mapping[str, Any], boxes: Mapping[str, Box], x: float, y: float, depth: int) -> Iterator[str]:
    for child in node.get("children", ()):
        left, top = x + child["x"], y + child["y"]
        box = boxes.get(child["id"])
        if box is None:  # where a state begins
            middle = child["width"] / 2
            yield f'<circle cx="{left + middle:g}" cy="{top + middle:g}" r="{middle:g}" fill="#1b2330"/>'
        else:
            yield from _box(box, left, top, child["width"], child["height"], depth)
            yield from _nodes(child, boxes, left, top, depth + 1)


def _box(box: Box, x: float, y: float, wide: float, high: float, depth: int) -> Iterator[str]:
    within = ("#f6f7f9", "#eef1f6", "#e6eaf2")[min(depth, 2)]
    fill = within if box.children and box.mark in ("", "changed") else FILLS[box.mark]
    dashes = ' stroke-dasharray="4 3"' if box.kind == "any" or box.mark == "removed" else ""
    colour = COLOURS[box.mark]
    frame = f'height="{high:g}" fill="{fill}" stroke="{colour}" stroke-width="1.3"{dashes}'
    yield f'<rect x="{x:g}" y="{y:g}" width="{wide:g}" rx="8" {frame}/>'
    if box.kind == "final":
        yield (
            f'<rect x="{x + 3:g}" y="{y + 3:g}" width="{wide - 6:g}" height="{high - 6:g}" rx="6" fill="none" '
            f'stroke="{colour}" stroke-width="1"/>'
        )
    if box.children:
        yield _text("name", x + 13, y + 20, box.name)
        return
    middle, first = x + wide / 2, y + (high - LINE_HEIGHT * len(box.notes)) / 2 + 4.5
    yield _text("name", middle, first, box.name, "middle")
    for number, note in enumerate(box.notes):
        yield _text("note", middle, first + LINE_HEIGHT * (number + 1), note, "middle")


def _line(edge: Mapping[str, Any], arrow: Arrow | None, offsets: Mapping[str, tuple[float, float]]) -> str:
    x, y = offsets[edge.get("container", "root")]
    (section,) = edge["sections"]
    points = [section["startPoint"], *section.get("bendPoints", ()), section["endPoint"]]
    places = [(point["x"] + x, point["y"] + y) for point in points]
    colour = COLOURS[arrow.mark] if arrow else "#1b2330"
    dashed = arrow is not None and (arrow.dashed or arrow.mark == "removed")
    dashes = ' stroke-dasharray="5 4"' if dashed else ""
    return f'<path class="line" d="{_rounded(places)}" stroke="{colour}"{dashes}/>{_tip(places, colour)}'


def _rounded(points: list[tuple[float, float]]) -> str:
    """A path with round corners."""
    parts = [f"M{points[0][0]:g} {points[0][1]:g}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        start, end = _towards(corner, before), _towards(corner, after)
        parts.append(f"L{start[0]:g} {start[1]:g}Q{corner[0]:g} {corner[1]:g} {end[0]:g} {end[1]:g}")
    parts.append(f"L{points[-1][0]:g} {points[-1][1]:g}")
    return "".join(parts)


def _towards(corner: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    length = max(abs(other[0] - corner[0]), abs(other[1] - corner[1])) or 1.0
    share = min(CORNER, length / 2) / length
    return corner[0] + (other[0] - corner[0]) * share, corner[1] + (other[1] - corner[1]) * share


def _tip(points: list[tuple[float, float]], colour: str) -> str:
    """An arrow head; the last piece of a line is horizontal or vertical."""
    (x0, y0), (x, y) = points[-2:]
    dx, dy = (1 if x > x0 else -1, 0) if abs(x - x0) > abs(y - y0) else (0, 1 if y > y0 else -1)
    left, right = (x - 7 * dx - 3.5 * dy, y - 7 * dy + 3.5 * dx), (x - 7 * dx + 3.5 * dy, y - 7 * dy - 3.5 * dx)
    return f'<path d="M{x:g} {y:g}L{left[0]:g} {left[1]:g}L{right[0]:g} {right[1]:g}z" fill="{colour}"/>'


def _labels(edge: Mapping[str, Any], arrow: Arrow | None, offsets: Mapping[str, tuple[float, float]]) -> Iterator[str]:
    if arrow is None:
        return
    x, y = offsets[edge.get("container", "root")]
    place = edge["labels"][0]
    for number, label in enumerate(arrow.labels):
        top = place["y"] + y + LINE_HEIGHT * number + LABEL_SIZE
        yield _text("label", place["x"] + x + 3, top, label.signed, colour=_colour(label, arrow))


def _colour(label: Label, arrow: Arrow) -> str:
    mark = label.mark or arrow.mark
    return COLOURS[mark] if mark else ""


def _legend(graph: Graph, top: float) -> Iterator[str]:
    left = 16.0
    for mark in graph.legend:
        yield (
            f'<rect x="{left:g}" y="{top + 2:g}" width="14" height="12" rx="3" fill="{FILLS[mark]}" '
            f'stroke="{COLOURS[mark]}"/>'
        )
        yield _text("note", left + 19, top + 12, mark)
        left += 90


def _text(style: str, x: float, y: float, text: str, anchor: str = "", colour: str = "") -> str:
    placed = f' text-anchor="{anchor}"' if anchor else ""
    painted = f' style="fill:{colour}"' if colour else ""
    return f'<text class="{style}" x="{x:g}" y="{y:g}"{placed}{painted}>{escape(text)}</text>'
