"""``rtengine bench vad``: both voice activity detectors on the same recordings in the same noises."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table

from rtengine.audio.activity import Edge
from rtengine.audio.detection import detector
from rtengine_cli.noisy_speech import RECORDINGS, Recording, Stream, mixed, noises, pcm16, pieces, recordings

Name = Literal["silero", "webrtc"]
NAMES: tuple[Name, ...] = ("silero", "webrtc")
SNRS = (20, 10, 5, 0)
APPEND_MS = 40
SILENCE_MS = 500
EARLY_MS, LATE_MS = 250, 250
"""An onset outside of the speech by more than this is a false start."""
NOISE_SECONDS = 60

_out = Console()


@dataclass
class Score:
    """How one detector did in one kind of noise."""

    onset_ms: list[float] = field(default_factory=list)
    end_ms: list[float] = field(default_factory=list)
    missed: int = 0
    """Utterances without an onset of their own."""
    unended: int = 0
    """Utterances whose end was not found within a second."""
    false: int = 0
    """Starts where nobody spoke."""
    utterances: int = 0
    cpu_seconds: float = 0.0
    appends: int = 0

    def add(self, stream: Stream, edges: list[Edge]) -> None:
        self.utterances += 1
        first, last = stream.onset_ms - EARLY_MS, stream.end_ms + LATE_MS
        starts = [edge.at_ms for edge in edges if edge.kind == "speech"]
        own = [at for at in starts if first <= at <= last]
        self.false += len(starts) - len(own)
        if own:
            self.onset_ms.append(abs(own[0] - stream.onset_ms))
        else:
            self.missed += 1
        ends = [edge.at_ms - SILENCE_MS for edge in edges if edge.kind == "ended"]
        near = [at - stream.end_ms for at in ends if abs(at - stream.end_ms) <= 1000]
        if near:
            self.end_ms.append(min(map(abs, near)))
        else:
            self.unended += 1

    @property
    def cpu_us(self) -> float:
        return self.cpu_seconds / max(self.appends, 1) * 1e6

    def fields(self) -> dict[str, Any]:
        return {
            "utterances": self.utterances,
            "onset_error_ms": _median(self.onset_ms),
            "end_error_ms": _median(self.end_ms),
            "missed": self.missed,
            "unended": self.unended,
            "false_starts": self.false,
            "cpu_us_per_append": round(self.cpu_us, 1),
        }


def _median(values: list[float]) -> float | None:
    return round(statistics.median(values), 1) if values else None


def vad(
    folder: Annotated[
        Path, typer.Option("--recordings", help="WAV files and their labels.yaml.", show_default="the repository's")
    ] = RECORDINGS,
    threshold: Annotated[float, typer.Option(min=0, max=1, help="`threshold` of server_vad.")] = 0.5,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Measure both voice activity detectors: accuracy in noise, and CPU per append of 40 ms."""
    spoken = recordings(folder)
    scores = {(name, noise): score for name in NAMES for noise, score in measure(name, spoken, threshold).items()}
    alone = {name: noise_alone(name, threshold) for name in NAMES}
    if as_json:
        typer.echo(json.dumps(report(scores, alone), indent=2))
        return
    _out.print(f"{len(spoken)} recordings, {SNRS[0]} to {SNRS[-1]} dB over the noise; threshold {threshold:g}\n")
    _out.print(_table(scores, alone))
    _out.print(_ratios(scores))


def measure(name: Name, spoken: Iterable[Recording], threshold: float) -> dict[str, Score]:
    """Scores by noise; ``clean`` without any. Every stream is heard from its beginning by a detector of its own."""
    spoken = list(spoken)
    longest = max(len(each.samples) for each in spoken) / 24000 + 3
    scores = {"clean": Score()}
    for recording in spoken:
        _hear(name, mixed(recording, None), threshold, scores["clean"])
    for noise, signal in noises(longest).items():
        score = scores[noise] = Score()
        for recording in spoken:
            for snr in SNRS:
                _hear(name, mixed(recording, signal, snr), threshold, score)
    return scores


def _hear(name: Name, stream: Stream, threshold: float, score: Score) -> None:
    activity = detector(name, 24000)
    activity.configure(threshold, SILENCE_MS)
    edges: list[Edge] = []
    started = time.thread_time()
    for piece in pieces(stream.samples, APPEND_MS):
        edges += activity.feed(piece)
        score.appends += 1
    score.cpu_seconds += time.thread_time() - started
    score.add(stream, edges)


def noise_alone(name: Name, threshold: float) -> dict[str, int]:
    """Starts in a minute of each noise at -20 dBFS with nobody in it."""
    starts = {}
    for noise, signal in noises(NOISE_SECONDS).items():
        activity = detector(name, 24000)
        activity.configure(threshold, SILENCE_MS)
        edges = [edge for piece in pieces(pcm16(signal), APPEND_MS) for edge in activity.feed(piece)]
        starts[noise] = sum(edge.kind == "speech" for edge in edges)
    return starts


Scores = dict[tuple[Name, str], Score]
Alone = dict[Name, dict[str, int]]


def report(scores: Scores, alone: Alone) -> dict[str, Any]:
    return {
        name: {noise: score.fields() for (owner, noise), score in scores.items() if owner == name}
        | {"starts_per_minute_of_noise": alone[name]}
        for name in NAMES
    }


def _table(scores: Scores, alone: Alone) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("noise")
    table.add_column("detector")
    for heading in ("onset ±ms", "end ±ms", "missed", "no end", "false", "false/min", "µs/40 ms"):
        table.add_column(heading, justify="right")
    for noise in dict.fromkeys(noise for _, noise in scores):
        for name in NAMES:
            score = scores[name, noise]
            of = f"/{score.utterances}"
            shown = [score.fields()["onset_error_ms"], score.fields()["end_error_ms"]]
            counts = [f"{score.missed}{of}", f"{score.unended}{of}", score.false, alone[name].get(noise, "")]
            cells = ["–" if value is None else f"{value:.0f}" for value in shown] + [str(count) for count in counts]
            table.add_row(noise if name == NAMES[0] else "", name, *cells, f"{score.cpu_us:.0f}")
    return table


def _ratios(scores: Scores) -> str:
    """The two side by side, over everything."""

    def total(name: Name) -> tuple[int, float]:
        own = [score for (owner, _), score in scores.items() if owner == name]
        wrong = sum(score.missed + score.unended + score.false for score in own)
        return wrong, sum(score.cpu_seconds for score in own) / sum(score.appends for score in own)

    (wrong, cpu), (others, other_cpu) = total("silero"), total("webrtc")
    return (
        f"\nmissed, unended and false together: silero {wrong}, webrtc {others}"
        f" ({others / max(wrong, 1):.1f} times as many)\n"
        f"CPU: silero {cpu / other_cpu:.1f} times webrtc, {cpu / (APPEND_MS / 1000):.2%} of a core for each speaker"
    )
