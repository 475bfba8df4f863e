"""``rtengine bench pipeline``: the hosts of the pipeline side by side, with models that take no time of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Annotated

import typer

from rtengine.errors import RtengineError
from rtengine.pipeline.benchmark import Measurement, measure, percentile
from rtengine.profile.load import load_profile

HOSTS = ("local", "dora")
_ROWS: tuple[tuple[str, Callable[[Measurement], float], str], ...] = (
    ("start, ms", lambda found: found.start_ms, ".0f"),
    ("hop p50, ms", lambda found: percentile(found.hops, 0.5), ".2f"),
    ("hop p99, ms", lambda found: percentile(found.hops, 0.99), ".2f"),
    ("first audio p50, ms", lambda found: percentile(found.first_audio, 0.5), ".2f"),
    ("first audio p99, ms", lambda found: percentile(found.first_audio, 0.99), ".2f"),
    ("CPU of a turn, ms", lambda found: found.cpu_ms, ".1f"),
    ("messages a second", lambda found: found.messages / found.seconds, ".0f"),
)
_COUNTS: tuple[tuple[str, Callable[[Measurement], int]], ...] = (
    ("messages", lambda found: found.messages),
    ("lost", lambda found: found.lost),
    ("reordered", lambda found: found.reordered),
    ("failed jobs", lambda found: found.failed),
)


def pipeline(
    turns: Annotated[int, typer.Option(min=10, help="Turns measured one after the other.")] = 200,
    messages: Annotated[int, typer.Option(min=500, help="Messages that must all come, in order.")] = 100_000,
    profile: Annotated[
        str, typer.Option("--profile", "-p", help="Profile with all three models, best scripted.")
    ] = "scripted",
) -> None:
    """Compare the hosts of the pipeline: threads of the server against nodes of a dora dataflow."""
    from rtengine.server.app import pipeline_host

    given = load_profile(profile)
    found: dict[str, Measurement] = {}
    for name in HOSTS:
        chosen = replace(given, pipeline=given.pipeline.model_copy(update={"host": name}))
        found[name] = asyncio.run(measure(pipeline_host(chosen), turns, messages, partial(_tell, name)))
    typer.echo(table(found["local"], found["dora"]))
    broken = [name for name in HOSTS if found[name].lost or found[name].reordered or found[name].failed]
    if broken:
        raise RtengineError(f"Messages were lost or came out of order: {', '.join(broken)}.")


def _tell(name: str, step: str) -> None:
    typer.echo(f"{name}: {step}", err=True)


def table(local: Measurement, dora: Measurement) -> str:
    """Both side by side, with the ratio of dora to local."""
    lines = [f"{'':<22}{'local':>10}{'dora':>10}{'ratio':>8}"]
    for title, value, form in _ROWS:
        ratio = value(dora) / value(local) if value(local) else float("nan")
        lines.append(f"{title:<22}{value(local):>10{form}}{value(dora):>10{form}}{ratio:>8.2f}")
    lines += [f"{title:<22}{count(local):>10}{count(dora):>10}" for title, count in _COUNTS]
    return "\n".join(lines)
