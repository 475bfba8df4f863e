"""Reading profiles: every finding of a file and of those it extends, or a ``Profile`` to run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath

from pydantic import BaseModel

from rtengine.models.registry import Kind
from rtengine.profile.access import KeySettings, Prices
from rtengine.profile.layers import Layers
from rtengine.profile.reading import Reading
from rtengine.profile.settings import Limits, PipelineSettings, ServerSettings
from rtengine.profile.shipped import find, shipped_files
from rtengine.profile.tools import host_rules, located
from rtengine.protocol.session import Session
from rtengine.source.finding import FileError, Finding, in_order
from rtengine.tools.address import HostRule
from rtengine.tools.settings import ToolSettings


@dataclass(frozen=True)
class Adapter:
    """One chosen model: what ``rtengine.models.registry.load`` needs."""

    kind: Kind
    name: str
    settings: BaseModel = field(repr=False)
    """Not shown: it may hold a key."""


@dataclass(frozen=True)
class Profile:
    """A checked profile, with everything it extends."""

    name: str
    doc: str
    path: FilePath
    session: Session
    """What every session starts with; its id and expiry are the connection's."""
    models: Mapping[Kind, Adapter]
    """By part; parts without a model are not in it. `vad` always is."""
    machines: Mapping[str, FilePath]
    """Part to machine file."""
    pipeline: PipelineSettings
    limits: Limits
    server: ServerSettings
    keys: Mapping[str, KeySettings] = field(default_factory=dict)
    """By name. Empty: no key is asked for."""
    prices: Prices = field(default_factory=Prices)
    tools: tuple[ToolSettings, ...] = field(default=(), repr=False)
    """Those that the server runs itself."""
    mcp_hosts: tuple[HostRule, ...] = ()


@dataclass(frozen=True)
class Outline:
    """What can be said of a profile without the environment that its server will have."""

    name: str
    path: FilePath
    models: frozenset[Kind]
    """Parts that have a model."""
    pipeline: PipelineSettings


def load_profile(reference: str | FilePath, environ: Mapping[str, str] | None = None) -> Profile:
    """Read a shipped profile by name, or a file by path.

    Raises RtengineError when there is no such profile, and FileError, with all findings, when it has errors.
    """
    path = reference if isinstance(reference, FilePath) else find("profiles", reference)
    reading = Reading(Layers.read(path), os.environ if environ is None else environ, strict=True)
    if any(finding.severity == "error" for finding in reading.findings):
        raise FileError(in_order(reading.findings))
    file, session = reading.file, reading.session
    assert file is not None and session is not None  # else there are findings
    return Profile(
        name=file.profile,
        doc=file.doc.strip(),
        path=path,
        session=session,
        models={
            kind: Adapter(kind, getattr(file.models, kind).adapter, settings)
            for kind, settings in reading.settings.items()
        },
        machines=reading.machines,
        pipeline=reading.pipeline,
        limits=file.limits,
        server=file.server,
        keys=file.keys,
        prices=file.prices,
        tools=located(file.tools, reading.tools_folder),
        mcp_hosts=host_rules(file),
    )


def load_outline(reference: str | FilePath, environ: Mapping[str, str] | None = None) -> Outline:
    """As ``load_profile``, but a variable may be unset, unless the pipeline's settings refer to it."""
    path = reference if isinstance(reference, FilePath) else find("profiles", reference)
    reading = Reading(Layers.read(path), os.environ if environ is None else environ, strict=False)
    wrong = [each for each in reading.findings if each.severity == "error" or each.path[:1] == ("pipeline",)]
    if wrong:
        raise FileError(in_order([replace(each, severity="error") for each in wrong]))
    return Outline(reading.name, path, reading.kinds, reading.pipeline)


def check_profile(path: FilePath, environ: Mapping[str, str] | None = None) -> list[Finding]:
    """Every finding of the profile and of those it extends. A variable that is not set is a warning here."""
    try:
        layers = Layers.read(path)
    except FileError as error:
        return list(error.findings)
    return in_order(Reading(layers, os.environ if environ is None else environ, strict=False).findings)


def machine_files(path: FilePath) -> dict[str, FilePath]:
    """The machine files a profile names, as far as they are there. Raises FileError when it cannot be read."""
    return Reading(Layers.read(path), {}, strict=False).machines


def shipped_profiles() -> dict[str, str]:
    """Name of every shipped profile to its doc."""
    docs = {name: Layers.read(path).document.get("doc", "") for name, path in shipped_files("profiles").items()}
    return {name: str(doc).strip() for name, doc in docs.items()}
