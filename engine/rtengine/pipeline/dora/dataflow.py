"""The dataflow: written from a profile as a file for people to read and edit, and read back by the server.

The server stands in the middle. Its output ``speak`` carries the jobs of the node ``speak``, and its input ``speak``
the node's results; the replicas of a stage are numbered.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from rtengine.errors import RtengineError
from rtengine.pipeline.dora.attachment import TICK
from rtengine.pipeline.dora.node import JOBS, PROFILE_VARIABLE, RESULTS
from rtengine.pipeline.dora.wiring import PORT, SERVER, check_files, check_ports, ports, sources
from rtengine.pipeline.stage import STAGES
from rtengine.profile.load import Outline, Profile
from rtengine.profile.shipped import shipped_files

QUEUE_SIZE = 10000
TICK_SOURCE = "dora/timer/millis/250"


@dataclass(frozen=True)
class Dataflow:
    """A dataflow as the server needs it."""

    text: str
    """YAML, as dora gets it."""
    replicas: Mapping[str, str]
    """Port of the server, which is its input and its output for one node, to the stage behind it."""
    nodes: Mapping[str, str]
    """Id of each node that sends results, to the port where they arrive."""
    remote: frozenset[str] = frozenset()
    """Ports of the nodes that may run on another machine."""
    shown: str = "dataflow"
    """Its file, in messages."""


def write(profile: Profile | Outline) -> str:
    """The dataflow of a profile's transcriber, chat model and voice, as far as it has them."""
    nodes = [(stage, node) for stage in _stages(profile) for node in _nodes(profile, stage)]
    return "\n".join(
        [
            f"# The models of the profile '{profile.name}' as a dora dataflow.",
            "# Edit it and run it: rtengine run --dataflow FILE. Ports and messages are in docs/dataflow.md.",
            "health_check_interval: 1.0",
            "nodes:",
            f"  - id: {SERVER}",
            "    path: dynamic  # the server attaches itself",
            "    inputs:",
            *(f"      {node}: {{source: {node}/{RESULTS}, queue_size: {QUEUE_SIZE}}}" for _, node in nodes),
            f"      {TICK}: {{source: {TICK_SOURCE}, queue_size: 1}}",
            f"    outputs: [{', '.join(node for _, node in nodes)}]",
            *(line for stage, node in nodes for line in _node(profile, stage, node)),
            "",
        ]
    )


def serving(flow: Dataflow, profile: Profile) -> Dataflow:
    """The dataflow, if it has a node for every stage of the profile. Raises RtengineError."""
    for stage in _stages(profile):
        if stage not in flow.replicas.values():
            kind = STAGES[stage].kind
            message = f"No node of the dataflow {flow.shown} serves the stage '{stage}'"
            raise RtengineError(
                f"{message}, for which the profile '{profile.name}' has a {kind}.",
                f"see what the profile needs: rtengine dataflow {_reference(profile)}",
            )
    return flow


def read(path: Path) -> Dataflow:
    """A dataflow file. Raises RtengineError when it is none that the server can run."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RtengineError(f"The dataflow {path} cannot be read: {reason}") from None
    return parse(text, str(path), path.parent)


def parse(text: str, shown: str = "dataflow", folder: Path | None = None) -> Dataflow:
    """The dataflow of a text; paths of its nodes are relative to ``folder``. Raises RtengineError."""
    try:
        document = YAML(typ="safe").load(text)
    except YAMLError as error:
        raise RtengineError(f"The dataflow {shown} is not YAML: {error}") from None
    nodes = _entries(document, shown)
    server = next((node for node in nodes if node.get("id") == SERVER), None)
    if server is None or server.get("path") != "dynamic":
        raise RtengineError(
            f"The dataflow {shown} has no node '{SERVER}' with `path: dynamic`.",
            "write one to start from: rtengine dataflow PROFILE --out FILE",
        )
    inputs = sources(server, shown)
    replicas = {port: match[1] for port in ports(server, "outputs", shown) if (match := PORT.match(port))}
    for port in replicas:
        if port not in inputs:
            raise RtengineError(f"The dataflow {shown} brings no results for the server's output '{port}'.")
    if TICK not in inputs:
        raise RtengineError(f"The dataflow {shown} gives the server no '{TICK}'.", f"add `{TICK}: {TICK_SOURCE}`")
    check_ports(nodes, server, shown)
    if not replicas:
        raise RtengineError(f"The dataflow {shown} has no stage: the server has no output {' or '.join(STAGES)}.")
    if folder is not None:
        check_files(nodes, folder, shown)
        text = _dumped(document) if _resolve(nodes, folder) else text
    senders = {inputs[port].partition("/")[0]: port for port in replicas}
    remote = frozenset(senders[node["id"]] for node in nodes if node.get("id") in senders and node.get("deploy"))
    return Dataflow(text, replicas, senders, remote, shown)


def _stages(profile: Profile | Outline) -> Iterator[str]:
    return (name for name, stage in STAGES.items() if stage.kind in profile.models)


def _nodes(profile: Profile | Outline, stage: str) -> list[str]:
    replicas = getattr(profile.pipeline.replicas, stage)
    return [stage] if replicas == 1 else [f"{stage}-{number}" for number in range(1, replicas + 1)]


def _node(profile: Profile | Outline, stage: str, node: str) -> Iterator[str]:
    yield f"  - id: {node}"
    yield "    path: python"
    yield f"    args: -u -m rtengine.pipeline.dora.node --stage {stage}"
    yield f"    env: {{{PROFILE_VARIABLE}: {_quoted(_reference(profile))}}}"
    yield "    restart_policy: on-failure"
    yield "    restart_delay: 0.2"
    yield "    max_restart_delay: 10"
    yield "    health_check_timeout: 60"
    yield "    max_log_size: 16MB"
    yield "    max_rotated_files: 1"
    yield "    inputs:"
    yield f"      {JOBS}: {{source: {SERVER}/{node}, queue_size: {QUEUE_SIZE}}}"
    yield f"      {TICK}: {{source: {TICK_SOURCE}, queue_size: 1}}"
    yield f"    outputs: [{RESULTS}]"
    machine = getattr(profile.pipeline.machines, stage)
    if machine is not None:
        yield f"    deploy: {{machine: {machine}}}"


def _reference(profile: Profile | Outline) -> str:
    """How a node finds the profile: by name where every installation has it, else by path."""
    return profile.name if shipped_files("profiles").get(profile.name) == profile.path else str(profile.path.resolve())


def _quoted(text: str) -> str:
    if "$" in text:
        raise RtengineError(f"dora would take the '$' in {text} for a variable.", "rename the file or its folder")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _entries(document: Any, shown: str) -> list[dict[str, Any]]:
    nodes = document.get("nodes") if isinstance(document, dict) else None
    if not isinstance(nodes, list) or not all(isinstance(node, dict) for node in nodes):
        raise RtengineError(f"The dataflow {shown} has no list of `nodes`.")
    return nodes


def _resolve(nodes: list[dict[str, Any]], folder: Path) -> bool:
    """Make the paths of nodes absolute that are files beside the dataflow: it does not run where it lies."""
    changed = False
    for node in nodes:
        path = node.get("path")
        if isinstance(path, str) and not os.path.isabs(path) and (folder / path).is_file():
            node["path"] = str((folder / path).resolve())
            changed = True
    return changed


def _dumped(document: Any) -> str:
    stream = io.StringIO()
    YAML(typ="safe").dump(document, stream)
    return stream.getvalue()
