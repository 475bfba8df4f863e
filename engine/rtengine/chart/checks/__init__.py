"""The checks of machine files. Each module is one group of rules; ``codes`` lists them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from rtengine.chart.document import MachineFile
from rtengine.chart.vocabulary import Vocabulary
from rtengine.source.file import SourceFile
from rtengine.source.finding import Finding, Path


@dataclass(frozen=True)
class Machine:
    """A machine file of the right shape, and the part it plays."""

    role: str
    file: SourceFile
    document: MachineFile

    def line(self, path: Path) -> int:
        return self.file.mark(path)[0]


def check(machines: Mapping[str, Machine], roles: Collection[str], vocabulary: Vocabulary) -> list[Finding]:
    """Findings of all machines, each by itself and between them. ``roles`` names those too whose file has no right shape."""
    return []
