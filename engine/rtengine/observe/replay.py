"""Replay: a journal is fed to the machines again, and what comes out is compared to the byte."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rtengine.chart.coverage import describe
from rtengine.chart.load import Machines
from rtengine.observe.entry import read_input
from rtengine.observe.journal import step_lines
from rtengine.observe.player import Player
from rtengine.observe.recording import Line, Recorded, Recording
from rtengine.observe.watch import Step
from rtengine.protocol.codec import encode
from rtengine.session.input_audio import DetectorFactory


@dataclass(frozen=True, slots=True)
class Made:
    """Something that came out, and the row that made it."""

    text: str
    """As it stands in a journal."""
    row: str
    """``file:line`` and what it says; empty for what no row makes."""
    line: int = 0
    """In the journal; 0 for what the replay made."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Where what came out is for the first time not what had come out. None: nothing more came."""

    given: Line
    """The input that led to it."""
    recorded: Made | None
    replayed: Made | None


def replay(recording: Recording, machines: Machines, detector: DetectorFactory | None = None) -> Difference | None:
    """Feed a journal to the machines; the first difference, or None when there is none.

    With a ``detector`` the sound is listened to again, which must have been kept; without one, voice activity is what
    it was. Raises RtengineError for a journal that this version cannot feed.
    """
    player = Player(recording, machines, detector)
    for number, recorded in enumerate(recording.steps):
        entry = recorded.given.entry
        step = player.play(read_input(entry), entry["at"], recorded.told)
        cut = not recording.complete and number == len(recording.steps) - 1
        difference = _compare(recorded, list(_replayed(step, recording.audio)), cut)
        if difference is not None:
            return difference
    return None


def _compare(recorded: Recorded, replayed: Sequence[Made], cut: bool) -> Difference | None:
    before = list(_recorded(recorded))
    for old, new in zip(before, replayed, strict=False):
        if old.text != new.text:
            return Difference(recorded.given, old, new)
    if len(before) > len(replayed):
        return Difference(recorded.given, before[len(replayed)], None)
    if len(before) < len(replayed) and not cut:
        return Difference(recorded.given, None, replayed[len(before)])
    return None


def _recorded(step: Recorded) -> Iterator[Made]:
    row = ""
    for line in step.lines:
        if "row" in line.entry:
            row = "{row}  {machine}: {event}, {from} → {to}".format_map(line.entry)
        else:
            yield Made(line.text, row if "out" in line.entry else "", line.number)


def _replayed(step: Step, digest: bool) -> Iterator[Made]:
    rows = iter([(taken, taken.effects) for taken in step.taken])
    taken, until = next(rows, (None, 0))
    outs = 0
    for entry in step_lines(step, digest):
        if "row" in entry:
            continue
        if "out" not in entry:
            yield Made(encode(entry), "")
            continue
        while taken is not None and outs >= until:
            following = next(rows, None)
            if following is None:
                break  # what comes with the end of a session belongs to its last row
            taken, until = following
        outs += 1
        yield Made(encode(entry), f"{taken.plan.where}  {describe(taken.plan.row)}" if taken else "")
