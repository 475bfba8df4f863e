"""``rtengine run``: a server, from one profile."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from rtengine import __version__
from rtengine.profile.load import Profile, load_profile


class LogFormat(StrEnum):
    pretty = "pretty"
    json = "json"


class PipelineName(StrEnum):
    local = "local"
    dora = "dora"


def run(
    profile: Annotated[
        str, typer.Option("--profile", "-p", help="Name of a shipped profile, or path of a file.")
    ] = "default",
    host: Annotated[str | None, typer.Option(help="Address to listen on, instead of the profile's.")] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port to listen on, instead of the profile's; 0 takes a free one."),
    ] = None,
    log_format: Annotated[
        LogFormat, typer.Option(help="Lines for a person, or a JSON object a line.")
    ] = LogFormat.pretty,
    pull: Annotated[bool, typer.Option("--pull/--no-pull", help="Fetch the weights that are missing.")] = True,
    pipeline: Annotated[
        PipelineName | None,
        typer.Option(help="Models in threads of the server or in the nodes of a dataflow, instead of the profile's."),
    ] = None,
    dataflow: Annotated[
        Path | None,
        typer.Option(dir_okay=False, exists=True, help="Dataflow to run; see `rtengine dataflow`."),
    ] = None,
) -> None:
    """Start a server."""
    from rtengine.server.app import run as serve

    if dataflow is not None and pipeline is PipelineName.local:
        raise typer.BadParameter("a dataflow runs with --pipeline dora only", param_hint="--dataflow")
    loaded = with_pipeline(load_profile(profile), pipeline, dataflow)

    def on_ready(bound_host: str, bound_port: int) -> None:
        if log_format is LogFormat.pretty:
            typer.echo(banner(loaded, bound_host, bound_port))

    raise typer.Exit(serve(loaded, host=host, port=port, log_format=log_format.value, pull=pull, on_ready=on_ready))


def with_pipeline(profile: Profile, host: PipelineName | None, dataflow: Path | None) -> Profile:
    """The profile with its pipeline as the options have it."""
    given: dict[str, str] = {}
    if host is not None:
        given["host"] = host.value
    if dataflow is not None:
        given |= {"host": PipelineName.dora.value, "dataflow": str(dataflow)}
    return replace(profile, pipeline=profile.pipeline.model_copy(update=given))


def banner(profile: Profile, host: str, port: int) -> str:
    """What a person needs to know once the server is ready."""
    shown = f"[{host}]" if ":" in host else host
    local = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, shown)
    models = ", ".join(
        f"{kind} {profile.models[kind].name}"
        for kind in ("vad", "transcriber", "chat", "voice")
        if kind in profile.models
    )
    return "\n".join(
        (
            f"rtengine {__version__} is ready",
            f"  WebSocket  ws://{local}:{port}/v1/realtime",
            f"  base_url   http://{local}:{port}/v1  (health: /healthz, /readyz)",
            f"  profile    {profile.name}  ({profile.path})",
            f"  models     {models}",
            f"  machines   {', '.join(profile.machines)}",
            "  stop       Ctrl+C: running responses finish first; again: at once",
        )
    )
