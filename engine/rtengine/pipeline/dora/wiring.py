"""Whether a dataflow's parts fit: who takes what the server sends, whose results it gets, which file each node is.

dora starts a dataflow in which a name is misspelt as readily as any other; its messages then go nowhere.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rtengine.errors import RtengineError
from rtengine.pipeline.dora.attachment import TICK
from rtengine.pipeline.dora.stack import node_environment
from rtengine.pipeline.stage import STAGES
from rtengine.source.suggestion import suggest

SERVER = "server"
PORT = re.compile(rf"^({'|'.join(STAGES)})(?:-\d+)?$")
_ELSEWHERE = ("dynamic", "shell")
"""Paths that name no file: a node that attaches itself, and a command line."""
_WITH_VALUE = ("-W", "-X", "--check-hash-based-pycs")
"""Options of a Python interpreter that take the next argument."""
_NO_FILE = re.compile(r"-[A-VYZa-z]*?[mc]")
"""Those that run a module or a command, also behind others in one word: ``-um``."""
_BELOW = ("operator", "operators", "custom")
"""Keys of a node below which inputs and outputs stand."""

Node = Mapping[str, Any]


def check_ports(nodes: Iterable[Node], server: Node, shown: str) -> None:
    """Whether each output of the server is for a stage and taken, and each input sent. Raises RtengineError."""
    nodes = list(nodes)
    outputs, inputs = ports(server, "outputs", shown), ports(server, "inputs", shown)
    for output in outputs:
        if PORT.match(output) is None:
            message = f"The server's output '{output}' in the dataflow {shown} is for no stage."
            raise RtengineError(message, suggest(output, STAGES, "stages"))
    for port in inputs:
        if port != TICK and port not in outputs:
            message = f"The server's input '{port}' in the dataflow {shown} belongs to none of its outputs."
            raise RtengineError(message, suggest(port, outputs, "outputs"))
    taken = set()
    for node, port, sender, output in _from_nodes(nodes, shown):
        if sender == SERVER:
            taken.add(output)
            if output not in outputs:
                message = f"The input '{port}' of '{node}' in the dataflow {shown} comes from 'server/{output}'"
                raise RtengineError(f"{message}, which the server does not send.", suggest(output, outputs, "outputs"))
        elif node == SERVER and port in outputs:
            _check_sender(nodes, port, sender, output, shown)
    for output in outputs:
        if output not in taken:
            message = f"No node of the dataflow {shown} takes the server's output '{output}'."
            raise RtengineError(message, f"give one the input `jobs: {{source: {SERVER}/{output}}}`")


def check_files(nodes: Iterable[Node], folder: Path, shown: str) -> None:
    """Whether the file of each node that runs on this machine is there. Raises RtengineError."""
    search = node_environment()["PATH"]
    for node in nodes:
        path = node.get("path")
        if not isinstance(path, str) or path in _ELSEWHERE or "://" in path or "$" in path or node.get("deploy"):
            continue
        if not (folder / path).is_file() and shutil.which(path, path=search) is None:
            message = (
                f"The node '{node.get('id')}' of the dataflow {shown} has the path {path}, where there is no file."
            )
            raise RtengineError(message, f"a path is relative to {folder.resolve()}, or a command of this machine")
        try:
            script = _script(path, node.get("args"))
        except ValueError as error:
            message = f"The `args` of the node '{node.get('id')}' in the dataflow {shown} are no command line"
            raise RtengineError(f"{message}: {error}.") from error
        if script is not None and not (os.path.isabs(script) and os.path.isfile(script)):
            message = f"The node '{node.get('id')}' of the dataflow {shown} runs {script}, where there is no file."
            hint = "arguments are not relative to the dataflow: write an absolute path"
            if (folder / script).is_file():
                hint = f"write `path: {script}`, which is relative to the dataflow; arguments are not"
            raise RtengineError(message, hint)


def ports(node: Node, kind: str, shown: str) -> list[str]:
    """The names of a node's ``inputs`` or ``outputs``. Raises RtengineError."""
    given, wanted = node.get(kind) or (), dict if kind == "inputs" else list
    if given and not isinstance(given, wanted):
        form = "a mapping" if wanted is dict else "a list"
        raise RtengineError(f"The `{kind}` of the node '{node.get('id')}' in the dataflow {shown} are not {form}.")
    return [str(name) for name in given]


def sources(node: Node, shown: str) -> dict[str, str]:
    """Where each of a node's inputs comes from, as ``node/output``. Raises RtengineError."""
    ports(node, "inputs", shown)
    return {str(port): source_of(given) for port, given in (node.get("inputs") or {}).items()}


def source_of(given: Any) -> str:
    """``node/output``, also where it stands in a mapping with a queue's size."""
    return str(given.get("source", "")) if isinstance(given, Mapping) else str(given)


def _from_nodes(nodes: Iterable[Node], shown: str) -> Iterator[tuple[str, str, str, str]]:
    """Each input: node, name, and the node and output that it comes from."""
    for node in nodes:
        for part in (node, *_parts(node)):
            for port, source in sources(part, shown).items():
                sender, _, output = source.partition("/")
                yield str(node.get("id")), port, sender, output


def _parts(node: Node) -> Iterator[Node]:
    """What has inputs and outputs of its own in a node: its operator or operators, or a custom node's settings."""
    for key in _BELOW:
        given = node.get(key)
        for part in given if isinstance(given, list) else [given]:
            if isinstance(part, Mapping):
                yield {**part, "id": node.get("id")}


def _check_sender(nodes: Iterable[Node], port: str, sender: str, output: str, shown: str) -> None:
    ids = {str(node.get("id")): node for node in nodes}
    where = f"The server's input '{port}' in the dataflow {shown} comes from '{sender}/{output}'"
    if sender not in ids:
        raise RtengineError(f"{where}, and there is no such node.", suggest(sender, ids, "nodes"))
    node = ids[sender]
    outputs = ports(node, "outputs", shown)
    if output not in outputs and not any(key in node for key in _BELOW):
        raise RtengineError(f"{where}, which that node does not send.", suggest(output, outputs, "outputs"))


def _script(path: str, arguments: Any) -> str | None:
    """The file that a node runs when its path is a Python interpreter; None when it runs a module or a command."""
    if not isinstance(arguments, str) or not re.fullmatch(r"python[\d.]*", os.path.basename(path)):
        return None
    words = iter(shlex.split(arguments))
    for word in words:
        if word in _WITH_VALUE:
            next(words, None)
        elif _NO_FILE.match(word) or word == "-" or "$" in word:
            return None
        elif not word.startswith("-"):
            return word
    return None
