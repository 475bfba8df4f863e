"""The checks of machine files. Each module is one group of rules; ``codes`` lists them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from rtengine.chart.checks.flow import Flow
from rtengine.chart.checks.machine import Machine, Subject
from rtengine.chart.checks.names import check_names
from rtengine.chart.checks.peers import check_peers
from rtengine.chart.checks.promises import check_promises
from rtengine.chart.checks.reachability import check_reachability
from rtengine.chart.checks.rows import rows
from rtengine.chart.checks.steps import check_steps
from rtengine.chart.checks.structure import check_structure
from rtengine.chart.vocabulary import Vocabulary
from rtengine.source.finding import Finding

__all__ = ["Machine", "check"]


def check(machines: Mapping[str, Machine], roles: Collection[str], vocabulary: Vocabulary) -> list[Finding]:
    """Findings of all machines, each by itself and between them.

    ``roles`` names those too whose file has not the right shape.
    """
    subjects = {role: Subject(machine, vocabulary) for role, machine in machines.items()}
    for subject in subjects.values():
        check_names(subject)
        written = rows(subject)
        check_structure(subject, written)
        flow = Flow(subject, written)
        check_steps(subject, written, flow)
        check_reachability(subject, written, flow)
        check_promises(subject, flow)
    check_peers(subjects, roles)
    return [finding for subject in subjects.values() for finding in subject.findings]
