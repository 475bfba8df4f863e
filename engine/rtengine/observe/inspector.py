"""The sessions of a server as the live view shows them: those that run, and the last ones that have ended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rtengine.chart.definition import Definition
from rtengine.chart.load import Machines
from rtengine.chart.plan import Row
from rtengine.observe.entry import Entry
from rtengine.observe.trace import Trace
from rtengine.protocol.codec import encode

ENDED = 20
"""Sessions kept after their end."""
NOTICES = 20

Listener = Callable[[str | None, str], None]
"""Gets a message in JSON text, and the id of the session whose step it is; None for what everyone is told."""


class Inspector:
    def __init__(self) -> None:
        self.traces: dict[str, Trace] = {}
        self._machines: list[Machines] = []
        self._described: list[str] = []
        self._listeners: set[Listener] = set()
        self._notices: list[str] = []

    def trace(self, session_id: str, machines: Machines) -> Trace:
        """The watcher of a new session."""
        trace = self.traces[session_id] = Trace(session_id, self.number(machines), self._step)
        ended = [each for each in self.traces.values() if each.ended]
        for each in ended[: max(0, len(ended) - ENDED)]:
            del self.traces[each.id]
        self._tell({"kind": "session", "session": trace.summary()})
        return trace

    def number(self, machines: Machines) -> int:
        """What these machines are called here. Their files are read now, when they have just been loaded."""
        for number, known in enumerate(self._machines):
            if known is machines:
                return number
        self._machines.append(machines)
        self._described.append(encode(described(machines)))
        return len(self._machines) - 1

    def machines(self, number: int) -> str | None:
        """The machines of that number in JSON: see ``described``."""
        return self._described[number] if 0 <= number < len(self._described) else None

    def notice(self, text: str) -> None:
        """Tell everyone who looks: machine files have changed, or have mistakes."""
        self._notices = [*self._notices[1 - NOTICES :], text]
        self._tell({"kind": "notice", "text": text})

    # --- who looks

    def listen(self, listener: Listener) -> None:
        self._listeners.add(listener)
        sessions = [trace.summary() for trace in self.traces.values()]
        listener(None, encode({"kind": "hello", "sessions": sessions, "notices": self._notices}))

    def leave(self, listener: Listener) -> None:
        self._listeners.discard(listener)

    def history(self, session_id: str) -> str | None:
        """All that is kept of a session, as one message."""
        trace = self.traces.get(session_id)
        if trace is None:
            return None
        before, steps = trace.history()
        told = encode({"kind": "trace", "session": trace.summary(), "before": before})
        return f'{told[:-1]},"steps":[{",".join(steps)}]}}'  # the steps are JSON already

    def _step(self, trace: Trace, text: str | None) -> None:
        if text is None:
            self._tell({"kind": "session", "session": trace.summary()})
        elif self._listeners:
            message = f'{{"kind":"step","id":"{trace.id}","step":{text}}}'
            for listener in list(self._listeners):
                listener(trace.id, message)

    def _tell(self, message: Entry) -> None:
        text = encode(message)
        for listener in list(self._listeners):
            listener(None, text)


def described(machines: Machines) -> Entry:
    """``machines``: their states and rows by name; ``files``: the text of every file that a row stands in."""
    return {
        "machines": {name: _machine(definition) for name, definition in machines.items()},
        "files": {name: _text(Path(name)) for each in machines.values() for name in each.files},
    }


def _machine(definition: Definition) -> Entry:
    return {
        "doc": definition.document.doc,
        "initial": definition.document.initial,
        "states": [
            {
                "path": path,
                "parent": place.parent,
                "name": place.name,
                "initial": place.state.initial,
                "final": place.state.final,
                "doc": place.state.doc,
                "runs": [service.run for service in place.state.invoke],
            }
            for path, place in definition.places.items()
        ],
        "rows": [_row(row) for row in (definition.start.row, *definition.rows)],
    }


def _row(row: Row) -> Entry:
    names = ("id", "file", "line", "source", "event", "label", "when", "target", "doc")
    return {name: getattr(row, name) for name in names}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""  # the view goes on without the source
