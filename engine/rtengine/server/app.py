"""A server from a profile: its models, its machines, its sessions, its address."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from functools import partial

from rtengine.chart.load import Machines, load_machines
from rtengine.models import registry, weights
from rtengine.models.abilities import Abilities
from rtengine.models.registry import Kind
from rtengine.models.vad import VoiceActivityFactory
from rtengine.observe.log import Format, set_up
from rtengine.pipeline.local import Loader, LocalHost
from rtengine.pipeline.stage import load_stage
from rtengine.profile.load import Profile
from rtengine.protocol.errors import APIError, api_error
from rtengine.protocol.ids import Ids
from rtengine.protocol.sampling import sampled_session
from rtengine.protocol.session import RealtimeSession, TranscriptionSession
from rtengine.protocol.session import Session as SessionObject
from rtengine.server.serve import run as run_server
from rtengine.server.serve import serve
from rtengine.server.sessions import ConnectRequest
from rtengine.session.session import Session
from rtengine.session.vocabulary import VOCABULARY

log = logging.getLogger(__name__)

STAGES: Mapping[Kind, str] = {"transcriber": "transcribe", "chat": "generate", "voice": "speak"}
"""Part of a profile to the stage that runs it."""


class Sessions:
    """Makes the session of each connection, as the profile has it."""

    def __init__(self, profile: Profile, machines: Machines, detector: VoiceActivityFactory) -> None:
        self._profile = profile
        self._machines = machines
        self._detector = detector
        self._abilities = abilities(profile)

    def __call__(self, request: ConnectRequest) -> Session:
        """Raises APIError for a client that cannot be served."""
        ids = Ids()
        session = self._session(request, ids.new("sess"))
        return Session(session, self._machines, self._detector, self._profile.limits, ids, self._abilities)

    def _session(self, request: ConnectRequest, session_id: str) -> SessionObject:
        profile = self._profile.session
        expires_at = int(time.time() + self._profile.limits.session_seconds)
        if request.intent == "transcription":
            return TranscriptionSession.model_validate(
                {
                    "id": session_id,
                    "expires_at": expires_at,
                    "audio": {"input": transcription_input(profile)},
                    "include": profile.include,
                }
            )
        if request.model is None:
            raise api_error("missing_model")
        if not isinstance(profile, RealtimeSession):
            raise APIError(
                "This server only transcribes: connect with ?intent=transcription.",
                code="invalid_model",
                close_code=4000,
            )
        session = profile.model_copy(
            deep=True, update={"id": session_id, "model": request.model, "expires_at": expires_at}
        )
        return sampled_session(session, self._temperature()) if request.dialect == "beta" else session

    def _temperature(self) -> float | None:
        """The chat model's own, if its settings have one."""
        chat = self._profile.models.get("chat")
        temperature: float | None = getattr(chat and chat.settings, "temperature", None)
        return temperature


def abilities(profile: Profile) -> Abilities:
    """What the profile's models can do, as far as their settings tell."""
    chat = profile.models.get("chat")
    return Abilities(
        chat=chat is not None,
        speech="voice" in profile.models,
        images=getattr(chat and chat.settings, "images", False),
        reasoning=getattr(chat and chat.settings, "reasoning", False),
    )


def transcription_input(profile: SessionObject) -> dict[str, object]:
    """The profile's ``audio.input`` as a transcription session has it, which creates and interrupts no responses."""
    given = profile.audio.input.wire()
    detection = given["turn_detection"]
    if detection is not None:
        shared = ("type", "threshold", "prefix_padding_ms", "silence_duration_ms", "eagerness")
        given["turn_detection"] = {key: detection[key] for key in shared if key in detection}
    return given


def run(
    profile: Profile,
    *,
    host: str | None = None,
    port: int | None = None,
    log_format: Format = "pretty",
    pull: bool = True,
    on_ready: Callable[[str, int], None] = lambda host, port: None,
) -> int:
    """Serve a profile until told to stop; the exit status. Raises RtengineError for what a person can mend."""
    set_up(format=log_format)
    machines = load_machines(profile.machines, VOCABULARY)
    settings = profile.server.model_copy(
        update={key: value for key, value in {"host": host, "port": port}.items() if value is not None}
    )
    if pull:
        weights.ensure(required_weights(profile), log.info)
    vad = profile.models["vad"]
    sessions = Sessions(profile, machines, registry.load("vad", vad.name, vad.settings, log.info))

    def ready(address: str) -> None:
        name, _, number = address.rpartition(":")
        on_ready(name.strip("[]"), int(number))

    run_server(
        serve(
            settings,
            profile.limits,
            LocalHost(stage_loaders(profile), profile.pipeline.workers.model_dump(exclude_none=True)),
            sessions,
            models=[profile.name],
            on_ready=ready,
            progress=log.info,
        )
    )
    return 0


def required_weights(profile: Profile) -> tuple[str, ...]:
    """Names in the weights manifest that the profile's adapters load."""
    return tuple(
        name for adapter in profile.models.values() for name in getattr(adapter.settings, "required_weights", ())
    )


def stage_loaders(profile: Profile) -> dict[str, Loader]:
    return {
        stage: partial(load_stage, stage, profile.models[part].name, profile.models[part].settings)
        for part, stage in STAGES.items()
        if part in profile.models
    }
