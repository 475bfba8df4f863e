"""However the client cuts its audio into appends, it is told the same: true recordings, and a true detector."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.audio.recorded import NAMES, recording
from tests.session.machines import MACHINES

from rtengine.audio.detection import detector
from rtengine.audio.format import PCM_24K, PCMU, AudioFormat
from rtengine.profile.settings import Limits
from rtengine.protocol.client import InputAudioBufferAppend
from rtengine.protocol.codec import encode_audio
from rtengine.protocol.ids import Ids
from rtengine.protocol.session import RealtimeSession
from rtengine.session.effects import Send
from rtengine.session.session import Session

pytestmark = pytest.mark.property

FORMATS = {"audio/pcm": PCM_24K, "audio/pcmu": PCMU}


@cache
def stream(name: str, kind: str) -> bytes:
    """A recording with a pause before and after it, as a client sends it."""
    format: AudioFormat = FORMATS[kind]
    return format.encode(recording(name, format.rate).samples)


def told(audio: bytes, kind: str, cuts: list[int]) -> list[dict[str, Any]]:
    """The server events of a session that hears the audio, cut at those bytes."""
    configured = RealtimeSession.model_validate(
        {"id": "sess_1", "model": "m", "audio": {"input": {"format": {"type": kind}}}}
    )
    session = Session(configured, MACHINES, lambda rate: detector("webrtc", rate), Limits(), Ids(seed=3))
    effects = session.start(0.0)
    for start, end in pairwise(sorted({0, *cuts, len(audio)})):
        effects += session.receive(InputAudioBufferAppend(audio=encode_audio(audio[start:end])), 0.0)
        while session.behind:
            effects += session.go_on(0.0)
    return [without_ids(effect.event) for effect in effects if isinstance(effect, Send)]


def without_ids(event: dict[str, Any]) -> dict[str, Any]:
    """Ids are drawn for jobs, too; which of them are begun on the chance that a turn is over may differ."""
    return {
        key: without_ids(value) if isinstance(value, dict) else value
        for key, value in event.items()
        if key != "id" and not key.endswith("_id")
    }


@cache
def told_at_once(name: str, kind: str) -> list[dict[str, Any]]:
    return told(stream(name, kind), kind, [])


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("name", NAMES)
def test_each_recording_is_heard_as_speech_that_begins_and_ends(name: str, kind: str) -> None:
    events = told_at_once(name, kind)
    names = [event["type"] for event in events]
    assert names.count("input_audio_buffer.speech_started") >= 1
    assert names.count("input_audio_buffer.speech_started") == names.count("input_audio_buffer.speech_stopped")
    assert names.count("input_audio_buffer.committed") == names.count("input_audio_buffer.speech_stopped")


@settings(max_examples=12)
@given(st.data(), st.sampled_from(NAMES), st.sampled_from(sorted(FORMATS)))
def test_any_cutting_of_the_audio_is_told_the_same(data: st.DataObject, name: str, kind: str) -> None:
    audio = stream(name, kind)
    if data.draw(st.booleans(), "even"):
        size = data.draw(st.integers(301, 30_001), "size")
        cuts = list(range(0, len(audio), size))
    else:
        cuts = data.draw(st.lists(st.integers(1, len(audio) - 1), max_size=40), "cuts")
    assert told(audio, kind, cuts) == told_at_once(name, kind)
