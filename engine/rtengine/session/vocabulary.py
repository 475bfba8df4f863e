"""The words that machine files may use in a session."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from rtengine.audio.activity import Edge
from rtengine.audio.buffer import InputAudioBuffer
from rtengine.chart.vocabulary import Service, Vocabulary
from rtengine.models.abilities import Abilities
from rtengine.models.jobs import (
    GenerateArguments,
    GenerateCall,
    GenerateDone,
    GenerateText,
    JobFailed,
    JudgeDone,
    SpeakAudio,
    SpeakDone,
    ToolDone,
    ToolListDone,
    TranscribeDelta,
    TranscribeDone,
)
from rtengine.profile.settings import Limits
from rtengine.profile.shipped import find
from rtengine.protocol.client import CLIENT_EVENTS
from rtengine.protocol.errors import ErrorBody
from rtengine.protocol.items import Item
from rtengine.protocol.response import Response, ResponseCreateParams, StatusDetails
from rtengine.protocol.server import SERVER_EVENTS
from rtengine.protocol.session import Session
from rtengine.protocol.tools import McpTool
from rtengine.session.actions.conversation import ConversationActions
from rtengine.session.actions.response import ResponseActions
from rtengine.session.actions.session import SessionActions
from rtengine.session.actions.speech import SpeechActions
from rtengine.session.actions.tool import ToolActions
from rtengine.session.actions.turn import TurnActions
from rtengine.session.conversation import Conversation
from rtengine.session.functions import PURE, Functions
from rtengine.session.tool_functions import ToolFunctions

ACTION_GROUPS = (SessionActions, TurnActions, ConversationActions, ResponseActions, SpeechActions, ToolActions)


@dataclass(frozen=True, slots=True)
class HeardAudio:
    """`input_audio_buffer.append`, decoded."""

    audio: bytes


@dataclass(frozen=True, slots=True)
class ProposedSession:
    """`session.update`, checked and merged into what the session would become."""

    proposed: Session


@dataclass(frozen=True, slots=True)
class Unhandled:
    """A client event that no row took."""

    name: str


def methods(*groups: type) -> dict[str, Callable[..., Any]]:
    """The public methods of some classes, by name."""
    return {name: member for group in groups for name, member in vars(group).items() if not name.startswith("_")}


CLIENT: Mapping[str, type] = {
    **CLIENT_EVENTS,
    "input_audio_buffer.append": HeardAudio,
    "session.update": ProposedSession,
}

HOST: Mapping[str, type | None] = {
    "invalid": ErrorBody,
    "unhandled": Unhandled,
    "draining": None,
    "disconnected": None,
    "vad.speech": Edge,
    "vad.silence": Edge,
    "vad.resumed": Edge,
    "vad.ended": Edge,
    "early.transcript": TranscribeDone,
    "early.failed": JobFailed,
    "audio.waiting": None,
    "speak.audio": SpeakAudio,
    "speak.done": SpeakDone,
    "speak.failed": JobFailed,
}

SERVICES: Mapping[str, Service] = {
    "judge": Service(parameters={"transcript": str}, events={"done": JudgeDone, "failed": JobFailed}),
    "transcribe": Service(
        parameters={"item_id": str},
        events={"delta": TranscribeDelta, "done": TranscribeDone, "failed": JobFailed},
    ),
    "tool": Service(parameters={"item_id": str}, events={"done": ToolDone, "failed": JobFailed}),
    "tool_list": Service(parameters={"server": McpTool}, events={"listed": ToolListDone, "failed": JobFailed}),
    "generate": Service(
        parameters={"response_id": str},
        events={
            "text": GenerateText,
            "call": GenerateCall,
            "arguments": GenerateArguments,
            "done": GenerateDone,
            "failed": JobFailed,
        },
    ),
}

VOCABULARY = Vocabulary(
    emits=SERVER_EVENTS,
    client=CLIENT,
    host=HOST,
    services=SERVICES,
    actions=methods(*ACTION_GROUPS),
    functions=methods(Functions, ToolFunctions),
    pure=PURE,
    roots={
        "session": Session,
        "conversation": Conversation,
        "buffer": InputAudioBuffer,
        "limits": Limits,
        "abilities": Abilities,
    },
    types={
        "Response": Response,
        "ResponseCreateParams": ResponseCreateParams,
        "StatusDetails": StatusDetails,
        "Item": Item,
        "McpTool": McpTool,
        "ToolDone": ToolDone,
    },
    filled=frozenset(("type", "event_id")),
    find=partial(find, "machines"),
)
