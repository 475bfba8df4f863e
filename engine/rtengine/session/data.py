"""Everything a session knows that is not the state of a machine."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from rtengine.audio.activity import Edge
from rtengine.models.abilities import Abilities
from rtengine.profile.settings import Limits
from rtengine.protocol.response import Response, ResponseCreateParams
from rtengine.protocol.session import RealtimeSession
from rtengine.protocol.session import Session as SessionObject
from rtengine.session.conversation import Conversation, Record
from rtengine.session.early import EarlyJob
from rtengine.session.input_audio import InputAudio
from rtengine.session.rates import RateLimits, Unlimited
from rtengine.session.speech import Speech
from rtengine.session.toolset import Offer, Toolset
from rtengine.session.usage import Tally


@dataclass(slots=True)
class Answer:
    """A response in the making."""

    response: Response
    params: ResponseCreateParams | None
    records: list[Record] | None
    """The context the client gave instead of the conversation."""
    items: list[str] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    offers: dict[str, Offer] = field(default_factory=dict)
    """What the chat model was told that it may call, by name."""


@dataclass(slots=True)
class SessionData:
    session: SessionObject
    conversation: Conversation
    input: InputAudio
    limits: Limits
    abilities: Abilities
    rates: RateLimits = field(default_factory=Unlimited)
    tools: Toolset = field(default_factory=Toolset)
    edges: deque[Edge] = field(default_factory=deque)
    """Changes in voice activity that have been heard and not been dealt with."""
    answers: dict[str, Answer] = field(default_factory=dict)
    """Responses that have begun and not ended, by id."""
    speeches: dict[str, Speech] = field(default_factory=dict)
    """Spoken items in the making, by item id."""
    early_transcript: EarlyJob | None = None
    early_answer: EarlyJob | None = None
    context_start: str | None = None
    """First item the chat model still reads, once the conversation has been cut."""
    warmed: str = ""
    """The prompt the chat model has read ahead, so that it is not read again."""
    playing_until: float = 0.0
    """When a client that plays at natural speed will have played everything sent so far, on the session's clock."""
    sounding: str | None = None
    """The response of the default conversation that was heard last."""
    sounded_ms: float = 0.0
    """How much of its sound has been sent."""

    def adopt(self, session: SessionObject) -> None:
        """Make a configuration the session's own. The profile's tools are part of every session that converses."""
        if isinstance(session, RealtimeSession):
            session.tools = self.tools.with_own(session.tools)
        self.session = session
