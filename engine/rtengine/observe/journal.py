"""Journals: what went into a session and what came out, line by line, so that it can be replayed to the byte.

A journal is a file of JSON lines. The first says how the session was made. Then, for every step: the input with its
time (``in``), the rows it took (``row``) and what they made (``out``), and what detectors and rates told (``told``) or
what broke (``fault``). The last line of a session that ended is ``{"end": steps}``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter

from rtengine import __version__
from rtengine.chart.load import Machines
from rtengine.observe.entry import Entry, effect_entry, hidden, input_entry, row_entry
from rtengine.observe.watch import Given, Setup, Step, Told
from rtengine.observe.writer import LineFile, Writer
from rtengine.profile.shipped import shipped
from rtengine.protocol.codec import encode
from rtengine.tools.catalog import Catalog

VERSION = 1

TOOLS = TypeAdapter(Catalog)


@dataclass(frozen=True, slots=True)
class Origin:
    """What all sessions of a server have in common."""

    profile: str
    vad: Entry
    """Name and settings of the voice activity detector: ``{"adapter": …, "settings": {…}}``."""
    machines: Mapping[str, Entry]
    """Part to machine file, from ``machine_entries``."""


def machine_entries(files: Mapping[str, Path], machines: Machines) -> dict[str, Entry]:
    """Which machine files play which part, and the files they extend, each with its SHA-256."""
    return {role: _machine_entry(path, machines[role].files) for role, path in files.items()}


def _machine_entry(path: Path, names: Iterable[str]) -> Entry:
    entry: Entry = {"file": reference(path), "sha256": digest(path)}
    extended = [Path(name) for name in names if Path(name).resolve() != path.resolve()]
    if extended:
        entry["extends"] = [{"file": reference(each), "sha256": digest(each)} for each in extended]
    return entry


def reference(path: Path) -> str:
    """A shipped machine file by its place among them, another one by its path."""
    path = path.resolve()
    try:
        return path.relative_to(shipped("machines").resolve()).as_posix()
    except ValueError:
        return str(path)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Recorder:
    """Writes the journals of a server into a folder."""

    def __init__(self, folder: Path, audio: bool) -> None:
        """``audio`` keeps the sound that sessions hear and say. Raises RtengineError when the folder cannot be had."""
        self.audio = audio
        self._writer = Writer(folder, "record")

    def journal(self, origin: Origin, setup: Setup) -> Journal:
        """The journal of a new session."""
        now = datetime.now(UTC)
        head = {
            "journal": VERSION,
            "rtengine": __version__,
            "recorded": now.isoformat(timespec="seconds"),
            "audio": "keep" if self.audio else "drop",
            "profile": origin.profile,
            "vad": origin.vad,
            "machines": origin.machines,
            "limits": setup.limits.model_dump(mode="json"),
            "abilities": {name: _listed(value) for name, value in asdict(setup.abilities).items()},
            "tools": TOOLS.dump_python(setup.tools, mode="json"),
            "seed": setup.seed,
            "session": hidden(setup.session.wire()),
        }
        return Journal(self._writer.file(f"{now:%Y%m%dT%H%M%S}-{setup.session.id}.jsonl", "journal"), head, self.audio)

    def close(self) -> None:
        """Write what waits, and stop."""
        self._writer.close()


class Journal:
    """Writes down one session."""

    def __init__(self, file: LineFile, head: Entry, audio: bool) -> None:
        self.path = file.path
        self._file = file
        self._audio = audio
        self._steps = 0
        self._file.put(encode(head) + "\n")

    def before(self, given: Given, now: float) -> None:
        self._file.put(encode({"at": now, **input_entry(given, self._audio)}) + "\n")

    def after(self, step: Step) -> None:
        self._steps += 1
        self._file.put("".join(encode(line) + "\n" for line in step_lines(step, self._audio)))

    def over(self) -> None:
        self._file.put(encode({"end": self._steps}) + "\n")
        self._file.close()


def step_lines(step: Step, digest: bool) -> Iterator[Entry]:
    """What came of an input: each row before what it made. Rows that changed and made nothing are left out."""
    done = 0
    for taken in step.taken:
        made = step.effects[done : taken.effects]
        if made or taken.source != taken.plan.destination:
            yield row_entry(taken)
        yield from (effect_entry(effect, digest) for effect in made)
        done = taken.effects
    yield from (effect_entry(effect, digest) for effect in step.effects[done:])
    told = told_entry(step.told)
    if told:
        yield {"told": told}
    if step.fault is not None:
        cause = step.fault.__cause__ or step.fault
        yield {"fault": f"{type(cause).__name__}: {cause}"}


def told_entry(told: Told) -> Entry:
    entry: Entry = {}
    if any(told.edges):
        entry["edges"] = [[[edge.kind, edge.at_ms] for edge in edges] for edges in told.edges]
    if told.limits:
        entry["limits"] = [[limit.wire() for limit in limits] for limits in told.limits]
    if told.spent:
        entry["spent"] = [list(spent) for spent in told.spent]
    return entry


def _listed(value: object) -> object:
    return sorted(value) if isinstance(value, frozenset) else value
