"""Scenarios whose sessions are recorded as they run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.session.machines import MACHINES

from rtengine.models.abilities import Abilities
from rtengine.observe.journal import Journal, Origin, Recorder, machine_entries
from rtengine.observe.watch import Setup, WatchedSession, Watcher
from rtengine.profile.shipped import shipped_files
from rtengine.scenarios import world
from rtengine.session.rates import Unlimited
from rtengine.tools.catalog import Catalog

SCENARIOS = sorted((Path(__file__).parents[1] / "scenarios").glob("*.yaml"))
ORIGIN = Origin("test", {"adapter": "webrtc", "settings": {}}, machine_entries(shipped_files("machines"), MACHINES))
SEED = 7
"""Of the ids of every scenario."""


class TestSession(WatchedSession):
    """Lets a scenario look into the session that is watched."""

    __test__ = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)


@contextmanager
def watched(make_watchers: Callable[[Setup], list[Watcher]]) -> Iterator[None]:
    """Every session that a scenario makes meanwhile is watched by what ``make_watchers`` gives for it."""

    def make(session: Any, machines: Any, detector: Any, limits: Any, ids: Any, *rest: Any) -> TestSession:
        abilities, _, rates, tools = (*rest, None, None, None, None)[:4]
        setup = Setup(session, machines, limits, abilities or Abilities(), tools or Catalog(), SEED)
        return TestSession(setup, detector, rates or Unlimited(), make_watchers(setup))

    with patch.object(world, "Session", make):
        yield


@contextmanager
def recording(recorder: Recorder, journals: list[Journal]) -> Iterator[None]:
    def journal(setup: Setup) -> list[Watcher]:
        journals.append(recorder.journal(ORIGIN, setup))
        return [journals[-1]]

    with watched(journal):
        yield
