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

MEANINGS: Mapping[str, str] = {
    "invalid": "A frame that is no event, or an event that does not fit the API",
    "unhandled": "A client event that no row has taken",
    "draining": "The server is about to stop",
    "disconnected": "The client has gone",
    "vad.speech": "A voice begins, at this moment of the audio clock",
    "vad.silence": "It pauses",
    "vad.resumed": "It goes on after a pause",
    "vad.ended": "It has been silent for as long as ends a turn",
    "early.transcript": "The words of a turn that may be over, while the user pauses",
    "early.failed": "They cannot be had",
    "audio.waiting": "Part of a long append is still to be heard",
    "speak.audio": "The voice has made a piece of audio; `text` is the clause it begins",
    "speak.done": "The voice has spoken a clause",
    "speak.failed": "It could not",
    "judge": "Asks the chat model whether somebody who has said this has finished",
    "judge.done": "How likely it is; 0.1 is as good as certain",
    "judge.failed": "The model cannot say",
    "transcribe": "Puts the speech of an item into words",
    "transcribe.delta": "Some words, while the model goes on",
    "transcribe.done": "All the words",
    "transcribe.failed": "There will be none",
    "tool": "Runs the call that an item stands for",
    "tool.done": "What the tool says, or its error",
    "tool.failed": "The tool could not be run",
    "tool_list": "Asks an MCP server for its tools",
    "tool_list.listed": "The tools it has",
    "tool_list.failed": "It does not say",
    "generate": "Lets the chat model answer in a response",
    "generate.text": "It writes on",
    "generate.call": "It begins to call a function",
    "generate.arguments": "It writes on the arguments of a call",
    "generate.done": "It has finished; `finish_reason` says why",
    "generate.failed": "It cannot answer",
}
"""What the events of the host, the services, and the results of these mean."""
