"""Files that change while the server runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from rtengine.chart.load import Machines, load_machines
from rtengine.profile.load import Profile, load_profile
from rtengine.protocol.session import Session as SessionObject
from rtengine.server.reload import Current, Reloader, reloading
from rtengine.server.sessions import ConnectRequest, DialectName, Session
from rtengine.session.vocabulary import VOCABULARY

pytestmark = pytest.mark.unit

PROFILE = (
    "profile: mine\nversion: 1\nextends: scripted\nmachines: {turn: mine-turn.yaml}\nsession: {instructions: One.}\n"
)
TURN = "extends: base-turn.yaml\ncontext: {start_ms: {default: 1}}\n"
BASE = "extends: turn\ndoc: Between.\n"


class Made:
    """What a factory was made of."""

    def __init__(self, profile: Profile, machines: Machines) -> None:
        self.profile = profile
        self.machines = machines

    def __call__(self, request: ConnectRequest) -> Session:
        raise NotImplementedError

    def proposed(self, patch: Mapping[str, Any] | None, dialect: DialectName) -> SessionObject:
        raise NotImplementedError

    @property
    def start_ms(self) -> Any:
        return self.machines["turn"].document.context["start_ms"].default


@pytest.fixture
def reloader(tmp_path: Path) -> Reloader:
    for name, text in (("mine.yaml", PROFILE), ("mine-turn.yaml", TURN), ("base-turn.yaml", BASE)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    profile = load_profile(tmp_path / "mine.yaml", {})
    machines = load_machines(profile.machines, VOCABULARY)
    return Reloader(profile, machines, Current(Made(profile, machines)), Made)


def now(reloader: Reloader) -> Made:
    made = reloader._current.factory
    assert isinstance(made, Made)
    return made


def test_everything_that_is_extended_is_watched(reloader: Reloader, tmp_path: Path) -> None:
    names = {path.name for path in reloader.files}
    assert {"mine.yaml", "scripted.yaml", "mine-turn.yaml", "base-turn.yaml", "turn.yaml", "session.yaml"} <= names


async def test_new_sessions_get_what_the_files_say(reloader: Reloader, tmp_path: Path) -> None:
    before = now(reloader)
    (tmp_path / "mine-turn.yaml").write_text(TURN.replace("1", "2"), encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(PROFILE.replace("One", "Two"), encoding="utf-8")
    assert await reloader.reload()
    assert (now(reloader).start_ms, now(reloader).profile.session.instructions) == (2, "Two.")  # type: ignore[union-attr]
    assert before.start_ms == 1, "what runs keeps its own"


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("mine-turn.yaml", TURN + "states: {listening: {initial: idel}}\n", "mine-turn.yaml:3:31: SM201"),
        ("base-turn.yaml", "extends: trun\n", "base-turn.yaml:1:10: SM109"),
        ("mine.yaml", PROFILE + "sesion: {}\n", "mine.yaml:6:1: PF011"),
        ("mine.yaml", "{", "mine.yaml:1:"),
    ],
)
async def test_files_with_errors_replace_nothing(
    reloader: Reloader, tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, text: str, told: str
) -> None:
    before, watched = now(reloader), reloader.files
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert not await reloader.reload()
    assert now(reloader) is before
    assert reloader.files == watched
    assert told in caplog.text
    assert "new sessions have the last good files" in caplog.text


async def test_what_takes_a_restart_is_said_once(
    reloader: Reloader, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "mine.yaml").write_text(PROFILE + "server: {port: 9}\n", encoding="utf-8")
    assert await reloader.reload()
    assert await reloader.reload()
    assert caplog.text.count("takes a restart") == 1
    assert "'server'" in caplog.text
    assert now(reloader).profile.server.port != 9


async def test_limits_of_the_server_take_a_restart_and_those_of_a_session_do_not(
    reloader: Reloader, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "mine.yaml").write_text(PROFILE + "limits: {sessions: 3, tool_rounds: 2}\n", encoding="utf-8")
    assert await reloader.reload()
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        "'limits.sessions' of the profile has changed, which takes a restart of the server"
    ]
    assert now(reloader).profile.limits.tool_rounds == 2


async def test_a_file_that_goes_while_the_files_are_read_replaces_nothing(
    reloader: Reloader, caplog: pytest.LogCaptureFixture
) -> None:
    def gone(profile: Profile, machines: Machines) -> Made:
        raise FileNotFoundError(2, "No such file or directory", "mine-turn.yaml")

    before, watched = now(reloader), reloader.files
    reloader._make = gone
    assert not await reloader.reload()
    assert (now(reloader), reloader.files) == (before, watched)
    assert "new sessions have the last good files" in caplog.text


async def test_a_change_of_a_file_is_noticed(
    reloader: Reloader, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    told: asyncio.Queue[str] = asyncio.Queue()
    reloader._notice = told.put_nowait
    async with reloading(reloader):
        await asyncio.sleep(0)  # the watch begins in the first step of its task
        (tmp_path / "new.yaml").write_text(TURN.replace("1", "2"), encoding="utf-8")
        (tmp_path / "new.yaml").replace(tmp_path / "mine-turn.yaml")
        assert "mine-turn.yaml" in await told.get()
    assert now(reloader).start_ms == 2
    assert "reloaded for new sessions" in caplog.text
