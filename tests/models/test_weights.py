import hashlib
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from rtengine.errors import ModelError
from rtengine.models import download, manifest, weights

pytestmark = pytest.mark.unit

FIRST, SECOND, CONFIG = b"first half, " * 300, b"second half " * 300, b'{"a": 1}'


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def make_wheel(folder: Path, name: str, members: dict[str, bytes]) -> dict[str, Any]:
    """A wheel that pip accepts, and its manifest entry without members."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        for member, data in members.items():
            archive.writestr(member, data)
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nRequires-Dist: no-such-thing\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    data = path.read_bytes()
    return {"requirement": f"{name}==1.0", "size": len(data), "sha256": sha(data)}


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is pip's only source of packages, and an empty cache of weights."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("RTENGINE_CACHE", str(tmp_path / "cache"))
    return folder


@pytest.fixture
def entry(index: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A set ``toy`` of two files out of two wheels; the test may change it before its first use."""
    one = make_wheel(index, "toy_one", {"toy_one/model.part1": FIRST, "toy_one/config.json": CONFIG})
    two = make_wheel(index, "toy_two", {"toy_two/model.part2": SECOND})
    document = {
        "doc": "A toy",
        "licence": "MIT",
        "origin": "nowhere",
        "files": {
            "model.bin": {"size": len(FIRST + SECOND), "sha256": sha(FIRST + SECOND)},
            "config.json": {"size": len(CONFIG), "sha256": sha(CONFIG)},
        },
        "wheels": [
            one | {"members": {"toy_one/model.part1": "model.bin", "toy_one/config.json": "config.json"}},
            two | {"members": {"toy_two/model.part2": "model.bin"}},
        ],
    }
    monkeypatch.setattr(manifest, "shipped", lambda: manifest.parse({"version": 1, "weights": {"toy": document}}))
    return document


def quiet(step: str) -> None:
    assert step


def test_the_shipped_manifest_pins_every_file_and_every_source() -> None:
    sets = manifest.shipped().weights
    assert {"whisper-base", "whisper-tiny.en", "smollm2-135m", "hibari", "silero-v6"} == set(sets)
    assert all(entry.licence in ("MIT", "Apache-2.0") for entry in sets.values())
    for entry in sets.values():
        assert entry.package or (entry.wheels and entry.hub)


def test_the_packages_that_carry_weights_hold_what_the_manifest_says() -> None:
    for name in ("hibari", "silero-v6"):
        assert weights.examine(name).state == "present"


@pytest.mark.parametrize("path", ["../model.bin", "/etc/passwd", "a//b", "a\\b", "."])
def test_a_manifest_with_a_path_outside_its_folder_is_refused(entry: dict[str, Any], path: str) -> None:
    entry["files"][path] = entry["files"].pop("model.bin")
    with pytest.raises(ValidationError, match="not a path inside its folder"):
        manifest.shipped()


def test_a_manifest_whose_wheels_do_not_fill_its_files_is_refused(entry: dict[str, Any]) -> None:
    del entry["wheels"][1:], entry["wheels"][0]["members"]["toy_one/config.json"]
    with pytest.raises(ValidationError, match="the wheels fill"):
        manifest.shipped()


def test_parts_from_two_wheels_are_joined(entry: dict[str, Any]) -> None:
    steps: list[str] = []
    folder = weights.pull("toy", steps.append)
    assert (folder / "model.bin").read_bytes() == FIRST + SECOND
    assert (folder / "config.json").read_bytes() == CONFIG
    assert weights.locate("toy") == folder
    assert steps[0] == "toy: fetching toy_one 1.0 (0 kB)" or steps[0].startswith("toy: fetching toy_one 1.0")
    assert sorted(path.name for path in folder.parent.iterdir()) == [".toy.lock", "toy"]


def test_weights_that_are_not_here_are_named_with_the_command_that_fetches_them(entry: dict[str, Any]) -> None:
    with pytest.raises(ModelError) as caught:
        weights.locate("toy")
    assert caught.value.hint == "run `rtengine models pull toy`"


def test_an_unknown_name_is_answered_with_the_closest_one() -> None:
    with pytest.raises(ModelError) as caught:
        weights.locate("whisper-bas")
    assert caught.value.hint == "did you mean 'whisper-base'?"


def test_a_wheel_with_another_hash_is_refused(entry: dict[str, Any], tmp_path: Path) -> None:
    entry["wheels"][1]["sha256"] = "0" * 64
    with pytest.raises(ModelError, match=r"toy_two==1\.0 could not be fetched"):
        weights.pull("toy", quiet)
    assert not (tmp_path / "cache/models/toy").exists()


def test_a_file_with_another_hash_is_refused_even_from_the_right_wheel(entry: dict[str, Any], tmp_path: Path) -> None:
    entry["files"]["model.bin"]["sha256"] = "f" * 64
    with pytest.raises(ModelError, match=f"has SHA-256 {sha(FIRST + SECOND)}, expected ffff"):
        weights.pull("toy", quiet)
    assert not (tmp_path / "cache/models/toy").exists()


def test_a_pull_that_broke_off_continues_with_what_it_has(
    entry: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real = download._pip_download
    asked: list[str] = []

    def fail_on_the_second(wheel: manifest.Wheel, folder: Path) -> None:
        asked.append(wheel.requirement)
        if wheel.requirement == "toy_two==1.0" and asked.count("toy_two==1.0") == 1:
            raise ModelError("the line went dead")
        real(wheel, folder)

    monkeypatch.setattr(download, "_pip_download", fail_on_the_second)
    with pytest.raises(ModelError, match="the line went dead"):
        weights.pull("toy", quiet)
    assert not (tmp_path / "cache/models/toy").exists()
    weights.pull("toy", quiet)
    assert asked == ["toy_one==1.0", "toy_two==1.0", "toy_two==1.0"]
    assert weights.examine("toy").state == "present"


def test_two_pulls_at_once_fetch_once(entry: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    real = download._pip_download
    asked: list[str] = []
    first_is_in, second_waits = threading.Event(), threading.Event()

    def slow(wheel: manifest.Wheel, folder: Path) -> None:
        asked.append(wheel.requirement)
        first_is_in.set()
        assert second_waits.wait(30)
        real(wheel, folder)

    def note(step: str) -> None:
        if "waiting for another process" in step:
            second_waits.set()

    monkeypatch.setattr(download, "_pip_download", slow)
    other = threading.Thread(target=weights.pull, args=("toy", quiet))
    other.start()
    assert first_is_in.wait(30)
    weights.pull("toy", note)
    other.join()
    assert asked == ["toy_one==1.0", "toy_two==1.0"]


def test_a_damaged_file_is_found_and_fetched_again(entry: dict[str, Any]) -> None:
    folder = weights.pull("toy", quiet)
    (folder / "model.bin").write_bytes(FIRST + SECOND[:-1] + b"!")
    assert weights.examine("toy").state == "wrong"
    with pytest.raises(ModelError, match="not what they should be"):
        weights.locate("toy")
    weights.pull("toy", quiet)
    assert weights.examine("toy").state == "present"


def test_weights_that_are_here_are_not_fetched_again(entry: dict[str, Any], index: Path) -> None:
    weights.pull("toy", quiet)
    for wheel in index.iterdir():
        wheel.unlink()
    weights.ensure(("toy",), pytest.fail)


def test_a_wheel_without_the_member_is_refused(entry: dict[str, Any]) -> None:
    entry["wheels"][1]["members"] = {"toy_two/elsewhere": "model.bin"}
    with pytest.raises(ModelError, match="holds no toy_two/elsewhere"):
        weights.pull("toy", quiet)


def test_a_cache_that_cannot_be_written_is_a_model_error(entry: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file in the way")
    with pytest.raises(ModelError, match="could not be stored"):
        weights.pull("toy", quiet)


class Hub(ThreadingHTTPServer):
    """A model hub that serves ``files`` by path, with ranges, and cuts the first answer short when told to."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), HubHandler)
        self.files: dict[str, bytes] = {}
        self.ranges: list[str | None] = []
        self.cut_at: int | None = None


class HubHandler(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        data = self.server.files.get(self.path)
        if data is None:
            self.send_error(404)
            return
        wanted = self.headers.get("Range")
        self.server.ranges.append(wanted)
        begin = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(data) - begin))
        self.end_headers()
        self.wfile.write(data[begin : self.server.cut_at])
        self.server.cut_at = None

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def hub(entry: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with Hub() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        entry["hub"] = {"repository": "who/toy", "revision": "a" * 40}
        root = f"/who/toy/resolve/{'a' * 40}"
        server.files = {f"{root}/model.bin": FIRST + SECOND, f"{root}/config.json": CONFIG}
        yield server
        server.shutdown()
        thread.join()


def test_the_hub_is_asked_when_the_packages_are_gone(hub: Hub, index: Path) -> None:
    for wheel in index.iterdir():
        wheel.unlink()
    folder = weights.pull("toy", quiet)
    assert (folder / "model.bin").read_bytes() == FIRST + SECOND


def test_a_file_that_broke_off_is_continued_where_it_ended(hub: Hub, entry: dict[str, Any]) -> None:
    del entry["wheels"]
    hub.cut_at = 1000
    with pytest.raises(ModelError, match="could not be fetched"):
        weights.pull("toy", quiet)
    weights.pull("toy", quiet)
    assert hub.ranges == [None, "bytes=1000-", None]


@pytest.mark.parametrize(
    "change", [lambda data: data[:-1] + b"!", lambda data: data + b"more"], ids=["another byte", "more bytes"]
)
def test_other_bytes_from_the_hub_are_refused_and_not_kept(
    hub: Hub, entry: dict[str, Any], change: Callable[[bytes], bytes]
) -> None:
    del entry["wheels"]
    right = dict(hub.files)
    hub.files = {path: change(data) for path, data in right.items()}
    with pytest.raises(ModelError):
        weights.pull("toy", quiet)
    hub.files = right
    weights.pull("toy", quiet)
    assert weights.examine("toy").state == "present"


def test_every_source_that_failed_is_told(hub: Hub, index: Path) -> None:
    for wheel in index.iterdir():
        wheel.unlink()
    hub.files = {}
    with pytest.raises(ModelError, match=r"toy_one==1\.0 could not be fetched.*; .*404"):
        weights.pull("toy", quiet)
