"""What can be said of a scenario before it runs: names that mean nothing."""

from __future__ import annotations

from collections.abc import Iterator

from rtengine.protocol.server import SERVER_EVENTS
from rtengine.scenarios import document, verbs
from rtengine.scenarios.codes import PREFIX
from rtengine.scenarios.pattern import event_pattern
from rtengine.session.vocabulary import VOCABULARY
from rtengine.source.file import SourceFile
from rtengine.source.finding import Finding, Path
from rtengine.source.suggestion import suggest


def check_scenario(file: SourceFile, scenario: document.ScenarioFile) -> list[Finding]:
    findings = [file.finding(PREFIX + number, message, path) for path, number, message in _over_wire(scenario)]
    for number, step in enumerate(scenario.steps):
        at: Path = ("steps", number)
        if scenario.dialect == "ga":
            for path, kind in _expected(step, at):
                if kind not in SERVER_EVENTS:
                    message = f"unknown server event '{kind}'"
                    findings.append(file.finding(PREFIX + "102", message, path, hint=suggest(kind, SERVER_EVENTS)))
        if isinstance(step, verbs.Break) and step.break_ not in VOCABULARY.actions:
            hint = suggest(step.break_, VOCABULARY.actions)
            findings.append(file.finding(PREFIX + "103", f"unknown action '{step.break_}'", (*at, "break"), hint=hint))
    return findings


def _expected(step: verbs.Node, at: Path) -> Iterator[tuple[Path, str]]:
    """Every event type a step names, with its place."""
    for verb in ("expect", "includes", "absent"):
        for index, pattern in enumerate(getattr(step, verb, ())):
            kind = event_pattern(pattern).get("type")
            if isinstance(kind, str) and not kind.startswith("$"):
                place: Path = (*at, verb, index)
                yield (place if isinstance(pattern, str) else (*place, "type")), kind


def _over_wire(scenario: document.ScenarioFile) -> Iterator[tuple[Path, str, str]]:
    """Steps that have no meaning where the session is at the other end of a WebSocket."""
    if not scenario.over_wire:
        return
    connected: set[str] = set()
    named = any(isinstance(step, verbs.Connect) for step in scenario.steps)
    for number, step in enumerate(scenario.steps):
        at: Path = ("steps", number)
        verb = verbs.verb_of(type(step))
        if isinstance(step, verbs.VIRTUAL):
            yield (*at, verb), "104", f"'{verb}' takes virtual time, and over the wire time is real"
        elif not scenario.played and (isinstance(step, verbs.BACKSTAGE) or _told_edges(step)):
            yield (*at, verb), "107", f"'{verb}' plays a model, and here the profile's own do"
        if isinstance(step, verbs.Connect):
            connected.add(step.by or "")
        elif named and step.by is not None and step.by not in connected:
            yield (*at, "by"), "106", f"the client '{step.by}' has not connected"
        elif named and not connected:
            yield at, "106", "no client has connected"


def _told_edges(step: verbs.Deed) -> bool:
    return isinstance(step, verbs.Audio) and bool(step.audio.edges)
