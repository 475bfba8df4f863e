"""New machine and profile files for new sessions, while the server runs; running sessions keep theirs.

Files with errors replace nothing: what is wrong with them stands in the log, and the last good ones go on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from watchfiles import Change, awatch

from rtengine.chart.load import Machines, load_machines
from rtengine.errors import RtengineError
from rtengine.profile.layers import Layers, shown
from rtengine.profile.load import Profile, load_profile
from rtengine.protocol.session import Session as SessionObject
from rtengine.server.sessions import ConnectRequest, DialectName, Session
from rtengine.session.vocabulary import VOCABULARY
from rtengine.source.finding import FileError, Finding

log = logging.getLogger("rtengine.reload")
logging.getLogger("watchfiles").setLevel(logging.WARNING)

RELOADED = ("doc", "session", "machines", "limits")
"""Parts of a profile that new sessions have from its file."""
KEPT = ("models", "pipeline", "server", "keys", "tools", "mcp_hosts", "prices")
"""What the server itself is made of."""
KEPT_LIMITS = ("per_key", "sessions", "message_bytes", "write_buffer_bytes", "request_bytes", "request_seconds")
"""And those of the limits that are not a session's."""


class Factory(Protocol):
    """Makes the sessions of one state of the files."""

    def __call__(self, request: ConnectRequest) -> Session: ...

    def proposed(self, patch: Mapping[str, Any] | None, dialect: DialectName) -> SessionObject: ...


class Current:
    """The factory of the newest good files."""

    def __init__(self, factory: Factory) -> None:
        self.factory = factory

    def __call__(self, request: ConnectRequest) -> Session:
        return self.factory(request)

    def proposed(self, patch: Mapping[str, Any] | None, dialect: DialectName) -> SessionObject:
        return self.factory.proposed(patch, dialect)


class Reloader:
    """Watches the files of a profile and of its machines. ``make`` builds the factory for what they say now."""

    def __init__(
        self,
        profile: Profile,
        machines: Machines,
        current: Current,
        make: Callable[[Profile, Machines], Factory],
        notice: Callable[[str], None] = lambda text: None,
    ) -> None:
        """``notice`` gets what whoever looks at the live view should know."""
        self._started = profile
        self._last = load_profile(profile.path)  # options may have changed what the server was started with
        self._current = current
        self._make = make
        self._notice = notice
        self.files = files_of(profile, machines)
        """Resolved paths of everything that is watched."""

    async def run(self, stop: asyncio.Event | None = None) -> None:
        """Until cancelled, or until ``stop`` is set."""
        while stop is None or not stop.is_set():
            watched = self.files
            try:
                # the filter also keeps a log that is written into such a folder from being a change
                async for changes in awatch(
                    *folders(watched), watch_filter=_only(watched), stop_event=stop, recursive=False
                ):
                    await self.reload(sorted({Path(name) for _, name in changes}))
                    if self.files != watched:
                        break  # other files count now
            except OSError as error:
                log.error(f"files are no longer watched: {error}")
                return

    async def reload(self, changed: Iterable[Path] = ()) -> bool:
        """Read the files again; whether new sessions have them."""
        try:
            # away from the event loop: compiling takes longer than a piece of audio lasts
            profile, files, factory = await asyncio.to_thread(self._read)
        except RtengineError as error:
            self._refused(error)
            return False
        except OSError as error:  # an editor may take a file away between two looks at it
            self._complain(f"not reloaded: {error}; new sessions have the last good files")
            return False
        self.files = files
        for part in kept_that_differ(profile, self._last):
            log.warning(f"'{part}' of the profile has changed, which takes a restart of the server")
        self._last = profile
        self._current.factory = factory
        names = [shown(path) for path in changed]
        log.info("reloaded for new sessions", extra={"fields": {"changed": names}})
        self._notice(f"new sessions have {', '.join(names) or 'the files'} as changed")
        return True

    def _refused(self, error: RtengineError) -> None:
        findings: Sequence[Finding] = error.findings if isinstance(error, FileError) else ()
        for found in findings:
            if found.severity == "error":
                hint = f"; {found.hint}" if found.hint else ""
                self._complain(f"{found.file}:{found.line}:{found.col}: {found.code} {found.message}{hint}")
        self._complain(f"not reloaded: {error.message}; new sessions have the last good files")

    def _complain(self, text: str) -> None:
        log.error(text)
        self._notice(text)

    def _read(self) -> tuple[Profile, frozenset[Path], Factory]:
        profile = load_profile(self._started.path)
        machines = load_machines(profile.machines, VOCABULARY)
        renewed = replace(self._started, **{part: getattr(profile, part) for part in RELOADED})
        return profile, files_of(profile, machines), self._make(renewed, machines)


@asynccontextmanager
async def reloading(reloader: Reloader | None) -> AsyncIterator[None]:
    """Watch for the time of a ``with`` block; without a reloader, nothing."""
    task = asyncio.create_task(reloader.run()) if reloader else None
    try:
        yield
    finally:
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def kept_that_differ(profile: Profile, before: Profile) -> list[str]:
    """What has changed and does not count for new sessions."""
    parts = [part for part in KEPT if getattr(profile, part) != getattr(before, part)]
    limits = [name for name in KEPT_LIMITS if getattr(profile.limits, name) != getattr(before.limits, name)]
    return [*parts, *(f"limits.{name}" for name in limits)]


def files_of(profile: Profile, machines: Machines) -> frozenset[Path]:
    """The profile and its machine files, with all they extend."""
    found = {layer.path.resolve() for layer in Layers.read(profile.path).chain}
    found |= {Path(name).resolve() for definition in machines.values() for name in definition.files}
    return frozenset(found)


def _only(files: frozenset[Path]) -> Callable[[Change, str], bool]:
    names = frozenset(map(str, files))
    return lambda change, path: path in names


def folders(files: Iterable[Path]) -> Sequence[Path]:
    """An editor may write a new file in the place of the old one, so the folders are watched."""
    return sorted({path.parent for path in files})
