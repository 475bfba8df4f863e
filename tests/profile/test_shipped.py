from __future__ import annotations

from pathlib import Path

import pytest

from rtengine.errors import RtengineError
from rtengine.profile.load import check_profile, load_profile, shipped_profiles
from rtengine.profile.shipped import find, shipped, shipped_files
from rtengine.protocol.session import RealtimeSession

pytestmark = pytest.mark.unit

PROFILES = sorted(shipped_files("profiles"))


def test_the_four_profiles_are_shipped() -> None:
    assert {"default", "openai-compatible", "scripted", "text"} <= set(PROFILES)


@pytest.mark.parametrize("name", PROFILES)
def test_a_shipped_profile_has_no_findings_and_loads_with_an_empty_environment(name: str) -> None:
    assert check_profile(shipped("profiles") / f"{name}.yaml", {}) == []
    profile = load_profile(name, {})
    assert profile.name == name
    assert set(profile.machines) >= {"session", "turn", "response"}
    assert all(path.is_file() for path in profile.machines.values())


@pytest.mark.parametrize("name", PROFILES)
def test_a_shipped_profile_is_documented_and_known_to_editors(name: str) -> None:
    assert len(shipped_profiles()[name]) > 40
    first = (shipped("profiles") / f"{name}.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=schema.json"


def test_the_default_profile_speaks_and_transcribes() -> None:
    profile = load_profile("default", {})
    session = profile.session
    assert isinstance(session, RealtimeSession)
    assert session.output_modalities == ["audio"]
    assert session.audio.input.transcription is not None
    assert {kind: adapter.name for kind, adapter in profile.models.items()} == {
        "vad": "silero",
        "transcriber": "faster-whisper",
        "chat": "llama",
        "voice": "hibari",
    }


def test_the_text_profile_has_no_voice() -> None:
    profile = load_profile("text", {})
    assert "voice" not in profile.models
    assert isinstance(profile.session, RealtimeSession)
    assert profile.session.output_modalities == ["text"]


def test_the_endpoint_of_the_chat_model_comes_from_the_environment() -> None:
    environ = {"CHAT_BASE_URL": "http://models.example/v1", "CHAT_MODEL": "big", "CHAT_API_KEY": "sk-canary"}
    profile = load_profile("openai-compatible", environ)
    settings = profile.models["chat"].settings.model_dump()
    assert settings["base_url"] == "http://models.example/v1"
    assert settings["model"] == "big"
    assert "sk-canary" not in repr(profile)


def test_a_name_that_is_not_shipped_gets_a_suggestion() -> None:
    with pytest.raises(RtengineError) as caught:
        find("profiles", "defalt")
    assert "did you mean 'default'?" in caught.value.hint


def test_a_path_is_read_from_the_folder_it_is_relative_to(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("x: 1\n", encoding="utf-8")
    assert find("machines", "mine.yaml", tmp_path) == tmp_path / "mine.yaml"
    with pytest.raises(RtengineError, match="there is no file"):
        find("machines", "./other.yaml", tmp_path)
