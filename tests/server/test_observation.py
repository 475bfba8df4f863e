"""Which sessions are watched, and by whom."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.session.machines import MACHINES

from rtengine.models.vad import WebrtcSettings, load_webrtc
from rtengine.observe.inspector import Inspector
from rtengine.observe.journal import Recorder
from rtengine.observe.player import recorded_detector
from rtengine.observe.recording import read
from rtengine.observe.replay import replay
from rtengine.observe.watch import WatchedSession
from rtengine.profile.load import load_profile
from rtengine.server.app import Sessions
from rtengine.server.inspect import LiveView
from rtengine.server.observation import Observation
from rtengine.server.sessions import ConnectRequest
from rtengine.session.effects import Disconnected
from rtengine.session.session import Session

pytestmark = pytest.mark.unit

REQUEST = ConnectRequest(model="m")


def sessions(observation: Observation | None = None) -> Sessions:
    detector = load_webrtc(WebrtcSettings(), lambda step: None)
    return Sessions(load_profile("scripted", {}), MACHINES, detector, observation=observation)


@pytest.mark.parametrize("observation", [None, Observation()])
def test_nobody_watches_unless_asked_to(observation: Observation | None) -> None:
    assert type(sessions(observation)(REQUEST)) is Session


def test_the_live_view_and_the_recorder_watch_together(tmp_path: Path) -> None:
    inspector, recorder = Inspector(), Recorder(tmp_path, audio=True)
    observation = Observation(recorder, LiveView(inspector))
    session = sessions(observation)(REQUEST)
    assert type(session) is WatchedSession
    session.start(10.0)
    session.receive(Disconnected(), 11.0)
    observation.close()
    assert inspector.traces[session.id].ended
    (path,) = tmp_path.iterdir()
    recorded = read(path)
    assert recorded.complete
    assert recorded.head["profile"] == "scripted"
    assert recorded.head["vad"]["adapter"] == load_profile("scripted", {}).models["vad"].name
    assert replay(recorded, MACHINES, recorded_detector(recorded)) is None


def test_two_sessions_have_different_ids(tmp_path: Path) -> None:
    make = sessions(Observation(view=LiveView(Inspector())))
    first, second = make(REQUEST), make(REQUEST)
    assert first.id != second.id
    assert first.conversation_id != second.conversation_id
