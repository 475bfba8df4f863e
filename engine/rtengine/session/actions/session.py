"""Actions on the session as a whole."""

from __future__ import annotations

from rtengine.chart.instance import Instance
from rtengine.protocol.session import Session
from rtengine.session.data import SessionData
from rtengine.session.effects import Close
from rtengine.session.outbox import Outbox
from rtengine.session.request import warm_request


class SessionActions:
    def __init__(self, data: SessionData, outbox: Outbox) -> None:
        self._data = data
        self._outbox = outbox

    def adopt_session(self, instance: Instance, proposed: Session) -> None:
        """Make a checked configuration the session's own. A running response keeps what it began with."""
        self._data.adopt(proposed)
        self._data.input.configure(proposed)

    def warm(self, instance: Instance) -> None:
        """Let the chat model read the prompt ahead, if it has not read this one."""
        request = warm_request(self._data)
        prompt = repr((request.messages[0], request.tools)) if request else ""
        if request is not None and prompt != self._data.warmed:
            self._outbox.start(None, "generate", request)
        self._data.warmed = prompt

    def close(self, instance: Instance, code: int, reason: str) -> None:
        """Close the connection after this step; all work ends with it."""
        self._outbox.closing = Close(code, reason)
