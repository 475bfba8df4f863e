"""What can be said of a scenario before it runs: names that mean nothing."""

from __future__ import annotations

from collections.abc import Iterator

from rtengine.protocol.server import SERVER_EVENTS
from rtengine.scenarios import document
from rtengine.scenarios.codes import PREFIX
from rtengine.scenarios.pattern import event_pattern
from rtengine.session.vocabulary import VOCABULARY
from rtengine.source.file import SourceFile
from rtengine.source.finding import Finding, Path
from rtengine.source.suggestion import suggest


def check_scenario(file: SourceFile, scenario: document.ScenarioFile) -> list[Finding]:
    findings: list[Finding] = []
    for number, step in enumerate(scenario.steps):
        at: Path = ("steps", number)
        if scenario.dialect == "ga":
            for path, kind in _expected(step, at):
                if kind not in SERVER_EVENTS:
                    message = f"unknown server event '{kind}'"
                    findings.append(file.finding(PREFIX + "102", message, path, hint=suggest(kind, SERVER_EVENTS)))
        if isinstance(step, document.Break) and step.break_ not in VOCABULARY.actions:
            hint = suggest(step.break_, VOCABULARY.actions)
            findings.append(file.finding(PREFIX + "103", f"unknown action '{step.break_}'", (*at, "break"), hint=hint))
    return findings


def _expected(step: document.Node, at: Path) -> Iterator[tuple[Path, str]]:
    """Every event type a step names, with its place."""
    for verb in ("expect", "includes", "absent"):
        for index, pattern in enumerate(getattr(step, verb, ())):
            kind = event_pattern(pattern).get("type")
            if isinstance(kind, str) and not kind.startswith("$"):
                place: Path = (*at, verb, index)
                yield (place if isinstance(pattern, str) else (*place, "type")), kind
