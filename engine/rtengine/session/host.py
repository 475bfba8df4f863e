"""What the machines of a session can do: emit, answer with an error, start services, set timers."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from rtengine.chart.instance import Instance
from rtengine.chart.plan import Plan
from rtengine.models.jobs import ToolRequest
from rtengine.protocol.server import SERVER_EVENTS
from rtengine.protocol.session import Session
from rtengine.protocol.wire import WireModel
from rtengine.session.data import Answer, SessionData
from rtengine.session.early import EarlyJob
from rtengine.session.effects import Send
from rtengine.session.functions import Functions
from rtengine.session.outbox import Outbox, event_name
from rtengine.session.request import generate_request, judge_request, tool_request, transcribe_request
from rtengine.session.toolset import address
from rtengine.session.vocabulary import ACTION_GROUPS


def plain(value: Any) -> Any:
    """Values of the wire in plain JSON types, as they are now: what is sent does not change afterwards."""
    if isinstance(value, WireModel):
        return value.wire()
    if type(value) is list:
        return [plain(entry) for entry in value]
    return value


Taken = Callable[[Instance, Plan, str], None]
"""Told of every row that is taken: instance, plan, and the state it was taken in."""

OMITTED = {
    name: frozenset(field for field, info in model.model_fields.items() if info.exclude_if is not None)
    for name, model in SERVER_EVENTS.items()
}
"""Fields of each server event that the wire leaves out when they are null; the others are sent as null."""
ERROR_DEFAULTS = {"type": "invalid_request_error", "code": None, "message": "", "param": None}


class Roots:
    """The objects that expressions may start from."""

    __slots__ = ("_data",)

    def __init__(self, data: SessionData) -> None:
        self._data = data

    @property
    def session(self) -> Session:
        return self._data.session

    @property
    def conversation(self) -> Any:
        return self._data.conversation

    @property
    def buffer(self) -> Any:
        return self._data.input.buffer

    @property
    def limits(self) -> Any:
        return self._data.limits

    @property
    def abilities(self) -> Any:
        return self._data.abilities


class SessionHost:
    """Turns what machines do into effects. ``cause`` is the id of the client event being handled, if it has one."""

    def __init__(self, data: SessionData, outbox: Outbox, taken: Taken | None) -> None:
        self.roots = Roots(data)
        self.functions = Functions(data, outbox)
        self.actions = SimpleNamespace()
        for group in ACTION_GROUPS:
            actions = group(data, outbox)
            for name in vars(group):
                if not name.startswith("_"):
                    setattr(self.actions, name, getattr(actions, name))
        self.cause: str | None = None
        self.faults: list[Exception] = []
        self._data = data
        self._outbox = outbox
        self._taken = taken

    def emit(self, instance: Instance, name: str, fields: dict[str, Any]) -> None:
        event: dict[str, Any] = {"type": name, "event_id": self._outbox.ids.new("event")}
        omitted = OMITTED.get(name, ())
        for key, value in fields.items():
            if value is None:
                if key not in omitted:
                    event[key] = None
            else:
                event[key] = plain(value)
        self._outbox.effects.append(Send(event))

    def error(self, instance: Instance, body: dict[str, Any]) -> None:
        self.emit(instance, "error", {"error": {**ERROR_DEFAULTS, **body, "event_id": self.cause}})

    def start(self, instance: Instance, prefix: str, service: str, request: dict[str, Any]) -> str:
        if service == "judge":
            return self._outbox.start(instance, prefix, judge_request(request["transcript"]))
        if service == "tool":
            return self._outbox.start(instance, prefix, tool_request(self._data, request["item_id"]))
        if service == "tool_list":
            return self._outbox.start(instance, prefix, ToolRequest(None, server=address(request["server"])))
        if service == "generate":
            return self._generate(instance, prefix, self._data.answers[request["response_id"]])
        return self._transcribe(instance, prefix, request["item_id"])

    def _generate(self, instance: Instance, prefix: str, answer: Answer) -> str:
        """Take over the answer that was begun on speculation if the chat model was asked the same; else start one."""
        request = generate_request(self._data, answer)
        if answer.response.conversation_id is None:  # beside the conversation: what was begun is not for it
            return self._outbox.start(instance, prefix, request)
        early, self._data.early_answer = self._data.early_answer, None
        if early is not None and early.request == request:
            return self._adopt(early, instance, prefix)
        if early is not None:
            self._outbox.cancel(early.job_id)
        return self._outbox.start(instance, prefix, request)

    def _transcribe(self, instance: Instance, prefix: str, item_id: str) -> str:
        """Take over the transcription that was begun on speculation if it is of this item; else start one."""
        early = self._data.early_transcript
        if early is not None and early.item_id == item_id:
            self._data.early_transcript = None
            return self._adopt(early, instance, prefix)
        clip = self._data.conversation.records[item_id].clip
        if clip is None:
            raise LookupError(f"item {item_id} has no audio to transcribe")
        return self._outbox.start(instance, prefix, transcribe_request(self._data.session, clip))

    def _adopt(self, early: EarlyJob, instance: Instance, prefix: str) -> str:
        self._outbox.hand_over(early.job_id, instance, prefix)
        for result in early.results:
            instance.system.post(instance, event_name(prefix, result), result)
        return early.job_id

    def stop(self, instance: Instance, job_id: str) -> None:
        self._outbox.cancel(job_id)

    def set_timer(self, instance: Instance, timer: str, delay: float) -> None:
        self._outbox.set_timer(instance, timer, delay)

    def clear_timer(self, instance: Instance, timer: str) -> None:
        self._outbox.clear_timer(instance, timer)

    def ended(self, instance: Instance) -> None:
        self._outbox.forget(instance)

    def fault(self, instance: Instance, event: str, error: Exception) -> None:
        """Kept for whoever runs the session, which cannot go on: see ``Session.receive``."""
        error.add_note(f"in machine {instance.machine!r}, state {instance.state!r}, at event {event!r}")
        self.faults.append(error)

    def taken(self, instance: Instance, plan: Plan, source: str) -> None:
        if self._taken is not None:
            self._taken(instance, plan, source)
