"""Scenario files: reading them, and running them against machines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath

from rtengine.chart.definition import Definition
from rtengine.errors import RtengineError
from rtengine.models.abilities import Abilities
from rtengine.profile.load import Profile, load_profile, machine_files
from rtengine.profile.settings import Limits
from rtengine.profile.shipped import find, shipped_files
from rtengine.protocol.errors import APIError
from rtengine.scenarios.check import check_scenario
from rtengine.scenarios.codes import PREFIX
from rtengine.scenarios.document import ScenarioFile, Tools
from rtengine.scenarios.pattern import Mismatch
from rtengine.scenarios.step import perform
from rtengine.scenarios.world import Setting, World
from rtengine.session.host import Taken
from rtengine.session.session import SessionFault
from rtengine.source.file import SourceFile
from rtengine.source.finding import FileError, Finding, Path
from rtengine.source.shape import validate
from rtengine.tools.address import HostRule
from rtengine.tools.catalog import Catalog, OwnFunction, OwnServer

DEFAULT_PROFILE = "default"
"""Whose machines play the parts a scenario does not name."""
CONNECTION = {"id": "sess_1", "expires_at": 3600, "model": "m"}
"""What a connection adds to a profile's session."""
TOOL_SECONDS = 10.0


@dataclass(frozen=True)
class Scenario:
    """A scenario of the right shape."""

    path: FilePath
    file: SourceFile
    document: ScenarioFile
    profile: Profile | None
    machines: Mapping[str, FilePath]
    """The files that the scenario itself names."""

    def finding(self, number: str, message: str, path: Path, hint: str = "") -> Finding:
        return self.file.finding(PREFIX + number, message, path, hint=hint)

    def files(self, given: Mapping[str, FilePath] | None = None) -> dict[str, FilePath]:
        """Part to machine file: the scenario's own, before those given, before those of its profile."""
        known = self.profile.machines if self.profile else machine_files(shipped_files("profiles")[DEFAULT_PROFILE])
        return {**known, **(given or {}), **self.machines}


def read_scenario(path: FilePath) -> Scenario:
    """Raises FileError with everything that is wrong with the file."""
    file = SourceFile.read(path, prefix=PREFIX)
    document, findings = validate(file, ScenarioFile, PREFIX)
    if document is None:
        raise FileError(findings)
    profile: Profile | None = None
    machines: dict[str, FilePath] = {}
    try:
        if document.profile is not None:
            at: Path = ("profile",)
            profile = load_profile(find("profiles", document.profile, path.parent))
        for part, reference in document.machines.items():
            at = ("machines", part)
            machines[part] = find("machines", reference, path.parent)
    except RtengineError as error:
        raise FileError([file.finding(PREFIX + "101", error.message, at, hint=error.hint)]) from error
    scenario = Scenario(path, file, document, profile, machines)
    findings = [*check_scenario(file, document), *_models(scenario)]
    if findings:
        raise FileError(findings)
    return scenario


def _models(scenario: Scenario) -> list[Finding]:
    """What a profile must have whose own models play."""
    document = scenario.document
    at: Path = ("endpoint",) if document.endpoint is not None else ("models",)
    if document.played:
        return []
    if scenario.profile is None:
        return [scenario.finding("107", "the models are to be those of a profile, and no profile is named", at)]
    chat = scenario.profile.models.get("chat")
    if document.endpoint is not None and not hasattr(chat and chat.settings, "base_url"):
        return [scenario.finding("107", "the chat model of the profile asks no endpoint", at)]
    return []


def run_scenario(
    scenario: Scenario,
    machines: Mapping[str, Definition],
    taken: Taken | None = None,
    make: Callable[..., World] = World,
) -> tuple[World | None, list[Finding]]:
    """The session at the end, and what did not happen as written: only the first, as the rest would follow from it."""
    try:
        world = make(machines, setting_of(scenario), taken)
    except APIError as error:
        return None, [scenario.finding("105", error.message, ("session",))]
    for number, step in enumerate(scenario.document.steps):
        at: Path = ("steps", number)
        try:
            perform(step, world)
        except Mismatch as mismatch:
            return world, [scenario.finding("201", mismatch.message, (*at, *mismatch.path), mismatch.hint)]
        except SessionFault as fault:
            return world, [scenario.finding("202", _cause(fault), at)]
    if world.sent:
        kinds = ", ".join(event["type"] for event in world.sent)
        return world, [scenario.finding("203", f"nothing expects what was sent at the end: {kinds}", ("steps",))]
    return world, []


def setting_of(scenario: Scenario) -> Setting:
    """What the session of a scenario starts with. Raises APIError."""
    document, profile = scenario.document, scenario.profile
    limits = document.limits or Limits()
    if profile is not None:
        limits = profile.limits.model_copy(update={name: getattr(limits, name) for name in limits.model_fields_set})
    return Setting(
        session=document.session,
        intent=document.intent,
        dialect=document.dialect,
        limits=limits,
        abilities=document.abilities or (_abilities(profile) if profile is not None else None),
        tools=_catalog(document.tools or Tools()),
        base=profile.session.model_copy(deep=True, update=CONNECTION) if profile is not None else None,
    )


def _abilities(profile: Profile) -> Abilities:
    """By the parts that the profile has models for."""
    return Abilities(
        chat="chat" in profile.models, speech="voice" in profile.models, transcription="transcriber" in profile.models
    )


def _catalog(tools: Tools) -> Catalog:
    return Catalog(
        functions={tool.name: OwnFunction(tool, TOOL_SECONDS) for tool in tools.functions},
        servers={tool.server_label: OwnServer(tool, TOOL_SECONDS) for tool in tools.servers},
        hosts=tuple(HostRule.parse(text) for text in tools.hosts),
    )


def _cause(fault: SessionFault) -> str:
    cause = fault.__cause__ or fault
    notes = "; ".join(getattr(cause, "__notes__", ()))
    return f"{type(cause).__name__}: {cause}" + (f" ({notes})" if notes else "")
