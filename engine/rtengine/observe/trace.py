"""What the live view shows of one session: the last steps it has taken, and where everything stood before them."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from rtengine.models.jobs import FINAL
from rtengine.observe.entry import Entry, effect_entry, input_entry
from rtengine.observe.journal import told_entry
from rtengine.observe.watch import Given, Portion, Step, Taken
from rtengine.protocol.client import InputAudioBufferAppend
from rtengine.protocol.codec import encode
from rtengine.session.effects import JobResult

STEPS = 3000
"""Kept of each session."""
LONGEST = 1000
"""Characters of a text that is shown; what is longer is cut."""
QUIET_SECONDS = 1.0
"""Audio in which nothing happens is told as one step for so long."""


class Trace:
    """Watches one session. ``tell`` gets every step as it is shown, in JSON text, and None at the end."""

    def __init__(
        self, session_id: str, machines: int, tell: Callable[[Trace, str | None], None], steps: int = STEPS
    ) -> None:
        self.id = session_id
        self.machines = machines
        """Which machines it runs, by the inspector's number for them."""
        self.opened = time.time()
        self.ended = False
        self._tell = tell
        self._limit = steps
        self._kept: deque[str] = deque()
        self._before = Standing()
        self._count = 0
        self._origin: float | None = None
        self._given: Entry = {}
        self._quiet: Entry | None = None

    def summary(self) -> Entry:
        return {"id": self.id, "machines": self.machines, "opened": self.opened, "ended": self.ended}

    def history(self) -> tuple[Entry, list[str]]:
        """Where everything stood before the steps that are kept, and these."""
        return self._before.told(), list(self._kept)

    # --- what the session tells

    def before(self, given: Given, now: float) -> None:
        if self._origin is None:
            self._origin = now
        self._given = input_entry(given, audio=False)
        if isinstance(given, JobResult):
            self._given["final"] = isinstance(given.result, FINAL)
        elif isinstance(given, InputAudioBufferAppend | Portion):
            self._given["heard"] = True

    def after(self, step: Step) -> None:
        at = round(step.now - (self._origin or 0.0), 6)
        if self._given.pop("heard", False) and _quiet(step):
            self._hush(at)
            return
        self._flush()
        entry: Entry = {"t": at, "us": round(step.seconds * 1e6), "in": self._given, **_shown(step)}
        if self._origin is not None:
            for effect in (effect for row in (*entry["rows"], entry) for effect in row["out"]):
                if effect["out"] == "timer":
                    effect["at"] = round(effect["at"] - self._origin, 6)
        self._keep(entry)

    def over(self) -> None:
        self._flush()
        self.ended = True
        self._tell(self, None)

    # --- within

    def _hush(self, at: float) -> None:
        """Count a piece of audio that changed nothing."""
        if self._quiet is not None and at - self._quiet["t"] >= QUIET_SECONDS:
            self._flush()
        if self._quiet is None:
            self._quiet = {"t": at, "in": {"in": "quiet", "count": 0, "bytes": 0, "until": at}, "rows": [], "out": []}
        told = self._quiet["in"]
        sound = self._given.get("event", {}).get("audio")
        told["count"] += 1
        told["bytes"] += sound["bytes"] if isinstance(sound, dict) else 0
        told["until"] = at

    def _flush(self) -> None:
        if self._quiet is not None:
            quiet, self._quiet = self._quiet, None
            self._keep(quiet)

    def _keep(self, entry: Entry) -> None:
        self._count += 1
        text = encode(_cut({"n": self._count, **entry}))
        self._kept.append(text)
        while len(self._kept) > self._limit:
            self._before.take(json.loads(self._kept.popleft()))
        self._tell(self, text)


class Standing:
    """Where instances, timers and jobs stand after a number of steps. The page does the same with the steps it has."""

    def __init__(self) -> None:
        self._count = 0
        self._instances: dict[int, Entry] = {}
        self._timers: dict[str, Entry] = {}
        self._jobs: dict[str, Entry] = {}

    def told(self) -> Entry:
        return {
            "n": self._count,
            "instances": list(self._instances.values()),
            "timers": list(self._timers.values()),
            "jobs": list(self._jobs.values()),
        }

    def take(self, step: Entry) -> None:
        """Go one step on."""
        self._count, at, given = step["n"], step["t"], step["in"]
        if given["in"] == "timer":
            self._timers.pop(given["timer"], None)
        elif given["in"] == "result" and given.get("final"):
            self._jobs.pop(given["job"], None)
        for row in step["rows"]:
            self._effects(row["out"], at, row["i"])
            if row["ended"]:
                self._instances.pop(row["i"], None)
            else:
                told = {key: row[key] for key in ("i", "m", "p", "file", "line", "row")}
                self._instances[row["i"]] = {**told, "state": row["to"], "t": at}
        self._effects(step["out"], at, None)

    def _effects(self, effects: list[Entry], at: float, number: int | None) -> None:
        for effect in effects:
            match effect["out"]:
                case "timer":
                    self._timers[effect["timer"]] = {"timer": effect["timer"], "t": at, "at": effect["at"], "i": number}
                case "clear":
                    self._timers.pop(effect["timer"], None)
                case "start":
                    self._jobs[effect["job"]] = {"job": effect["job"], "stage": effect["stage"], "t": at, "i": number}
                case "cancel":
                    self._jobs.pop(effect["job"], None)


def _quiet(step: Step) -> bool:
    return (
        not step.effects
        and step.fault is None
        and not any(step.told.edges)
        and all(taken.source == taken.plan.destination for taken in step.taken)
    )


def _shown(step: Step) -> Entry:
    done = 0
    rows = []
    for taken in step.taken:
        rows.append(_row(taken) | {"out": [effect_entry(each, False) for each in step.effects[done : taken.effects]]})
        done = taken.effects
    shown: Entry = {"rows": rows, "out": [effect_entry(effect, False) for effect in step.effects[done:]]}
    told = told_entry(step.told)
    if told:
        shown["told"] = told
    if step.fault is not None:
        cause = step.fault.__cause__ or step.fault
        shown["fault"] = f"{type(cause).__name__}: {cause}"
    return shown


def _row(taken: Taken) -> Entry:
    row = taken.plan.row
    return {
        "m": taken.machine,
        "i": taken.number,
        "p": taken.parent,
        "row": row.id,
        "file": row.file,
        "line": row.line,
        "from": taken.source,
        "to": taken.plan.destination,
        "ended": taken.ended,
    }


def _cut(value: Any) -> Any:
    """A copy with long texts and lists cut."""
    if isinstance(value, str):
        return value if len(value) <= LONGEST else f"{value[:LONGEST]}… ({len(value)} characters)"
    if isinstance(value, dict):
        return {key: _cut(entry) for key, entry in value.items()}
    return list(_cut_all(value)) if isinstance(value, list | tuple) else value


def _cut_all(values: Sequence[Any]) -> Iterator[Any]:
    for at, value in enumerate(values):
        if at == LONGEST:
            yield f"… ({len(values)} entries)"
            return
        yield _cut(value)
