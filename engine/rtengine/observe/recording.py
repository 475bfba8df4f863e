"""A journal as it is read: its head, its steps, and the machine files it was recorded with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rtengine.chart.load import Machines
from rtengine.errors import RtengineError
from rtengine.observe.entry import Entry
from rtengine.observe.journal import VERSION, machine_entries
from rtengine.profile.shipped import shipped


@dataclass(frozen=True, slots=True)
class Line:
    number: int
    text: str
    entry: Entry


@dataclass(slots=True)
class Recorded:
    """One step of a journal."""

    given: Line
    lines: list[Line] = field(default_factory=list)

    @property
    def told(self) -> Entry:
        return next((line.entry["told"] for line in self.lines if "told" in line.entry), {})


@dataclass(frozen=True, slots=True)
class Recording:
    """A journal that has been read."""

    path: Path
    head: Entry
    steps: Sequence[Recorded]
    complete: bool
    """It ends where the session ended. Of the last step of one that was cut off, some outputs may be missing."""

    @property
    def seconds(self) -> float:
        """How long the session took."""
        return self.steps[-1].given.entry["at"] - self.steps[0].given.entry["at"] if self.steps else 0.0

    @property
    def audio(self) -> bool:
        """The sound was kept."""
        return bool(self.head["audio"] == "keep")


def read(path: Path) -> Recording:
    """Raises RtengineError for a file that is no journal of this version. A torn last line is left out."""
    lines = list(_lines(path))
    if not lines or lines[0].entry.get("journal") != VERSION:
        raise RtengineError(f"{str(path)!r} is no journal", f'journals begin with {{"journal": {VERSION}, …}}')
    steps: list[Recorded] = []
    complete = False
    for line in lines[1:]:
        if "end" in line.entry:
            complete = True
        elif "in" in line.entry:
            steps.append(Recorded(line))
        elif steps:
            steps[-1].lines.append(line)
    return Recording(path, lines[0].entry, steps, complete)


def _lines(path: Path) -> Iterator[Line]:
    try:
        whole = path.read_bytes().split(b"\n")[:-1]
    except OSError as error:
        raise RtengineError(f"{str(path)!r} cannot be read: {error.strerror or error}") from error
    for number, line in enumerate(whole, 1):
        try:
            text = line.decode()
            entry = json.loads(text)
        except ValueError as error:
            raise RtengineError(f"{path}:{number}: this is no JSON", "the file has been changed or damaged") from error
        if not isinstance(entry, dict):
            raise RtengineError(f"{path}:{number}: this is no line of a journal")
        yield Line(number, text, entry)


def machine_files(head: Entry, folder: Path | None = None) -> dict[str, Path]:
    """Part to machine file: that of the recording's name in ``folder``, where there is one; else the recorded one.

    Raises RtengineError for a file that is not there, and for a folder that has none of them.
    """
    found: dict[str, Path] = {}
    replaced = False
    for role, entry in head["machines"].items():
        recorded = shipped("machines") / entry["file"]  # an absolute path stays one
        own = folder / recorded.name if folder else recorded
        replaced |= own.is_file()
        found[role] = own if own.is_file() else recorded
        if not found[role].is_file():
            raise RtengineError(
                f"the machine file {str(recorded)!r} is not there", "give --machines a folder that has it"
            )
    if folder and not replaced:
        names = ", ".join(Path(entry["file"]).name for entry in head["machines"].values())
        raise RtengineError(f"there is none of the recording's machine files in {str(folder)!r}", f"it used {names}")
    return found


def changed(head: Entry, files: Mapping[str, Path], machines: Machines) -> list[str]:
    """The machine files that are not what they were when the session was recorded."""
    found = []
    for role, entry in machine_entries(files, machines).items():
        known = {each["sha256"] for each in _all(head["machines"][role])}
        found += [each["file"] for each in _all(entry) if each["sha256"] not in known]
    return found


def _all(entry: Entry) -> list[Entry]:
    return [entry, *entry.get("extends", ())]
