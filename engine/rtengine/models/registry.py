"""Adapter names as profiles write them, and what stands behind each: a settings model and a loader.

Adapters are imported when they are first asked for, and their model libraries only when they are loaded.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

from rtengine.errors import ModelError

Kind = Literal["vad", "transcriber", "chat", "voice"]
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Adapter:
    module: str
    settings: str
    loader: str = "load"
    extra: str = ""
    """Optional dependencies of rtengine that the adapter needs; empty for none."""


_ADAPTERS: dict[Kind, dict[str, _Adapter]] = {
    "vad": {
        "silero": _Adapter("rtengine.models.vad", "SileroSettings", "load_silero"),
        "webrtc": _Adapter("rtengine.models.vad", "WebrtcSettings", "load_webrtc"),
    },
    "transcriber": {
        "faster-whisper": _Adapter("rtengine.models.whisper", "WhisperSettings"),
        "openai": _Adapter("rtengine.models.openai_transcriptions", "OpenAITranscriptionSettings", extra="openai"),
        "scripted": _Adapter("rtengine.models.scripted", "ScriptedTranscriberSettings", "load_transcriber"),
    },
    "chat": {
        "llama": _Adapter("rtengine.models.llama", "LlamaSettings", extra="local"),
        "openai": _Adapter("rtengine.models.openai_chat", "OpenAIChatSettings", extra="openai"),
        "scripted": _Adapter("rtengine.models.scripted_chat", "ScriptedChatSettings", "load_chat"),
    },
    "voice": {
        "hibari": _Adapter("rtengine.models.hibari", "HibariSettings", extra="local"),
        "openai": _Adapter("rtengine.models.openai_speech", "OpenAISpeechSettings", extra="openai"),
        "scripted": _Adapter("rtengine.models.scripted", "ScriptedVoiceSettings", "load_voice"),
    },
}


def adapter_names(kind: Kind) -> tuple[str, ...]:
    return tuple(_ADAPTERS[kind])


def adapter_settings(kind: Kind, name: str) -> type[BaseModel]:
    """The settings model of an adapter. Raises ``ModelError`` for a name that is not known."""
    adapter = _find(kind, name)
    settings: type[BaseModel] = getattr(importlib.import_module(adapter.module), adapter.settings)
    return settings


def load(kind: Kind, name: str, settings: BaseModel, progress: Progress) -> Any:
    """The loaded adapter: a ``Transcriber``, ``ChatModel`` or ``Voice``; for ``vad``, a ``VoiceActivityFactory``.

    May take seconds. Raises ``ModelError`` when the name is not known, a package is missing or the model fails to load.
    """
    adapter = _find(kind, name)
    try:
        module = importlib.import_module(adapter.module)
        return getattr(module, adapter.loader)(settings, progress)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "rtengine":
            raise
        package = f"'rtengine[{adapter.extra}]'" if adapter.extra else error.name
        raise ModelError(
            f"The {kind} adapter '{name}' needs the package '{error.name}', which is not installed.",
            f"pip install {package}",
        ) from error


def _find(kind: Kind, name: str) -> _Adapter:
    adapters = _ADAPTERS[kind]
    if name in adapters:
        return adapters[name]
    close = difflib.get_close_matches(name, adapters, n=1)
    known = ", ".join(f"'{known}'" for known in adapters)
    raise ModelError(
        f"There is no {kind} adapter '{name}'.", f"did you mean '{close[0]}'?" if close else f"there are {known}"
    )
