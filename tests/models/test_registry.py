from __future__ import annotations

import sys
from typing import get_args

import pytest
from pydantic import BaseModel

from rtengine.errors import ModelError
from rtengine.models.registry import Kind, adapter_names, adapter_settings, load
from rtengine.models.scripted import ScriptedVoice, ScriptedVoiceSettings

pytestmark = pytest.mark.unit

KINDS: tuple[Kind, ...] = get_args(Kind)
ADAPTERS = [(kind, name) for kind in KINDS for name in adapter_names(kind)]


@pytest.mark.parametrize(("kind", "name"), ADAPTERS)
def test_every_adapter_has_settings_that_stand_without_any(kind: Kind, name: str) -> None:
    settings = adapter_settings(kind, name)
    assert issubclass(settings, BaseModel)
    assert settings.model_config.get("extra") == "forbid"
    required = [field for field, info in settings.model_fields.items() if info.is_required()]
    assert required == (["model"] if name == "openai" else [])
    assert all(info.description for info in settings.model_fields.values())


def test_an_adapter_is_loaded_with_its_settings() -> None:
    voice = load("voice", "scripted", ScriptedVoiceSettings(rate=16000), print)
    assert isinstance(voice, ScriptedVoice)
    assert voice.rate == 16000


def test_a_misspelt_adapter_gets_the_right_name_suggested() -> None:
    with pytest.raises(ModelError, match="no transcriber adapter 'faster_whisper'") as caught:
        adapter_settings("transcriber", "faster_whisper")
    assert caught.value.hint == "did you mean 'faster-whisper'?"


def test_an_unknown_adapter_gets_the_names_there_are() -> None:
    with pytest.raises(ModelError, match="no chat adapter 'x'") as caught:
        load("chat", "x", ScriptedVoiceSettings(), print)
    assert caught.value.hint == "there are 'llama', 'openai', 'scripted'"


@pytest.mark.parametrize("kind", ["transcriber", "chat", "voice"])
def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, kind: Kind) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    settings = adapter_settings(kind, "openai").model_validate({"model": "m"})
    with pytest.raises(ModelError, match="'openai', which is not installed") as caught:
        load(kind, "openai", settings, print)
    assert caught.value.hint == "pip install 'rtengine[openai]'"


@pytest.mark.parametrize("name", adapter_names("vad"))
def test_a_voice_activity_adapter_makes_detectors(name: str) -> None:
    factory = load("vad", name, adapter_settings("vad", name)(), lambda step: None)
    first, second = factory(24000), factory(8000)
    assert first is not second
