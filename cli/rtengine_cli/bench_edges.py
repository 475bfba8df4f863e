"""``rtengine bench edges``: how far the told edges of utterances lie from those in labelled recordings."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from rtengine.audio import g711
from rtengine.audio.detection import detector
from rtengine.audio.resample import resample
from rtengine_cli.bench_vad import APPEND_MS, NAMES, Name
from rtengine_cli.noisy_speech import RATE, RECORDINGS, Recording, Signal, pcm16, recordings

WITHIN_MS = 40
_LEAD_MS, _TRAIL_MS = 1000, 1500
_ROOM_DBFS = -70.0
_TELEPHONE = 8000

_out = Console()


@dataclass(frozen=True, slots=True)
class Condition:
    """How a recording is brought to the detector."""

    name: str
    room_dbfs: float | None = _ROOM_DBFS
    """White noise around and under the recording; None for digital silence around it."""
    peak_dbfs: float | None = None
    """The recording is made as loud as this; None leaves it as it is."""
    mu_law: bool = False
    threshold: float = 0.5
    silence_ms: float = 500.0


CONDITIONS = (
    Condition("quiet room"),
    Condition("digital silence", room_dbfs=None),
    Condition("µ-law, 8 kHz", room_dbfs=None, mu_law=True),
    Condition("threshold 0.3", threshold=0.3),
    Condition("threshold 0.7", threshold=0.7),
    Condition("silence 200 ms", silence_ms=200),
    Condition("peak -6 dBFS", peak_dbfs=-6),
    Condition("peak -20 dBFS", peak_dbfs=-20),
    Condition("peak -30 dBFS", peak_dbfs=-30, room_dbfs=None),
)


@dataclass
class Errors:
    """Of the edges of one kind; told minus labelled, in milliseconds."""

    told: list[float] = field(default_factory=list)
    unheard: int = 0

    def add(self, truth: float, told: float | None) -> None:
        if told is None:
            self.unheard += 1
        else:
            self.told.append(told - truth)

    def fields(self) -> dict[str, Any]:
        """``within`` is the share of all edges, those that were not heard included."""
        sizes = np.abs(self.told)
        edges = len(sizes) + self.unheard
        return {
            "edges": edges,
            "within": round(float(np.sum(sizes <= WITHIN_MS)) / max(edges, 1), 4),
            "median_ms": round(float(np.median(self.told)), 1) if self.told else None,
            "p95_ms": round(float(np.percentile(sizes, 95)), 1) if self.told else None,
            "worst_ms": round(float(max(sizes)), 1) if self.told else None,
            "unheard": self.unheard,
        }


def edges(
    folder: Annotated[
        Path, typer.Option("--recordings", help="WAV files and their labels.yaml.", show_default="the repository's")
    ] = RECORDINGS,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Measure where both detectors put the first onset and the last end of each recording."""
    spoken = recordings(folder)
    found = {(condition.name, name): measure(name, spoken, condition) for condition in CONDITIONS for name in NAMES}
    if as_json:
        report: dict[str, Any] = {name: {} for name in NAMES}
        for (condition, name), (onsets, ends) in found.items():
            report[name][condition] = {"onsets": onsets.fields(), "ends": ends.fields()}
        typer.echo(json.dumps(report, indent=2))
        return
    _out.print(f"{len(spoken)} recordings; edges within {WITHIN_MS} ms of the labels\n")
    _out.print(_table(found))


def measure(name: Name, spoken: Iterable[Recording], condition: Condition) -> tuple[Errors, Errors]:
    """Errors of the first onset and of the last end of each recording."""
    onsets, ends = Errors(), Errors()
    for recording in spoken:
        first, last = _hear(name, *_stream(recording.samples, condition), condition)
        onsets.add(recording.onset_ms, first)
        ends.add(recording.end_ms, last)
    return onsets, ends


def _stream(speech: Signal, condition: Condition) -> tuple[NDArray[np.int16], int]:
    """Samples as they come to the detector, and their rate."""
    if condition.peak_dbfs is not None:
        speech = speech * (32768 * 10 ** (condition.peak_dbfs / 20) / np.max(np.abs(speech)))
    whole = np.concatenate([np.zeros(_LEAD_MS * RATE // 1000), speech, np.zeros(_TRAIL_MS * RATE // 1000)])
    if condition.room_dbfs is not None:
        whole += np.random.default_rng(7).normal(0, 32768 * 10 ** (condition.room_dbfs / 20), len(whole))
    if not condition.mu_law:
        return pcm16(whole), RATE
    narrow = pcm16(resample(whole.astype(np.float32), RATE, _TELEPHONE).astype(np.float64))
    return g711.decode(g711.encode(narrow, "pcmu"), "pcmu"), _TELEPHONE


def _hear(name: Name, samples: NDArray[np.int16], rate: int, condition: Condition) -> tuple[float | None, float | None]:
    """The first onset and the last end, on the clock of the recording."""
    activity = detector(name, rate)
    activity.configure(condition.threshold, condition.silence_ms)
    piece = rate * APPEND_MS // 1000
    told = [edge for at in range(0, len(samples), piece) for edge in activity.feed(samples[at : at + piece])]
    onsets = [edge.at_ms - _LEAD_MS for edge in told if edge.kind == "speech"]
    ends = [edge.at_ms - condition.silence_ms - _LEAD_MS for edge in told if edge.kind == "ended"]
    return (onsets[0] if onsets else None), (ends[-1] if ends else None)


def _table(found: dict[tuple[str, Name], tuple[Errors, Errors]]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("recordings in")
    table.add_column("detector")
    for heading in ("onsets", "p95 ms", "worst", "ends", "p95 ms", "worst", "unheard"):
        table.add_column(heading, justify="right")
    for (condition, name), both in found.items():
        cells: list[str] = []
        for errors in both:
            row = errors.fields()
            cells.append(f"{row['within']:.1%}")
            cells += ["–" if row[key] is None else f"{row[key]:.0f}" for key in ("p95_ms", "worst_ms")]
        table.add_row(condition if name == NAMES[0] else "", name, *cells, str(both[0].unheard))
    return table
