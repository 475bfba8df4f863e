"""Where everything stands: the Eclipse Layout Kernel, the same that lays out the live view.

It is JavaScript. ``mini-racer`` brings an engine along (`rtengine[draw]`); without it an installed node will do.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from rtengine.drawing.graph import Arrow, Box, Graph
from rtengine.drawing.metrics import width
from rtengine.errors import RtengineError

NAME_SIZE = 13
LABEL_SIZE = 11
LINE_HEIGHT = 14
DOT = 9
SECONDS = 60

_KERNEL = Path(__file__).parent.parent / "server" / "pages" / "inspect" / "elk" / "elk-worker.min.js"
_ROOT = {
    "elk.algorithm": "layered",
    "elk.hierarchyHandling": "INCLUDE_CHILDREN",
    "elk.edgeRouting": "ORTHOGONAL",
    "elk.layered.spacing.nodeNodeBetweenLayers": "28",
    "elk.spacing.nodeNode": "22",
    "elk.spacing.edgeNode": "12",
    "elk.spacing.edgeEdge": "9",
    "elk.spacing.edgeLabel": "4",
    "elk.layered.spacing.edgeNodeBetweenLayers": "12",
    "elk.layered.considerModelOrder.strategy": "NODES_AND_EDGES",
    "elk.padding": "[top=16,left=16,bottom=16,right=16]",
}
_INSIDE = {"elk.padding": "[top=34,left=14,bottom=14,right=14]"}

# The kernel is a worker: its dispatcher gets messages and posts answers. Here both are plain calls.
_SCRIPT = """
var module = {exports: {}}, exports = module.exports, answer = null;
globalThis.global = globalThis;
globalThis.setTimeout = function (f) { f(); return 0; };
globalThis.clearTimeout = function () {};
%s
var worker = new module.exports.Worker();
worker.onmessage = function (message) { answer = message.data; };
worker.postMessage({id: 0, cmd: "register", algorithms: ["layered"]});
worker.postMessage({id: 1, cmd: "layout", graph: %s, layoutOptions: {}, options: {}});
"""


def laid_out(graph: Graph) -> dict[str, Any]:
    """The graph in the kernel's own JSON, with places. Downwards or to the right, whichever is closer to a page.

    Raises RtengineError when there is no JavaScript engine.
    """
    both = [_layout(_kernel_graph(graph, direction)) for direction in ("RIGHT", "DOWN")]
    return min(both, key=lambda laid: max(laid["width"] / 1.5, laid["height"]))


def _kernel_graph(graph: Graph, direction: str) -> dict[str, Any]:
    edges = [_edge(f"e{number}", arrow) for number, arrow in enumerate(graph.arrows)]
    starts = [(f"{box.id} •", box.initial) for box in _nested(graph.boxes) if box.initial]
    starts += [(" •", graph.initial)] if graph.initial else []
    edges += [{"id": f"start {source}", "sources": [source], "targets": [target]} for source, target in starts]
    children = [_node(box) for box in graph.boxes]
    if graph.initial:
        children.insert(0, {"id": " •", "width": DOT, "height": DOT})
    return {
        "id": "root", "layoutOptions": {**_ROOT, "elk.direction": direction}, "children": children, "edges": edges
    }  # fmt: skip


def _node(box: Box) -> dict[str, Any]:
    wide = max(56, width(box.name, NAME_SIZE) + 26, *(width(note, LABEL_SIZE) + 24 for note in box.notes), 0)
    if not box.children:
        return {"id": box.id, "width": wide, "height": 30 + LINE_HEIGHT * len(box.notes)}
    dot = [{"id": f"{box.id} •", "width": DOT, "height": DOT}] if box.initial else []
    options = {**_INSIDE, "elk.nodeSize.constraints": "MINIMUM_SIZE", "elk.nodeSize.minimum": f"({wide}, 40)"}
    return {"id": box.id, "children": [*dot, *map(_node, box.children)], "layoutOptions": options}


def _edge(name: str, arrow: Arrow) -> dict[str, Any]:
    lines = [label.signed for label in arrow.labels]
    wide = max((width(line, LABEL_SIZE) for line in lines), default=0) + 6
    label = {"text": "\n".join(lines), "width": wide, "height": LINE_HEIGHT * len(lines) + 2}
    return {"id": name, "sources": [arrow.source], "targets": [arrow.target], "labels": [label]}


def _nested(boxes: tuple[Box, ...]) -> list[Box]:
    return [inner for box in boxes for inner in (box, *_nested(box.children))]


def _layout(graph: dict[str, Any]) -> dict[str, Any]:
    script = _SCRIPT % (_KERNEL.read_text(encoding="utf-8"), json.dumps(graph))
    answer = _run(script)
    if answer is None or "error" in answer:
        raise RtengineError("the layout failed", str(answer and answer["error"])[:200])
    laid: dict[str, Any] = answer["data"]
    return laid


def _run(script: str) -> dict[str, Any] | None:
    try:
        from py_mini_racer import MiniRacer
    except ImportError:
        node = shutil.which("node")
        if node is None:
            hint = "pip install 'rtengine[draw]', or install node; --format mermaid needs neither"
            raise RtengineError("a drawing needs a JavaScript engine for its layout", hint) from None
        done = subprocess.run(
            [node, "-"], input=script + "\nconsole.log(JSON.stringify(answer));", capture_output=True, text=True,
            timeout=SECONDS, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RtengineError("node could not lay out the drawing", done.stderr.strip()[-200:]) from None
        found: dict[str, Any] | None = json.loads(done.stdout)
        return found
    engine = MiniRacer()
    answer: dict[str, Any] | None = json.loads(str(engine.eval(script + "\nJSON.stringify(answer)")))
    return answer
