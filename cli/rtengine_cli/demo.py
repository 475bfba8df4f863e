"""``rtengine demo``: starts a server, asks it a recorded question, and shows what happened and when."""

from __future__ import annotations

import asyncio
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from rtengine.errors import RtengineError
from rtengine.profile.load import load_profile
from rtengine_cli.child import Child
from rtengine_cli.client import session
from rtengine_cli.exchange import Exchange
from rtengine_cli.recording import BYTES_PER_SECOND, loudness, read_wav, write_wav
from rtengine_cli.talk import begin, say

QUESTION = Path(__file__).parent / "question.wav"
AUDIBLE = 0.003
"""Root mean square below which an answer counts as silence."""
STAGES = (
    ("transcript_ms", "the question as text"),
    ("first_token_ms", "first word of the answer"),
    ("first_clause_ms", "first clause of the answer"),
    ("voice_ms", "first sound of the voice"),
)
BAR_MS = 20


def demo(
    profile: Annotated[
        str, typer.Option("--profile", "-p", help="Name of a shipped profile, or path of a file.")
    ] = "default",
    file: Annotated[
        Path, typer.Option("--file", "-f", help="WAV file with a question.", show_default="the shipped one")
    ] = QUESTION,
    out: Annotated[Path, typer.Option("--out", "-o", help="WAV file for the spoken answer.")] = Path("answer.wav"),
) -> None:
    """Ask a server of its own a recorded question. Exit status 0 only when a spoken answer came."""
    load_profile(profile)  # its findings are told here, not from the child's log
    question = read_wav(file)
    console = Console(highlight=False)
    console.print(f"Starting a server with the profile [bold]{profile}[/bold]")
    with Child(
        profile, on_line=lambda line: console.print(f"  {line}", style="dim", markup=False, soft_wrap=True)
    ) as server:
        begun = len(server.log)
        console.print(f"Asking {file.name} ({len(question) / BYTES_PER_SECOND:.1f} s) at {server.url}\n")
        exchange = asyncio.run(_ask(server.url, question))
        server.stop()
        turn = server.last("turn")
    _show(console, exchange, turn)
    for entry in server.log[begun:]:
        if entry.get("level") in ("warning", "error"):
            console.print(f"{entry['level']}: {entry['message']}", style="yellow", markup=False, soft_wrap=True)
    write_wav(out, bytes(exchange.answer))
    console.print(f"\n{out}: {len(exchange.answer) / BYTES_PER_SECOND:.1f} s of speech", highlight=False)
    judge(exchange)


async def _ask(url: str, question: bytes) -> Exchange:
    async with session(url) as client:
        await begin(client)
        await say(client, question)
        return client.exchange


def judge(exchange: Exchange) -> None:
    """Raises RtengineError unless the question was answered aloud, and completely."""
    if exchange.errors:
        detail = exchange.errors[0].get("error", {}).get("message", "")
        raise RtengineError(f"the server answered with an error: {detail}")
    if exchange.statuses[-1:] != ["completed"]:
        raise RtengineError(f"the response did not complete: {', '.join(exchange.statuses) or 'none came'}")
    if not exchange.answer:
        raise RtengineError("the answer has no sound", "the profile answers with text; `rtengine talk` shows it")
    if loudness(bytes(exchange.answer)) < AUDIBLE:
        raise RtengineError("the answer is silence")


def _show(console: Console, exchange: Exchange, turn: dict[str, Any] | None) -> None:
    for line in exchange.lines:
        console.print(f"{line.who:>5}: {line.text}", markup=False)
    if turn is not None:
        console.print(f"\nTime line after {turn['reference']}")
        console.print(_timeline(turn))
    console.print("\nServer events")
    start = exchange.events[0][0]
    for kind, group in groupby(exchange.events, key=lambda entry: str(entry[1].get("type"))):
        times = [at for at, _ in group]
        count = f" ×{len(times)}" if len(times) > 1 else ""
        console.print(f"  {times[0] - start:7.3f} s  {kind}{count}", markup=False)


def _timeline(turn: dict[str, Any]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    passed = 0.0
    for name, label in STAGES:
        if (milliseconds := turn.get(name)) is None:
            continue
        bar = " " * round(passed / BAR_MS) + "━" * max(1, round(milliseconds / BAR_MS))
        table.add_row(f"  {label}", f"{milliseconds:.0f} ms", bar)
        passed += milliseconds
    for name, label in (("first_audio_ms", "answer heard after"), ("done_ms", "answer complete after")):
        if turn.get(name) is not None:
            table.add_row(f"  [bold]{label}[/bold]", f"[bold]{turn[name]:.0f} ms[/bold]", "")
    return table
