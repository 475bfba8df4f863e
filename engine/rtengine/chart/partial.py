"""What can be said of a machine file that has not the right shape: the checks of what is left without its mistakes."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from pydantic import ValidationError

from rtengine.chart.checks import Machine, check
from rtengine.chart.document import MachineFile
from rtengine.chart.overlay import LayeredFile
from rtengine.chart.vocabulary import Vocabulary
from rtengine.source.finding import Finding, Path
from rtengine.source.shape import explain

NAMES = frozenset({"SM101", "SM102", "SM103", "SM104", "SM105", "SM209", "SM401", "SM402", "SM406", "SM501"}) | {
    "SM505",
    "SM506",
    "SM601",
}
"""Findings of one name or value, which nothing that is missing elsewhere brings about."""
OF_VARIABLES = frozenset({"SM403", "SM407", "SM503", "SM504", "SM507"})
OF_EVENTS = frozenset({"SM205", "SM404", "SM502", "SM604"})
OF_STATES = frozenset({"SM203"})
STEPS = ("do", "entry", "exit")
ROWS = ("always", "done")
NO_STEP: dict[str, Any] = {"set": {}}
ROUNDS = 20
"""A mistake that is taken out may show another one."""


def check_rest(role: str, file: LayeredFile, roles: Collection[str], vocabulary: Vocabulary) -> list[Finding]:
    """Findings beside the mistakes of shape, and none that is there because of one."""
    value, cut = file.plain(), set[Path]()
    for _ in range(ROUNDS):
        try:
            document = MachineFile.model_validate(value)
        except ValidationError as error:
            paths: list[Path] = [mistake.path for mistake in explain(error, MachineFile)]
            if () in paths:
                return []
            cut |= {_take_out(value, path) for path in paths}
        else:
            doubted = {code for codes, doubt in DOUBTFUL for code in codes if any(map(doubt, cut))}
            sure = OF_VARIABLES | OF_EVENTS | OF_STATES if all(len(path) > 1 for path in cut) else frozenset[str]()
            told = NAMES | (sure - doubted)
            found = check({role: Machine(role, file, document)}, roles, vocabulary)
            return [finding for finding in found if finding.code in told]
    return []


DOUBTFUL: tuple[tuple[frozenset[str], Callable[[Path], bool]], ...] = (
    (OF_VARIABLES, lambda path: "context" in path[:1] and len(path) == 2),
    (OF_EVENTS, lambda path: "events" in path[:1] or "invoke" in path),
    (OF_STATES, lambda path: "states" in path[-3:]),  # one of them, all of them, or a key that may have meant them
)
"""Codes, and which of what was taken out may bring them about, beside any key of the top."""


def _take_out(value: Any, path: Path) -> Path:
    """Without the value at ``path``; lists keep their length, so that places stay what they are."""
    way, last = path[:-1], path[-1]
    holder: Any = value
    for part in way:
        found = dict(enumerate(holder)) if isinstance(holder, list) else holder
        if not isinstance(found, dict) or part not in found:
            return path  # gone with another mistake
        holder = found[part]
    if not isinstance(holder, list):
        holder.pop(last, None)
        return path
    kind = next((str(part) for part in reversed(way) if not isinstance(part, int)), "")
    assert isinstance(last, int)
    if kind in STEPS:
        holder[last] = dict(NO_STEP)
    elif kind == "after":
        row = holder[last]
        holder[last] = {**row, "delay": 0} if isinstance(row, dict) and "delay" not in row else {"delay": 0}
    elif kind in ROWS or way[-2:-1] == ("on",):
        holder[last] = {}
    else:
        return _take_out(value, way)
    return path
