"""``rtengine doctor``: whether this machine can run a profile, by doing with each part what the server does with it."""

from __future__ import annotations

import os
import platform
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import numpy as np
import typer

from rtengine.audio import noise
from rtengine.errors import RtengineError
from rtengine.models import registry
from rtengine.models.jobs import (
    GenerateRequest,
    GenerateText,
    JobFailed,
    McpAddress,
    SpeakRequest,
    ToolListDone,
    ToolRequest,
    TranscribeDone,
    TranscribeRequest,
)
from rtengine.models.ports import Cancel
from rtengine.pipeline.dora.stack import dora_command
from rtengine.profile.load import Adapter, Profile, load_profile
from rtengine.protocol.formats import voice_name
from rtengine.protocol.session import RealtimeSession
from rtengine.server.app import pipeline_host
from rtengine.server.keys import check_exposure
from rtengine.tools.box import Toolbox
from rtengine_cli.demo import QUESTION
from rtengine_cli.recording import RATE, read_wav

ENOUGH = 40
"""Characters of an answer."""

Part = Callable[[], str]
"""Does something, and tells in a few words how it went. Raises RtengineError."""


@dataclass(frozen=True)
class Outcome:
    """One line of the report."""

    part: str
    told: str
    hint: str = ""
    well: bool = True

    def __str__(self) -> str:
        line = f"{'ok' if self.well else 'FAILED':<8}{self.part:<34}{self.told}"
        return f"{line}\n{'':<8}{'':<34}hint: {self.hint}" if self.hint else line


def doctor(
    profile: Annotated[str, typer.Option("--profile", "-p", help="A shipped profile's name, or a file.")] = "default",
) -> None:
    """Try every part that a profile needs on this machine: its models, its tools, its address, the dataflow."""
    given = load_profile(profile)
    outcomes = []
    for part, attempt in parts(given):
        outcomes.append(tried(part, attempt))
        typer.echo(str(outcomes[-1]))
    if not all(outcome.well for outcome in outcomes):
        raise RtengineError(f"the profile '{given.name}' cannot run here as it is")


def tried(part: str, attempt: Part) -> Outcome:
    """Whatever is wrong with a part, the others are tried as well."""
    try:
        return Outcome(part, attempt())
    except RtengineError as error:
        return Outcome(part, error.message, error.hint, well=False)
    except Exception as error:  # a package of another version, or a driver: what it says is all there is
        return Outcome(part, f"{type(error).__name__}: {error}", well=False)


def parts(profile: Profile) -> Iterator[tuple[str, Part]]:
    """Everything the profile needs, with how to try it."""
    yield "machine", machine
    yield f"address {profile.server.host}:{profile.server.port}", partial(address, profile)
    tests: dict[str, Callable[[Any, Profile], str]] = {
        "vad": hears,
        "transcriber": transcribes,
        "chat": answers,
        "voice": speaks,
    }
    for kind, adapter in profile.models.items():
        yield f"{kind} {adapter.name}", partial(model, adapter, profile, tests[kind])
    if profile.pipeline.host == "dora":
        yield "dataflow", partial(dataflow, profile)
    if profile.session.audio.input.noise_reduction is not None:
        yield "noise reduction", noise_reduction
    if profile.tools or profile.mcp_hosts:
        yield "tools", partial(tools, profile)


def machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"Python {platform.python_version()}, {os.cpu_count()} CPUs, {memory:.0f} GiB of memory"


def address(profile: Profile) -> str:
    server = profile.server
    check_exposure(server, profile.keys)
    try:
        socket.create_server((server.host, server.port), family=_family(server.host)).close()
    except OSError as error:
        raise RtengineError(
            f"cannot be listened on: {error.strerror}",
            "end what listens there, or choose another `port`",
        ) from error
    return "free"


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def model(adapter: Adapter, profile: Profile, test: Callable[[Any, Profile], str]) -> str:
    """Load a model and let it do its work once."""
    begun = time.monotonic()
    loaded = registry.load(adapter.kind, adapter.name, adapter.settings, lambda step: None)
    ready = time.monotonic()
    try:
        told = test(loaded, profile)
    finally:
        if close := getattr(loaded, "close", None):
            close()
    return f"{told} in {time.monotonic() - ready:.2f} s (loaded in {ready - begun:.1f} s)"


def hears(factory: Any, profile: Profile) -> str:
    edges = factory(RATE).feed(np.frombuffer(read_wav(QUESTION), "<i2"))
    if not edges:
        raise RtengineError("heard no speech")
    return f"heard speech at {edges[0].at_ms:.0f} ms"


def transcribes(transcriber: Any, profile: Profile) -> str:
    request = TranscribeRequest(read_wav(QUESTION), RATE)
    *_, done = transcriber.transcribe(request, Cancel())
    assert isinstance(done, TranscribeDone)
    if not done.transcript:
        raise RtengineError("heard no words")
    return f"wrote '{done.transcript}'"


def answers(chat: Any, profile: Profile) -> str:
    instructions = getattr(profile.session, "instructions", "")
    asked = ({"role": "system", "content": instructions}, {"role": "user", "content": "What is the capital of France?"})
    words = ""
    cancel = Cancel()
    for each in chat.generate(GenerateRequest(asked), cancel):
        words += each.text if isinstance(each, GenerateText) else ""
        if len(words) >= ENOUGH:
            cancel.set()
            break
    if not words:
        raise RtengineError("answered nothing")
    return f"said '{' '.join(words.split())}'"


def speaks(voice: Any, profile: Profile) -> str:
    session = profile.session
    name = voice_name(session.audio.output.voice) if isinstance(session, RealtimeSession) else ""
    samples = sum(map(len, voice.speak(SpeakRequest("The capital of France is Paris.", name), Cancel())))
    if not samples:
        raise RtengineError("spoke nothing")
    return f"spoke {samples / voice.rate:.1f} s as '{name}'"


def dataflow(profile: Profile) -> str:
    """Whether there is a dora, and a dataflow of one's own fits the profile. Nothing is started."""
    pipeline_host(profile)
    return f"run by {dora_command()}"


def noise_reduction() -> str:
    noise.require()
    return "installed"


def tools(profile: Profile) -> str:
    """Import the callables, and ask the MCP servers for their tools. Nothing is called: that would do something."""
    toolbox = Toolbox(profile.tools, profile.mcp_hosts)
    try:
        return ", ".join([*toolbox.catalog.functions, *(listed(toolbox, label) for label in toolbox.catalog.servers)])
    finally:
        toolbox.close()


def listed(toolbox: Toolbox, label: str) -> str:
    """How many tools an MCP server of the profile has."""
    for told in toolbox.run(ToolRequest(None, server=McpAddress(label)), Cancel()):
        if isinstance(told, JobFailed):
            raise RtengineError(f"the MCP server '{label}': {told.message}")
        assert isinstance(told, ToolListDone)
        return f"{label} ({len(told.tools)})"
    raise RtengineError(f"the MCP server '{label}' said nothing")
