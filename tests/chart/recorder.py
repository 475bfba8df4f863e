"""A host that writes down what it is told, and machines from inline YAML."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from ruamel.yaml import YAML

from rtengine.chart.definition import Definition, compile_machine
from rtengine.chart.document import MachineFile
from rtengine.chart.instance import Instance
from rtengine.chart.plan import Plan
from rtengine.chart.system import System
from rtengine.chart.vocabulary import Service, Vocabulary


class Note:
    """The server event of these tests: any machine may emit ``note`` with a text."""

    text: str


class Result:
    value: int


class Recorder:
    """``log`` holds one short string per call; the actions and functions are those given."""

    def __init__(self, **actions: Callable[..., Any]) -> None:
        self.log: list[str] = []
        self.faults: list[tuple[str, str, Exception]] = []
        self.emitted: list[tuple[str, dict[str, Any]]] = []
        self.plans: list[Plan] = []
        self.moves: list[tuple[str, str, str, str]] = []
        self.delays: dict[str, float] = {}
        self.requests: list[dict[str, Any]] = []
        self.roots = SimpleNamespace(settings=SimpleNamespace(limit=3, voice=None))
        self.functions = SimpleNamespace(double=lambda x: 2 * x, broken=self._broken, answer=lambda: 42)
        self.actions = SimpleNamespace(**actions)

    @staticmethod
    def _broken(*arguments: object) -> None:
        raise ValueError("broken as asked")

    def emit(self, instance: Instance, name: str, fields: dict[str, Any]) -> None:
        self.emitted.append((name, fields))
        self.log.append(str(fields.get("text", name)))

    def error(self, instance: Instance, body: dict[str, Any]) -> None:
        self.log.append(f"error {body['code']}")

    def start(self, instance: Instance, prefix: str, service: str, request: dict[str, Any]) -> str:
        self.requests.append(request)
        self.log.append(f"start {prefix}")
        return f"{prefix} {len(self.requests)}"

    def stop(self, instance: Instance, job_id: str) -> None:
        self.log.append(f"stop {job_id}")

    def set_timer(self, instance: Instance, timer: str, delay: float) -> None:
        self.delays[timer] = delay
        self.log.append(f"set {timer}")

    def clear_timer(self, instance: Instance, timer: str) -> None:
        self.log.append(f"clear {timer}")

    def ended(self, instance: Instance) -> None:
        self.log.append(f"ended {instance.machine} {instance.number}")

    def fault(self, instance: Instance, event: str, error: Exception) -> None:
        self.faults.append((instance.machine, event, error))

    def taken(self, instance: Instance, plan: Plan, source: str) -> None:
        self.plans.append(plan)
        self.moves.append((instance.machine, plan.event, source, plan.destination))

    def take(self) -> list[str]:
        """What was written down since the last time."""
        log, self.log = self.log, []
        return log


VOCABULARY = Vocabulary(
    emits={"note": Note},
    services={"work": Service(parameters={"n": int | None}, events={"done": Result, "failed": Result})},
    functions={"double": lambda x: x, "broken": lambda *x: None, "answer": lambda: 0},
    pure={"len": len, "max": max},
    roots={"settings": SimpleNamespace},
)


def document(text: str) -> MachineFile:
    """A machine file from YAML; `version` may be left out."""
    return MachineFile.model_validate({"version": 1} | YAML(typ="safe").load(textwrap.dedent(text)))


def define(text: str, vocabulary: Vocabulary = VOCABULARY) -> Definition:
    """Compiled, with every row on line 1: lines are not the subject here."""
    parsed = document(text)
    return compile_machine(parsed, vocabulary, lambda path: 1, f"{parsed.machine}.yaml")


def running(*texts: str, host: Recorder | None = None, **ctx: Any) -> tuple[System, Instance, Recorder]:
    """A system of these machines with an instance of the first one, started, and its host with an empty log."""
    host = host or Recorder()
    definitions = [define(text) for text in texts]
    system = System({definition.machine: definition for definition in definitions}, host)
    instance = system.start(definitions[0].machine, **ctx)
    system.run()
    return system, instance, host
