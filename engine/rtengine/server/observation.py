"""Who watches the sessions of a server: the recorder of journals, the inspector of the live view, both, or nobody."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from rtengine.chart.load import Machines
from rtengine.models.abilities import Abilities
from rtengine.observe.journal import Origin, Recorder, machine_entries
from rtengine.observe.watch import Setup, WatchedSession, Watcher
from rtengine.profile.load import Profile
from rtengine.protocol.session import Session as SessionObject
from rtengine.server.inspect import FEED, LiveView
from rtengine.server.routes import Route
from rtengine.server.site import Feed
from rtengine.session.input_audio import DetectorFactory
from rtengine.session.rates import RateLimits, Unlimited
from rtengine.tools.catalog import Catalog


@dataclass(frozen=True)
class Observation:
    recorder: Recorder | None = None
    view: LiveView | None = None

    def __bool__(self) -> bool:
        return self.recorder is not None or self.view is not None

    def routes(self) -> list[Route]:
        return self.view.routes() if self.view else []

    def feeds(self) -> dict[str, Feed]:
        """WebSockets that the server is to serve, by path."""
        return {FEED: self.view} if self.view else {}

    def close(self) -> None:
        """Write down what is still to be written."""
        if self.recorder is not None:
            self.recorder.close()

    def watchers(self, origin: Origin, setup: Setup) -> list[Watcher]:
        found: list[Watcher] = []
        if self.recorder is not None:
            found.append(self.recorder.journal(origin, setup))
        if self.view is not None:
            found.append(self.view.inspector.trace(setup.session.id, setup.machines))
        return found


class WatchedSessions:
    """Makes watched sessions of one profile and its machines."""

    def __init__(self, observation: Observation, profile: Profile, machines: Machines, abilities: Abilities) -> None:
        vad = profile.models["vad"]
        self._observation = observation
        self._machines = machines
        self._limits = profile.limits
        self._abilities = abilities
        self._origin = Origin(
            profile.name,
            {"adapter": vad.name, "settings": vad.settings.model_dump(mode="json")},
            machine_entries(profile.machines, machines),
        )

    def __call__(
        self, session: SessionObject, detector: DetectorFactory, rates: RateLimits | None, tools: Catalog
    ) -> WatchedSession:
        # not the ids' own generator: the seed stands in the journal, and other sessions' ids do not follow from it
        seed = secrets.randbits(64)
        setup = Setup(session, self._machines, self._limits, self._abilities, tools, seed)
        return WatchedSession(setup, detector, rates or Unlimited(), self._observation.watchers(self._origin, setup))
