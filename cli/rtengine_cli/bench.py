"""``rtengine bench``: measurements on this machine. Compare ratios: absolute times are the machine's own."""

from __future__ import annotations

import typer

from rtengine_cli import bench_chart, bench_edges, bench_pipeline, bench_sessions, bench_turns, bench_vad

app = typer.Typer(help="Measure parts of the server on this machine.", no_args_is_help=True)
app.command("vad")(bench_vad.vad)
app.command("edges")(bench_edges.edges)
app.command("turns")(bench_turns.turns)
app.command("chart")(bench_chart.chart)
app.command("pipeline")(bench_pipeline.pipeline)
app.command("sessions")(bench_sessions.sessions)
