"""What is in the wheel, and that it runs away from the checkout."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from rtengine import __version__

pytestmark = pytest.mark.packaging

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    # hatchling itself: no isolated environment, so no network.
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(out)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    (built,) = out.glob("*.whl")
    return built


def unpacked(wheel: Path, folder: Path) -> Path:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run(site: Path, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # -S and -I would also hide the dependencies: the wheel's folder simply comes first.
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); from rtengine_cli.main import main; main()"
    command = [sys.executable, "-c", code, str(site), *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=200)


def test_its_top_level_names_are_the_two_packages(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
    assert tops == {"rtengine", "rtengine_cli", f"rtengine-{__version__}.dist-info"}


def test_everything_that_is_no_code_travels_along(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for kind in ("machines", "profiles"):
        files = (path for path in (ROOT / kind).rglob("*") if path.is_file())
        expected = {f"rtengine/{path.relative_to(ROOT).as_posix()}" for path in files}
        assert expected
        assert expected <= names
    data = {
        path.relative_to(ROOT / root).as_posix()
        for root in ("engine", "cli")
        for path in (ROOT / root).rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    assert {"rtengine/py.typed", "rtengine_cli/question.wav"} <= data <= names
    assert f"rtengine-{__version__}.dist-info/licenses/LICENSE" in names


def test_the_command_runs_from_an_empty_directory(wheel: Path, tmp_path: Path) -> None:
    site, empty = unpacked(wheel, tmp_path / "site"), tmp_path / "empty"
    empty.mkdir()
    result = run(site, empty, "--version")
    assert (result.returncode, result.stdout) == (0, f"rtengine {__version__}\n"), result.stderr


def test_the_shipped_files_are_found_and_right_away_from_the_checkout(wheel: Path, tmp_path: Path) -> None:
    site, empty = unpacked(wheel, tmp_path / "site"), tmp_path / "empty"
    empty.mkdir()
    listed = run(site, empty, "profiles")
    assert listed.returncode == 0, listed.stderr
    assert str(site / "rtengine/profiles") in listed.stdout.replace("\n", "")
    checked = run(site, empty, "check")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "nothing found" in checked.stdout


def test_the_sources_build_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    (archive,) = tmp_path.glob("*.tar.gz")
    subprocess.run(
        [sys.executable, "-m", "tarfile", "-e", str(archive), str(tmp_path)], check=True, capture_output=True
    )
    (tree,) = (path for path in tmp_path.iterdir() if path.is_dir())
    again = tmp_path / "again"
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(again)]
    subprocess.run(command, cwd=tree, check=True, capture_output=True, text=True)
    (second,) = again.glob("*.whl")
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(second) as other:
        assert sorted(one.namelist()) == sorted(other.namelist())
