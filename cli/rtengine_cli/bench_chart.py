"""``rtengine bench chart``: what one event costs in a machine, against a bare table of functions in the same run."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Annotated, Any

import typer

from rtengine.chart.definition import compile_machine
from rtengine.chart.document import MachineFile
from rtengine.chart.instance import Instance
from rtengine.chart.plan import Plan
from rtengine.chart.system import System
from rtengine.chart.vocabulary import Vocabulary
from rtengine.protocol.server import SERVER_EVENTS

DELTA = "response.output_text.delta"
MACHINE = {
    "machine": "writer",
    "version": 1,
    "context": {
        "response_id": {"type": "str", "default": "resp_1"},
        "item_id": {"type": "str", "default": "item_1"},
        "output_index": {"type": "int", "default": 0},
        "content_index": {"type": "int", "default": 0},
        "open": {"type": "bool", "default": True},
        "count": {"type": "int", "default": 0},
    },
    "events": {"peer": {"text": {"with": {"delta": "str"}}, "nothing": None}},
    "initial": "writing",
    "states": {
        "writing": {
            "on": {
                "text": [
                    {
                        "when": "ctx.open",
                        "do": [
                            {"set": {"count": "=ctx.count + 1"}},
                            {"emit": DELTA, "with": {"delta": "=event.delta"}},
                        ],
                    }
                ]
            }
        }
    },
}
"""A delta as an answer has hundreds: a guard, an assignment, and an event of five fields."""
ROUNDS = 7


class Quiet:
    """A host that keeps the last event."""

    def __init__(self) -> None:
        self.last: dict[str, Any] = {}

    def emit(self, instance: Instance, name: str, fields: dict[str, Any]) -> None:
        self.last = fields

    def taken(self, instance: Instance, plan: Plan, source: str) -> None:
        """Nobody watches."""


class Table:
    """The same by hand: one look-up and one function."""

    def __init__(self) -> None:
        self.open, self.count = True, 0
        self.last: dict[str, Any] = {}
        self.rows = {("writing", "text"): self._text}

    def handle(self, state: str, event: str, payload: Any) -> None:
        row = self.rows.get((state, event))
        if row is not None:
            row(payload)

    def _text(self, payload: Any) -> None:
        if self.open:
            self.count += 1
            self.last = {
                "response_id": "resp_1",
                "item_id": "item_1",
                "output_index": 0,
                "content_index": 0,
                "delta": payload.delta,
            }


def chart(
    events: Annotated[int, typer.Option(min=1000, help="Events in each of seven rounds.")] = 100_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """One event through the statechart engine, in CPU time; the ratio does not depend on the machine."""
    document = MachineFile.model_validate(MACHINE)
    definition = compile_machine(document, Vocabulary(emits=SERVER_EVENTS), lambda path: 1, "writer")
    host: Any = Quiet()  # all of a host that this machine needs
    system = System({"writer": definition}, host)
    writer = system.start("writer")
    system.run()
    payload = SimpleNamespace(delta="word ")
    table = Table()
    costs = {
        "delta_us": microseconds(lambda: system.handle(writer, "text", payload), events),
        "unhandled_us": microseconds(lambda: system.handle(writer, "nothing", None), events),
        "table_us": microseconds(lambda: table.handle("writing", "text", payload), events),
    }
    costs["ratio"] = round(costs["delta_us"] / costs["table_us"], 1)
    if as_json:
        typer.echo(json.dumps(costs))
        return
    typer.echo(f"an event with a guard, a set and a five-field emit   {costs['delta_us']:.2f} µs")
    typer.echo(f"the same from a bare table of functions              {costs['table_us']:.2f} µs")
    typer.echo(f"ratio                                                {costs['ratio']:.1f}")
    typer.echo(f"an event that no row takes                           {costs['unhandled_us']:.2f} µs")


def microseconds(step: Callable[[], object], events: int) -> float:
    """CPU time of one step, the least of some rounds; the loop and the call are in it."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.thread_time()
        for _ in range(events):
            step()
        best = min(best, time.thread_time() - start)
    return round(best / events * 1e6, 3)
