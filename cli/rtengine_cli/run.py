"""``rtengine run``: a server, from one profile."""

from __future__ import annotations

import logging
import secrets
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rtengine import __version__
from rtengine.profile.load import Profile, load_profile

if TYPE_CHECKING:
    from rtengine.server.observation import Observation

READY = logging.getLogger("rtengine.server.ready")


class LogFormat(StrEnum):
    pretty = "pretty"
    json = "json"


class LogLevel(StrEnum):
    debug = "debug"
    info = "info"
    warning = "warning"
    error = "error"


class RecordedAudio(StrEnum):
    keep = "keep"
    drop = "drop"


class PipelineName(StrEnum):
    local = "local"
    dora = "dora"


PIPELINES = {
    PipelineName.local: "threads of this process",
    PipelineName.dora: "a dora dataflow, a process for each model",
}

Reload = Annotated[
    bool,
    typer.Option(
        "--reload", help="Watch the profile and the machine files: new sessions get what they say, if it is right."
    ),
]
Pipeline = Annotated[
    PipelineName | None,
    typer.Option(help="Models in threads of the server or in the nodes of a dataflow, instead of the profile's."),
]
Dataflow = Annotated[
    Path | None, typer.Option(dir_okay=False, exists=True, help="Dataflow to run; see `rtengine dataflow`.")
]
Record = Annotated[
    Path | None,
    typer.Option(file_okay=False, help="Folder to write a journal of each session into; see `rtengine replay`."),
]
RecordAudio = Annotated[RecordedAudio, typer.Option(help="Whether journals hold the sound, or its length alone.")]
Level = Annotated[
    LogLevel, typer.Option(help="From which level on; `debug` has the traces of sessions, and what dora says.")
]
Inspect = Annotated[
    bool, typer.Option("--inspect", help="Serve the live view of all sessions, for this machine alone.")
]
InspectRemote = Annotated[
    bool, typer.Option("--inspect-remote", help="Serve the live view for others too, who need the token it prints.")
]


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
    log_level: Level = LogLevel.info,
    pull: Annotated[bool, typer.Option("--pull/--no-pull", help="Fetch the weights that are missing.")] = True,
    reload: Reload = False,
    pipeline: Pipeline = None,
    dataflow: Dataflow = None,
    record: Record = None,
    record_audio: RecordAudio = RecordedAudio.drop,
    inspect: Inspect = False,
    inspect_remote: InspectRemote = False,
) -> None:
    """Start a server."""
    from rtengine.observe.log import set_up
    from rtengine.server.app import run as serve

    if dataflow is not None and pipeline is PipelineName.local:
        raise typer.BadParameter("a dataflow runs with --pipeline dora only", param_hint="--dataflow")
    loaded = with_pipeline(load_profile(profile), pipeline, dataflow)

    token = secrets.token_urlsafe(16) if inspect_remote else None
    observation = observe(record, record_audio, token, inspect or inspect_remote)

    def on_ready(bound_host: str, bound_port: int) -> None:
        view = f"/inspect{'#' + token if token else ''}" if observation.view is not None else ""
        announce(loaded, bound_host, bound_port, view, log_format)

    set_up(log_level.value, log_format.value)
    raise typer.Exit(
        serve(loaded, host=host, port=port, pull=pull, on_ready=on_ready, observation=observation, reload=reload)
    )


def announce(profile: Profile, host: str, port: int, view: str, log_format: LogFormat) -> None:
    """Say that the server is ready, and where. ``view``: path of the live view, with its token if it takes one."""
    url = base_url(host, port)
    if log_format is LogFormat.json:
        # With the token, which nobody could know otherwise.
        told = {"url": url, "port": port, "profile": profile.name, **({"inspect": url + view} if view else {})}
        READY.setLevel(logging.INFO)  # whatever else is left out: without it nobody knows where the server is
        READY.info("ready", extra={"fields": told})
        return
    typer.echo(banner(profile, host, port))
    if view:
        typer.echo(f"  live view  {url}{view}")


def observe(folder: Path | None, audio: RecordedAudio, token: str | None, shown: bool) -> Observation:
    """What the options ask to watch the sessions. Raises RtengineError for a folder that cannot be written to."""
    from rtengine.observe.inspector import Inspector
    from rtengine.observe.journal import Recorder
    from rtengine.server.inspect import LiveView
    from rtengine.server.observation import Observation

    recorder = Recorder(folder, audio is RecordedAudio.keep) if folder else None
    return Observation(recorder, LiveView(Inspector(), token) if shown else None)


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
    from rtengine.server.talk import is_served

    url = base_url(host, port)
    models = ", ".join(
        f"{kind} {profile.models[kind].name}"
        for kind in ("vad", "transcriber", "chat", "voice")
        if kind in profile.models
    )
    page = [f"  talk       {url}/"] if is_served(profile.server.model_copy(update={"host": host})) else []
    return "\n".join(
        (
            f"rtengine {__version__} is ready",
            *page,
            f"  WebSocket  ws{url.removeprefix('http')}/v1/realtime",
            f"  base_url   {url}/v1  (health: /healthz, /readyz)",
            f"  profile    {profile.name}  ({profile.path})",
            f"  models     {models}",
            f"  pipeline   {PIPELINES[PipelineName(profile.pipeline.host)]}",
            f"  machines   {', '.join(profile.machines)}",
            "  stop       Ctrl+C: running responses finish first; again: at once",
        )
    )


def base_url(host: str, port: int) -> str:
    """Where a browser or client on this machine finds a server that listens on ``host``."""
    shown = f"[{host}]" if ":" in host else host
    local = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, shown)
    return f"http://{local}:{port}"
