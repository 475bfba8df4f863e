"""The scenario runner of the engine, strict about what is sent: every event is just as the API types it.

The steps are documented in `rtengine.scenarios.document`; a new one goes there, and into `step.py` and `world.py`.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.strict import check_beta, check_ga

from rtengine.chart.definition import Definition
from rtengine.models.abilities import Abilities
from rtengine.profile.settings import Limits
from rtengine.protocol.server import SERVER_EVENTS
from rtengine.scenarios import world
from rtengine.scenarios.cast import kind_of, prefill
from rtengine.scenarios.run import read_scenario, run_scenario
from rtengine.scenarios.world import Setting
from rtengine.session.host import Taken
from rtengine.source.report import full
from rtengine.tools.catalog import Catalog

__all__ = ["World", "kind_of", "prefill", "run"]


class StrictWorld(world.World):
    def send(self, event: dict[str, Any]) -> None:
        before = copy.deepcopy(event)
        for told in self.dialect.told(event):
            (check_beta if self.beta else check_shape)(told)
            self.sent.append(told)
        assert event == before


class World(StrictWorld):
    """A session for a test in Python."""

    def __init__(
        self,
        machines: Mapping[str, Definition],
        session: dict[str, Any] | None = None,
        intent: str = "realtime",
        limits: Limits | None = None,
        taken: Taken | None = None,
        abilities: Abilities | None = None,
        dialect: str = "ga",
        tools: Catalog | None = None,
    ) -> None:
        setting = Setting(session or {}, intent, dialect, limits or Limits(), abilities, tools)
        super().__init__(machines, setting, taken)


def check_shape(event: dict[str, Any]) -> None:
    """Ours and the official client's own types must both take the event, and ours must give back just this event."""
    model = SERVER_EVENTS[event["type"]]
    assert model.model_validate(event).wire() == event
    check_ga(event)


def run(path: Path, machines: Mapping[str, Definition], taken: Taken | None = None) -> world.World:
    """The session at the end of a scenario in which everything is as written."""
    made, findings = run_scenario(read_scenario(path), machines, taken, StrictWorld)
    assert made is not None and not findings, full(findings)
    return made
