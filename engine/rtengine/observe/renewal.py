"""Renewal: a journal as other machines would have written it, for changes that are meant.

The inputs stay. Where they name something that has another id now - a job, an item, a timer - they are given the new
one: ids that come up in the same step, in the same order among those of their kind, are taken to mean the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping

from rtengine import __version__
from rtengine.chart.load import Machines
from rtengine.observe.entry import Entry, read_input
from rtengine.observe.journal import step_lines
from rtengine.observe.player import Player
from rtengine.observe.recording import Recording
from rtengine.protocol.codec import encode
from rtengine.session.input_audio import DetectorFactory

ID = re.compile(r'(?<=")[a-z]+_[0-9A-Za-z]{16,21}(?=")|(?<="timer":")[^"]+#\d+(?=")')
"""An id as `Ids` makes it, or that of a timer, where it stands in JSON."""


def renewed(
    recording: Recording, machines: Machines, files: Mapping[str, Entry], detector: DetectorFactory | None = None
) -> Iterator[str]:
    """The lines of the new journal. ``files`` are the machine files, as a journal's head tells them.

    Raises RtengineError for a journal that this version cannot feed.
    """
    yield encode({**recording.head, "rtengine": __version__, "machines": files})
    player = Player(recording, machines, detector)
    names = _Names()
    for recorded in recording.steps:
        text = names.apply(recorded.given.text)
        yield text
        entry = json.loads(text)
        step = player.play(read_input(entry), entry["at"], recorded.told)
        lines = [encode(line) for line in step_lines(step, recording.audio)]
        yield from lines
        names.learn((line.text for line in recorded.lines), lines)
    if recording.complete:
        yield encode({"end": len(recording.steps)})


class _Names:
    """What the ids of a journal are called now. The same text may stand for one thing then and for another now."""

    def __init__(self) -> None:
        self._now: dict[str, str] = {}
        self._known_then: set[str] = set()
        self._known_now: set[str] = set()

    def apply(self, text: str) -> str:
        return ID.sub(lambda found: self._now.get(found[0], found[0]), text)

    def learn(self, before: Iterable[str], now: Iterable[str]) -> None:
        """Pair the ids that came up in one step."""
        old, new = _fresh(before, self._known_then), _fresh(now, self._known_now)
        for kind, ids in old.items():
            self._now |= zip(ids, new.get(kind, []), strict=False)


def _fresh(lines: Iterable[str], known: set[str]) -> dict[str, list[str]]:
    """By kind, the ids that are not known yet; they are from now on."""
    found: dict[str, list[str]] = {}
    for line in lines:
        for match in ID.finditer(line):
            if match[0] not in known:
                known.add(match[0])
                found.setdefault(match[0].partition("#" if "#" in match[0] else "_")[0], []).append(match[0])
    return found
