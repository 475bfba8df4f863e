"""A server from a profile: its models, its machines, its sessions, its address."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic_core import to_json

from rtengine.audio import noise
from rtengine.chart.load import Machines, load_machines
from rtengine.models import registry, weights
from rtengine.models.abilities import Abilities
from rtengine.models.vad import VoiceActivityFactory
from rtengine.observe.watch import WatchedSession
from rtengine.pipeline.dora.host import dora_host
from rtengine.pipeline.dora.native import logged_output
from rtengine.pipeline.host import PipelineHost
from rtengine.pipeline.local import local_host
from rtengine.pipeline.stage import STAGES
from rtengine.pipeline.tools import HostWithTools
from rtengine.profile.load import Profile
from rtengine.profile.settings import ServerSettings
from rtengine.protocol.client import parse_client_event
from rtengine.protocol.errors import APIError, api_error, shortened
from rtengine.protocol.ids import Ids
from rtengine.protocol.sampling import SampledSession, sampled_session
from rtengine.protocol.session import RealtimeSession, TranscriptionSession, own_rates
from rtengine.protocol.session import Session as SessionObject
from rtengine.server.client_secrets import ClientSecrets
from rtengine.server.keys import Keyring, check_exposure
from rtengine.server.observation import Observation, WatchedSessions
from rtengine.server.rates import Rates
from rtengine.server.reload import Current, Factory, Reloader, reloading
from rtengine.server.routes import Route
from rtengine.server.secrets import Secrets
from rtengine.server.serve import run as run_server
from rtengine.server.serve import serve
from rtengine.server.sessions import ConnectRequest, DialectName
from rtengine.server.site import Site
from rtengine.server.talk import talk_routes
from rtengine.session.effects import Send
from rtengine.session.rates import RateLimits
from rtengine.session.session import Session
from rtengine.session.vocabulary import VOCABULARY
from rtengine.tools.box import Toolbox
from rtengine.tools.catalog import Catalog

log = logging.getLogger(__name__)


class Sessions:
    """Makes the session of each connection, as the profile has it."""

    def __init__(
        self,
        profile: Profile,
        machines: Machines,
        detector: VoiceActivityFactory,
        tools: Catalog | None = None,
        observation: Observation | None = None,
        able: Abilities | None = None,
    ) -> None:
        """``able``: what the models can do, where it is not what those of the profile can."""
        self._profile = profile
        self._tools = tools or Catalog()
        self._machines = machines
        self._detector = detector
        self._abilities = able or abilities(profile)
        self._watched = WatchedSessions(observation, profile, machines, self._abilities) if observation else None

    def __call__(self, request: ConnectRequest) -> Session | WatchedSession:
        """Raises APIError for a client that cannot be served."""
        ids = Ids()
        update: dict[str, Any] = {
            "id": ids.new("sess"),
            "expires_at": int(time.time() + self._profile.limits.session_seconds),
        }
        session = request.visitor.session or self._first(request.intent)
        if session.type != request.intent and request.intent == "transcription":
            raise APIError("This client secret is for a realtime session.", code="invalid_value", param="intent")
        if isinstance(session, RealtimeSession):
            update["model"] = self._model(request)
            if request.dialect == "beta":
                session = self._sampled(session)
        tools = self._tools.without_servers() if request.dialect == "beta" else self._tools
        session = session.model_copy(deep=True, update=update)
        if self._watched is not None:
            return self._watched(session, self._detector, request.visitor.rates, tools)
        return self._session(session, ids, request.visitor.rates, tools)

    def proposed(self, patch: Mapping[str, Any] | None, dialect: DialectName) -> SessionObject:
        """What a session would start with, did it begin with a `session.update` of ``patch``. Raises APIError."""
        kind = (patch or {"type": self._profile.session.type}).get("type")
        session = self._first("transcription" if kind == "transcription" else "realtime")
        if isinstance(session, RealtimeSession):
            session = session.model_copy(deep=True, update={"model": self._default_model})
            session = self._sampled(session) if dialect == "beta" else session
        proposal = updated(self._session(session, Ids()), patch)
        self._check_model(getattr(proposal, "model", self._default_model), "session.model")
        return proposal

    def _session(
        self, session: SessionObject, ids: Ids, rates: RateLimits | None = None, tools: Catalog | None = None
    ) -> Session:
        limits, tools = self._profile.limits, tools or self._tools
        return Session(session, self._machines, self._detector, limits, ids, self._abilities, rates=rates, tools=tools)

    def _first(self, kind: str) -> SessionObject:
        """What the profile has for sessions of a kind."""
        profile = self._profile.session
        if kind == "transcription":
            return TranscriptionSession.model_validate(
                {"audio": {"input": transcription_input(profile)}, "include": profile.include},
                context=own_rates(profile),
            )
        if not isinstance(profile, RealtimeSession):
            raise APIError(
                "This server only transcribes: connect with ?intent=transcription.",
                code="invalid_model",
                close_code=4000,
            )
        return profile

    @property
    def _default_model(self) -> str:
        """What the session of a client secret is called when nobody says."""
        served = self._profile.server.models
        return served[0] if served else self._profile.name

    def _model(self, request: ConnectRequest) -> str:
        """The name the client asks for, else that of its client secret. Raises APIError."""
        model = request.model or getattr(request.visitor.session, "model", None)
        if not model:
            raise api_error("missing_model", example=f"/v1/realtime?model={self._default_model}")
        self._check_model(model)
        return str(model)

    def _check_model(self, model: str, param: str | None = None) -> None:
        served = self._profile.server.models
        if served and model not in served:
            raise api_error("invalid_model", model=shortened(model), param=param)

    def _sampled(self, session: RealtimeSession) -> RealtimeSession:
        """With the temperature that sessions of the beta have."""
        return session if isinstance(session, SampledSession) else sampled_session(session, self._temperature())

    def _temperature(self) -> float | None:
        """The chat model's own, if its settings have one."""
        chat = self._profile.models.get("chat")
        temperature: float | None = getattr(chat and chat.settings, "temperature", None)
        return temperature


def updated(session: Session, patch: Mapping[str, Any] | None) -> SessionObject:
    """What a `session.update` makes of a new session, with every rule of its machines. Raises APIError."""
    session.start(0.0)
    if patch is not None:
        event = parse_client_event(to_json({"type": "session.update", "session": patch}))
        for effect in session.receive(event, 0.0):
            if isinstance(effect, Send) and effect.event["type"] == "error":
                told = effect.event["error"]
                raise APIError(told["message"], code=told["code"], type=told["type"], param=told["param"])
    return session.data.session


def abilities(profile: Profile) -> Abilities:
    """What the profile's models can do, as far as their settings tell."""
    chat, transcriber, voice = (profile.models.get(kind) for kind in ("chat", "transcriber", "voice"))
    return Abilities(
        chat=chat is not None,
        speech=voice is not None,
        transcription=transcriber is not None,
        noise_reduction=noise.available(),
        languages=getattr(transcriber and transcriber.settings, "languages", None),
        several_languages=getattr(transcriber and transcriber.settings, "several_languages", True),
        logprobs=getattr(transcriber and transcriber.settings, "logprobs", True),
        voices=getattr(voice and voice.settings, "voice_names", None),
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
    pull: bool = True,
    on_ready: Callable[[str, int], None] = lambda host, port: None,
    observation: Observation | None = None,
    reload: bool = False,
) -> int:
    """Serve a profile until told to stop; the exit status. Raises RtengineError for what a person can mend.

    ``reload``: new sessions have the machines and the session of the profile as the files say then.
    """
    machines = load_machines(profile.machines, VOCABULARY)
    settings = profile.server.model_copy(
        update={key: value for key, value in {"host": host, "port": port}.items() if value is not None}
    )
    check_exposure(settings, profile.keys)
    prepare(profile, pull)
    toolbox = Toolbox(profile.tools, profile.mcp_hosts)
    vad = profile.models["vad"]
    detector = registry.load("vad", vad.name, vad.settings, log.info)
    observation = observation or Observation()

    def make(profile: Profile, machines: Machines) -> Sessions:
        return Sessions(profile, machines, detector, toolbox.catalog, observation)

    sessions = Current(make(profile, machines))
    reloader = Reloader(profile, machines, sessions, make, notices(observation)) if reload else None

    def ready(address: str) -> None:
        name, _, number = address.rpartition(":")
        on_ready(name.strip("[]"), int(number))

    with logged_output() if profile.pipeline.host == "dora" else contextlib.nullcontext():
        run_server(_main(profile, settings, sessions, toolbox, observation, reloader, ready))
    return 0


async def _main(
    profile: Profile,
    settings: ServerSettings,
    sessions: Current,
    toolbox: Toolbox,
    observation: Observation,
    reloader: Reloader | None,
    ready: Callable[[str], None],
) -> None:
    """From the first listener to the last: what a server has once its loop runs."""
    rates = Rates(settings.counters, asyncio.get_running_loop().call_soon_threadsafe)
    host = HostWithTools(pipeline_host(profile), toolbox, profile.pipeline.workers.tool)
    try:
        site = site_of(replace(profile, server=settings), host, sessions, rates, observation.routes())
        site.feeds.update(observation.feeds())
        async with reloading(reloader):
            await serve(site, on_ready=ready, progress=log.info)
    finally:
        rates.close()
        observation.close()


def site_of(
    profile: Profile, host: PipelineHost, sessions: Factory, rates: Rates, routes: Sequence[Route] = ()
) -> Site:
    """What the connections of a profile's server share. Raises RtengineError."""
    secrets = Secrets(profile.server.secrets)
    keyring = Keyring(profile.keys, profile.limits.per_key, rates, secrets)
    site = Site(
        profile.server,
        profile.limits,
        host,
        sessions,
        models=profile.server.models or [profile.name],
        routes=[
            *ClientSecrets(keyring, secrets, sessions.proposed).routes(),
            *talk_routes(profile.server),
            *routes,
        ],
        keyring=keyring,
        prices=profile.prices,
    )
    site.metrics.stages = tuple(name for name, stage in STAGES.items() if stage.kind in profile.models)
    return site


def notices(observation: Observation) -> Callable[[str], None]:
    """Where to say what whoever looks at the live view should know."""
    return observation.view.inspector.notice if observation.view else lambda text: None


def prepare(profile: Profile, pull: bool) -> None:
    """See to it that what the profile needs is on this machine. Raises RtengineError for what is not."""
    if pull:
        weights.ensure(required_weights(profile), log.info)
    if profile.session.audio.input.noise_reduction is not None:
        noise.require()


def required_weights(profile: Profile) -> tuple[str, ...]:
    """Names in the weights manifest that the profile's adapters load."""
    return tuple(
        name for adapter in profile.models.values() for name in getattr(adapter.settings, "required_weights", ())
    )


def pipeline_host(profile: Profile) -> PipelineHost:
    """The host that the profile chooses, with its stages not loaded yet. Raises RtengineError."""
    return dora_host(profile) if profile.pipeline.host == "dora" else local_host(profile)
