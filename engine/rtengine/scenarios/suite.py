"""Many scenarios against machine files, and which rows of these they take."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath

from rtengine.chart.coverage import Coverage, Tally
from rtengine.chart.definition import Definition
from rtengine.chart.instance import Instance
from rtengine.chart.load import load_machines
from rtengine.chart.overlay import LayeredFile
from rtengine.chart.plan import Plan
from rtengine.profile.layers import shown
from rtengine.scenarios.performance import obstacle, perform
from rtengine.scenarios.run import Scenario, read_scenario, run_scenario
from rtengine.session.vocabulary import VOCABULARY
from rtengine.source.finding import FileError, Finding


@dataclass(frozen=True)
class Result:
    """One scenario, run once or with several of the machines that are tested."""

    path: FilePath
    doc: str
    findings: tuple[Finding, ...]
    skipped: str = ""
    """Why it was not run."""


Wire = Callable[[Scenario, Mapping[str, Definition]], list[Finding]]
"""Runs a scenario over the wire, with a server of its own."""


@dataclass
class Suite:
    """Scenarios run one after another; files are shown relative to the working directory where they are below it."""

    wire: Wire
    coverage: Coverage = field(default_factory=Coverage)
    tested: dict[FilePath, Definition] = field(default_factory=dict)
    """Machine files that could be loaded."""
    broken: list[Finding] = field(default_factory=list)
    """What is wrong with the files themselves."""
    _loaded: dict[tuple[tuple[str, FilePath], ...], Mapping[str, Definition]] = field(default_factory=dict)

    def test(self, machine: FilePath, scenarios: Iterable[FilePath]) -> Iterator[Result]:
        """Runs the scenarios that fit the machine file: those that name it, and those that name no machine at all."""
        try:
            part = LayeredFile.read(machine, VOCABULARY.find).plain().get("machine", machine.stem)
        except FileError as error:
            self.broken += error.findings
            return
        for scenario in self._read(scenarios):
            named = [path.resolve() for path in scenario.machines.values()]
            if not named or machine.resolve() in named:
                files = {**scenario.files(), part: machine}
                machines = self._load(files)
                if machines is not None:
                    self.tested[machine.resolve()] = machines[part]
                    yield self._run(scenario, machines)

    def run(self, scenarios: Iterable[FilePath]) -> Iterator[Result]:
        """Runs scenarios with the machines they name."""
        for scenario in self._read(scenarios):
            machines = self._load(scenario.files())
            if machines is not None:
                if not scenario.document.over_wire:  # which rows sessions of a server take is not looked at
                    self.tested |= {path.resolve(): machines[part] for part, path in scenario.machines.items()}
                yield self._run(scenario, machines)

    def run_at(self, url: str, key: str | None, scenarios: Iterable[FilePath]) -> Iterator[Result]:
        """Runs scenarios with a server that is there already, as far as they need none of their own."""
        for scenario in self._read(scenarios):
            hindered = obstacle(scenario)
            findings = [] if hindered else asyncio.run(perform(scenario, url, key=key))
            yield Result(scenario.path, scenario.document.doc, tuple(findings), hindered)

    def tallies(self) -> Iterator[Tally]:
        """Of every machine file that was tested: its own rows, without those it takes over."""
        return (self.coverage.tally(definition, own=True) for definition in self.tested.values())

    def _read(self, paths: Iterable[FilePath]) -> Iterator[Scenario]:
        for path in paths:
            try:
                yield read_scenario(path)
            except FileError as error:
                self.broken += error.findings

    def _load(self, files: Mapping[str, FilePath]) -> Mapping[str, Definition] | None:
        files = {part: FilePath(shown(path)) for part, path in files.items()}
        key = tuple(sorted(files.items()))
        if key not in self._loaded:
            try:
                self._loaded[key] = load_machines(files, VOCABULARY)
            except FileError as error:
                self.broken += error.findings
                self._loaded[key] = {}
        return self._loaded[key] or None

    def _run(self, scenario: Scenario, machines: Mapping[str, Definition]) -> Result:
        def taken(instance: Instance, plan: Plan, source: str) -> None:
            self.coverage.taken(plan)

        if scenario.document.over_wire:
            findings = self.wire(scenario, machines)
        else:
            findings = run_scenario(scenario, machines, taken)[1]
        return Result(scenario.path, scenario.document.doc, tuple(findings))
