"""``rtengine bench turns``: server_vad and semantic_vad on the same spoken sentences, with pauses, in the same noises.

The sentences are spoken by the profile's own voice: whole, and cut where somebody might stop to think.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from rtengine.audio.detection import detector
from rtengine.audio.resample import resample
from rtengine.errors import RtengineError
from rtengine.models.completeness import word_count
from rtengine.models.jobs import GenerateRequest, Job, JudgeDone, SpeakRequest, TranscribeDone, TranscribeRequest
from rtengine.models.ports import Cancel
from rtengine.models.registry import Kind
from rtengine.pipeline.stage import AnyStage, SpeakStage, load_stage
from rtengine.profile.load import Profile, load_profile
from rtengine.protocol.turn_detection import Eagerness
from rtengine.session.patience import longest_silence_ms, silence_ms
from rtengine_cli.noisy_speech import RATE, Recording, Signal, mixed, noises

SENTENCES = (
    "What is the capital | of France?",
    "Could you tell me what the weather | will be like tomorrow in Berlin?",
    "I would like to book a table for | two people at eight o'clock.",
    "Please play some | quiet music in the kitchen.",
    "My flight was cancelled and I need to | get to London tonight.",
    "How many calories are there in a | slice of pizza?",
    "Set an alarm for | half past six tomorrow morning.",
    "I have been waiting for my | parcel since last Monday.",
    "Can you help me to write a | letter to my landlord?",
    "What is the difference between a crocodile and | an alligator?",
    "Turn off the lights in | the living room.",
    "I think I left my keys | in the car.",
)
"""The bar is where the speaker stops to think."""
SNRS = {"clean": None, "white": 20, "pink": 10}
"""Decibels over the noise."""
PAUSE_MS = 1000
SERVER_VAD_MS = (200, 500, 1000)
NOTICED_MS = 80
"""After so much silence the words are asked for."""
EAGERNESS: tuple[Eagerness, ...] = ("low", "medium", "high")

_out = Console()


@dataclass
class Heard:
    """What the models make of a pause, and what it costs."""

    probability: list[float] = field(default_factory=list)
    transcribe_ms: list[float] = field(default_factory=list)
    judge_ms: list[float] = field(default_factory=list)
    lost: int = 0
    """Utterances in which no voice, or no words, were found."""


def turns(
    profile: Annotated[
        str, typer.Option("--profile", "-p", help="Profile whose transcriber, chat model and voice are used.")
    ] = "default",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Measure how server_vad and semantic_vad end turns: answers given into a pause, and the wait after a sentence."""
    models = Models(load_profile(profile))
    try:
        found = {noise: (models.hear(noise, whole=True), models.hear(noise, whole=False)) for noise in SNRS}
    finally:
        models.close()
    rows = [row for noise, (whole, cut) in found.items() for row in outcomes(noise, whole, cut)]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    _out.print(f"{len(SENTENCES)} sentences, with a pause of {PAUSE_MS} ms in each to answer into by mistake\n")
    _out.print(_table(rows))
    took = [each for pair in found.values() for each in pair]
    _out.print(
        f"\ncost of a judgement: {_median([ms for each in took for ms in each.transcribe_ms]):.0f} ms for the words, "
        f"which the answer needs anyway; {_median([ms for each in took for ms in each.judge_ms]):.0f} ms for the judge"
    )


class Models:
    """The stages of a profile, run right here."""

    def __init__(self, profile: Profile) -> None:
        missing = [part for part in ("transcriber", "chat", "voice") if part not in profile.models]
        if missing:
            raise RtengineError(f"The profile '{profile.name}' has no {missing[0]}.", hint="try --profile default")
        names: dict[Kind, str] = {"transcriber": "transcribe", "chat": "generate", "voice": "speak"}
        self._stages: dict[str, AnyStage] = {
            name: load_stage(name, profile.models[part].name, profile.models[part].settings, lambda step: None)
            for part, name in names.items()
        }
        self._noises = noises(8)

    def close(self) -> None:
        for stage in self._stages.values():
            stage.close()

    def hear(self, noise: str, whole: bool) -> Heard:
        """The judgements at the end of every sentence, or at the pause within it."""
        heard = Heard()
        for sentence in SENTENCES:
            said = sentence.replace("| ", "") if whole else sentence.split(" |")[0]
            self._listen(self._spoken(said), noise, heard)
        return heard

    def _spoken(self, text: str) -> Recording:
        stage = self._stages["speak"]
        assert isinstance(stage, SpeakStage)
        voice = stage.adapter
        samples = np.concatenate(list(voice.speak(SpeakRequest(text, "marin"), Cancel())))
        signal: Signal = resample(samples, voice.rate, RATE).astype(np.float64) * 32767
        loud = np.flatnonzero(np.abs(signal) > 300)
        return Recording(text, signal, float(loud[0]) * 1000 / RATE, float(loud[-1]) * 1000 / RATE)

    def _listen(self, recording: Recording, noise: str, heard: Heard) -> None:
        snr = SNRS[noise]
        stream = mixed(recording, None if snr is None else self._noises[noise], snr or 0.0)
        activity = detector("silero", RATE)
        activity.configure(0.5, longest_silence_ms("low"))
        edges = activity.feed(stream.samples)
        if not edges or edges[-1].kind != "silence":
            heard.lost += 1
            return
        start, end = max(0.0, edges[0].at_ms - 300), edges[-1].at_ms + 100
        clip = stream.samples[round(start * RATE / 1000) : round(end * RATE / 1000)]
        done, took = self._run("transcribe", TranscribeRequest(clip.astype("<i2").tobytes(), RATE, "en"))
        heard.transcribe_ms.append(took)
        if not isinstance(done, TranscribeDone) or word_count(done.transcript) == 0:
            heard.lost += 1
        elif word_count(done.transcript) <= 2:
            heard.probability.append(1.0)
        else:
            asked = GenerateRequest(({"role": "user", "content": done.transcript},), judge_only=True)
            judged, took = self._run("generate", asked)
            heard.judge_ms.append(took)
            assert isinstance(judged, JudgeDone), judged
            heard.probability.append(judged.probability)

    def _run(self, stage: str, request: TranscribeRequest | GenerateRequest) -> tuple[Any, float]:
        started = time.perf_counter()
        results = list(self._stages[stage].handle(Job("job", "bench", request), Cancel()))
        return results[-1], (time.perf_counter() - started) * 1e3


def outcomes(noise: str, whole: Heard, cut: Heard) -> Iterator[dict[str, Any]]:
    """A row for each setting: how often it answers into the pause, and how long it waits after a whole sentence.

    No judgement comes before the words and the judge are done, however eager it is.
    """
    for fixed in SERVER_VAD_MS:
        yield _row(noise, f"server_vad {fixed} ms", float(fixed <= PAUSE_MS), [float(fixed)], 0)
    floor = NOTICED_MS + _median(whole.transcribe_ms) + _median(whole.judge_ms)
    for eagerness in EAGERNESS:
        waits = [silence_ms(eagerness, probability) for probability in cut.probability]
        after = [max(floor, silence_ms(eagerness, each)) for each in whole.probability]
        early = sum(wait <= PAUSE_MS for wait in waits) / max(len(waits), 1)
        yield _row(noise, f"semantic_vad {eagerness}", early, after, whole.lost + cut.lost)


def _row(noise: str, setting: str, early: float, waits: list[float], lost: int) -> dict[str, Any]:
    return {
        "noise": noise,
        "turn_detection": setting,
        "answers_into_pause": early,
        "wait_ms": _median(waits),
        "longest_wait_ms": max(waits, default=float("nan")),
        "lost": lost,
    }


def _median(values: list[float]) -> float:
    return statistics.median(values) if values else float("nan")


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("noise", "turn detection"):
        table.add_column(heading, no_wrap=True)
    for heading in ("answers into pause", "wait, median", "longest", "lost"):
        table.add_column(heading, justify="right")
    for row in rows:
        snr = SNRS[row["noise"]]
        where = row["noise"] if snr is None else f"{row['noise']} {snr} dB"
        early = f"{row['answers_into_pause']:.0%}"
        waits = (f"{row[key]:.0f} ms" for key in ("wait_ms", "longest_wait_ms"))
        table.add_row(where, row["turn_detection"], early, *waits, str(row["lost"]))
    return table
