"""One session: events and a time go in, effects come out. No I/O, no clock, no thread."""

from __future__ import annotations

from collections.abc import Mapping

from rtengine.chart.definition import Definition
from rtengine.chart.system import System
from rtengine.models.abilities import Abilities
from rtengine.models.jobs import JobFailed, TranscribeDone, TranscribeRequest
from rtengine.profile.settings import Limits
from rtengine.protocol.client import (
    ClientEvent,
    ConversationItemCreate,
    InputAudioBufferAppend,
    ResponseCreate,
    SessionUpdate,
)
from rtengine.protocol.codec import decode_audio
from rtengine.protocol.errors import APIError
from rtengine.protocol.ids import Ids
from rtengine.protocol.items import ItemReference
from rtengine.protocol.session import Session as SessionObject
from rtengine.protocol.session import apply_update
from rtengine.session.content import check_audio, in_words
from rtengine.session.conversation import Conversation
from rtengine.session.data import SessionData
from rtengine.session.early import EarlyJob
from rtengine.session.effects import Disconnected, Draining, Effect, JobResult, TimerFired
from rtengine.session.host import SessionHost, Taken
from rtengine.session.input_audio import DetectorFactory, InputAudio
from rtengine.session.outbox import Outbox
from rtengine.session.rates import RateLimits, Unlimited
from rtengine.session.toolset import Toolset
from rtengine.session.vocabulary import HeardAudio, ProposedSession, Unhandled
from rtengine.tools.catalog import Catalog

Input = ClientEvent | APIError | JobResult | TimerFired | Draining | Disconnected

PARTS = ("session", "turn", "conversation")
"""Machines of which there is one instance from the start on, in the order they start."""


class SessionFault(Exception):
    """Something in the session broke that no machine has a row for. The session cannot go on."""


class Session:
    """The machines of one connection and everything they work on.

    The ids and the clock come from outside: with the same ids, the same inputs at the same times give the same effects.
    """

    def __init__(  # noqa: PLR0913 - everything around a session comes from outside
        self,
        session: SessionObject,
        machines: Mapping[str, Definition],
        detector: DetectorFactory,
        limits: Limits,
        ids: Ids,
        abilities: Abilities | None = None,
        taken: Taken | None = None,
        rates: RateLimits | None = None,
        tools: Catalog | None = None,
    ) -> None:
        self.id = session.id
        self._outbox = Outbox(self.id, ids)
        self.data = SessionData(
            session=session,
            conversation=Conversation(ids.new("conv")),
            input=InputAudio(session, detector, limits.buffer_seconds),
            limits=limits,
            abilities=abilities or Abilities(),
            rates=rates or Unlimited(),
            tools=Toolset(tools or Catalog()),
        )
        self.data.adopt(session)
        self._host = SessionHost(self.data, self._outbox, taken)
        self.system = System(machines, self._host)
        self._parts = {name: self.system.start(name) for name in PARTS}

    @property
    def conversation_id(self) -> str:
        """Of the default conversation."""
        return self.data.conversation.id

    @property
    def closed(self) -> bool:
        """The session has ended: it answers nothing any more."""
        return self._parts["session"].ended

    @property
    def produced(self) -> int:
        """How many effects the event being handled has had so far: whoever is told of rows knows which made which."""
        return len(self._outbox.effects)

    def start(self, now: float) -> list[Effect]:
        """What a new connection begins with: ``session.created``, and the timer of its longest duration."""
        self._outbox.now = now
        self.system.run()
        return self._effects()

    def receive(self, event: Input, now: float) -> list[Effect]:
        """Handle one event to completion. ``now`` is in seconds on a clock that never goes back.

        Raises SessionFault when the session is broken; the effects up to then are lost with it.
        """
        self._outbox.now = now
        if isinstance(event, Disconnected):
            self.data.input.hush()
        while self.behind and not self._host.faults:
            self._hear_on()
        if not self.closed:
            self._dispatch(event)
            self._tell_edges()
        return self._effects()

    @property
    def behind(self) -> bool:
        """Part of a long append is still to be heard. Whoever has other sessions calls ``go_on`` until it is.

        What is received meanwhile waits for all of it.
        """
        return self.data.input.behind and not self.closed

    def go_on(self, now: float) -> list[Effect]:
        """Hear the next portion of a long append. Raises SessionFault as ``receive`` does."""
        self._outbox.now = now
        self._hear_on()
        return self._effects()

    def _hear_on(self) -> None:
        if not self.system.handle(self._parts["turn"], "audio.waiting", None):
            raise SessionFault("the machine 'turn' hears audio, but has no row for 'audio.waiting'")
        self._tell_edges()

    def _tell_edges(self) -> None:
        """What is done about a change in voice activity is done before the next, however the audio was cut up."""
        edges = self.data.edges
        while edges:
            edge = edges.popleft()
            self._tell("turn", f"vad.{edge.kind}", edge)

    def _effects(self) -> list[Effect]:
        broken = self._host.faults
        if broken or self.closed:
            self.system.release()
        if broken:
            raise SessionFault(f"session {self.id} is broken") from broken[0]
        return self._outbox.take()

    def _dispatch(self, event: Input) -> None:
        match event:
            case JobResult():
                self._result(event)
            case TimerFired():
                fired = self._outbox.fired(event.timer_id)
                if fired is not None:
                    fired[0].timer(fired[1])
            case APIError():
                self._refuse(event, event.event_id)
            case Draining():
                self._tell("session", "draining")
            case Disconnected():
                self._tell("session", "disconnected")
            case _:
                self._client(event)

    def _result(self, event: JobResult) -> None:
        owner, name = self._outbox.owner(event.job_id, event.result)
        if isinstance(owner, EarlyJob):
            owner.results.append(event.result)
            if isinstance(owner.request, TranscribeRequest) and isinstance(event.result, TranscribeDone | JobFailed):
                kind = "failed" if isinstance(event.result, JobFailed) else "transcript"
                self._tell("turn", f"early.{kind}", event.result)
        elif owner is not None:
            self.system.handle(owner, name, event.result)

    def _client(self, event: ClientEvent) -> None:
        """Give a client event to the machine that claims it; whatever no row takes, the session machine answers."""
        name = event.type
        try:
            payload = self._payload(event)
        except APIError as error:
            self._refuse(error, event.event_id)
            return
        self._host.cause = event.event_id
        try:
            claimant = self.system.claimant(name)
            if claimant is None or not self.system.handle(self._parts[claimant], name, payload):
                self._tell("session", "unhandled", Unhandled(name))
        finally:
            self._host.cause = None

    def _payload(self, event: ClientEvent) -> object:
        """The event as the machines see it. Raises APIError for what only the session can tell to be wrong."""
        if isinstance(event, InputAudioBufferAppend):
            return HeardAudio(decode_audio(event.audio, encoding=in_words(self.data.session)))
        if isinstance(event, SessionUpdate):
            return ProposedSession(apply_update(self.data.session, event.session))
        if isinstance(event, ConversationItemCreate):
            check_audio(event.item, "item", self.data.session)
        if isinstance(event, ResponseCreate) and event.response is not None:
            for at, item in enumerate(event.response.input or ()):
                if not isinstance(item, ItemReference):
                    check_audio(item, f"response.input[{at}]", self.data.session)
        return event

    def _refuse(self, error: APIError, event_id: str | None) -> None:
        self._host.cause = event_id
        try:
            self._tell("session", "invalid", error.body())
        finally:
            self._host.cause = None

    def _tell(self, part: str, name: str, payload: object = None) -> None:
        self.system.handle(self._parts[part], name, payload)
