"""``rtengine bench sessions``: what a session costs, and how fast it answers beside others, without models."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from rtengine.errors import RtengineError
from rtengine.pipeline.benchmark import percentile
from rtengine_cli.child import HOST, Child
from rtengine_cli.crowd import FRAME_SECONDS, Cost, frames, measure
from rtengine_cli.demo import QUESTION
from rtengine_cli.recording import read_wav

ONSET_SECONDS = 0.56
"""Where the voice begins in the recorded question."""
PROFILE = """profile: sessions
version: 1
extends: scripted
models: {{vad: {{adapter: {vad}}}, voice: {{adapter: scripted, ms_per_character: 20}}}}
limits: {{sessions: {sessions}}}
"""
DEAF: dict[str, Any] = {"audio": {"input": {"turn_detection": None}}}


def sessions(
    count: Annotated[int, typer.Option("--sessions", min=2, help="Callers at once.")] = 50,
    seconds: Annotated[float, typer.Option(min=1, help="How long each measurement lasts.")] = 10.0,
) -> None:
    """CPU of sessions that send audio all the time, against a bare WebSocket server, and their delays. Linux only."""
    words, onset = frames(read_wav(QUESTION)), int(ONSET_SECONDS / FRAME_SECONDS)

    def crowd(url: str, pid: int, size: int, **more: Any) -> Cost:
        return asyncio.run(measure(url, size, seconds, lambda: cpu_seconds(pid), **more))

    with bare() as (url, pid):
        costs = {"a bare server that drops them": crowd(url, pid, count)}
    turns: dict[int, Cost] = {}
    for vad in ("webrtc", "silero"):
        with server(vad, count) as child:
            if vad == "webrtc":
                costs["no turn detection"] = crowd(child.url, child.pid, count, update=DEAF)
            costs[f"{vad} listens to a room"] = crowd(child.url, child.pid, count)
            if vad == "silero":
                for size in (1, count):
                    turns[size] = crowd(child.url, child.pid, size, words=words, onset=onset)
                costs[f"{vad} in turns, one after the other"] = turns[count]
    typer.echo(cost_table(costs))
    typer.echo("")
    typer.echo(delay_table(turns))


def cost_table(costs: dict[str, Cost]) -> str:
    """CPU per append, with the ratio to the first row."""
    least = next(iter(costs.values())).append_us
    lines = [f"{'CPU of an append of 40 ms':<38}{'µs':>8}{'ratio':>8}{'sessions a core':>18}"]
    for title, cost in costs.items():
        lines.append(f"{title:<38}{cost.append_us:>8.0f}{cost.append_us / least:>8.1f}{1 / cost.session:>18,.0f}")
    return "\n".join(lines)


def delay_table(turns: dict[int, Cost]) -> str:
    """Delays of one caller and of many, with the ratio of the last to the first. Raises RtengineError without turns."""
    rows: tuple[tuple[str, Callable[[Cost], list[float]]], ...] = (
        ("voice begins → speech_started", lambda cost: cost.tally.heard),
        ("speech_stopped → first audio", lambda cost: cost.tally.answered),
    )
    if not all(read(cost) for _, read in rows for cost in turns.values()):
        raise RtengineError("nobody was answered in the time given", hint="give it more `--seconds`")
    few, many = turns
    lines = [f"{'delays, ms':<38}{f'{few} caller':>14}{f'{many} callers':>14}{'ratio':>8}"]
    for title, read in rows:
        for part, name in ((0.5, "p50"), (0.99, "p99")):
            one, all_of_them = (percentile(read(turns[size]), part) * 1000 for size in (few, many))
            lines.append(f"{f'{title}, {name}':<38}{one:>14.1f}{all_of_them:>14.1f}{all_of_them / one:>8.1f}")
    return "\n".join(lines)


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has had. Raises ``RtengineError`` where the system does not tell."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError as error:
        raise RtengineError("this system does not tell the CPU time of a process in /proc") from error
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def server(vad: str, count: int) -> Iterator[Child]:
    """rtengine with scripted models."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sessions.yaml"
        path.write_text(PROFILE.format(vad=vad, sessions=count + 1), encoding="utf-8")
        with Child(str(path), lambda line: None) as child:
            yield child


@contextmanager
def bare() -> Iterator[tuple[str, int]]:
    """A server that takes messages and drops them: its address and its process."""
    command = [sys.executable, "-m", "rtengine_cli.sink", HOST]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"ws://{HOST}:{process.stdout.readline().strip()}", process.pid
        finally:
            process.terminate()
