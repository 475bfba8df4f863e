"""The models of one session, played by a scenario: jobs wait until somebody says what becomes of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from rtengine.models import jobs
from rtengine.scenarios.pattern import Mismatch
from rtengine.scenarios.result import produced, stage_of

MS_PER_CHARACTER = 50


class Cast(ABC):
    """Whoever holds it plays the models and the tools. Raises Mismatch for a job that is not there."""

    def __init__(self) -> None:
        self.jobs: dict[str, jobs.Job] = {}
        self.begun: set[str] = set()
        self.cancelled: jobs.Job | None = None

    @abstractmethod
    def give(self, job_id: str, result: jobs.Result) -> None:
        """Let the session have a result."""

    def take_back(self, job_id: str) -> None:
        """The session wants no more of a job."""
        self.cancelled = self.jobs.pop(job_id)

    def running(self) -> list[jobs.Job]:
        """The jobs somebody waits for: reading a prompt ahead is none."""
        return [job for job in self.jobs.values() if not prefill(job)]

    def job(self, stage: str) -> jobs.Job:
        """The latest job of a stage."""
        found = [job for job in self.running() if kind_of(job) == stage]
        if not found:
            kinds = ", ".join(kind_of(job) for job in self.running()) or "none"
            raise Mismatch(f"no {stage} job runs", hint=f"running: {kinds}")
        return found[-1]

    def result(self, **results: Any) -> None:
        for kind, value in results.items():
            self.deliver(self.job(stage_of(kind)), produced(kind, value))

    def deliver(self, job: jobs.Job, result: Any) -> None:
        if isinstance(result, jobs.FINAL):
            del self.jobs[job.id]
        self.give(job.id, result)

    def late(self, **results: Any) -> None:
        """The job that was cancelled last has produced something all the same."""
        if self.cancelled is None:
            raise Mismatch("no job was cancelled")
        for kind, value in results.items():
            self.give(self.cancelled.id, produced(kind, value))

    def tool(self, name: str | None = None, listed: list[dict[str, Any]] | None = None, **result: Any) -> None:
        """The latest job that runs a tool of that name, or lists tools, has its result."""
        self.deliver(
            self.tool_job(name), jobs.ToolDone(**result) if listed is None else jobs.ToolListDone(tuple(listed))
        )

    def tool_job(self, name: str | None) -> jobs.Job:
        found = [job for job in self.jobs.values() if getattr(job.request, "name", "") == name]
        if not found:
            raise Mismatch(f"the tool {name} does not run")
        return found[-1]

    def fail(self, stage: str, **failure: Any) -> None:
        self.deliver(self.job(stage), jobs.JobFailed(**failure))

    def speak(self, clauses: int = 1000, pieces: int = 1, unfinished: bool = False) -> None:
        """The voice: 50 ms of sound a character, in ``pieces``. ``unfinished``: the clause goes on after them."""
        for _ in range(clauses):
            waiting = next((job for job in self.jobs.values() if job.request.stage == "speak"), None)
            if waiting is None:
                return
            assert isinstance(waiting.request, jobs.SpeakRequest)
            fresh = waiting.id not in self.begun
            self.begun.add(waiting.id)
            for audio in spoken(waiting.request, pieces, fresh):
                if waiting.id in self.jobs:
                    self.deliver(waiting, audio)
            if unfinished:
                return
            if waiting.id in self.jobs:
                self.deliver(waiting, jobs.SpeakDone())


def spoken(request: jobs.SpeakRequest, pieces: int, fresh: bool) -> list[jobs.SpeakAudio]:
    """The clause as the voice sends it: its first piece brings the words, and without a piece there are only words."""
    if pieces == 0:
        return [jobs.SpeakAudio(b"", 0.0, request.text)] if fresh else []
    ms = MS_PER_CHARACTER * len(request.text) // pieces
    sound = bytes(ms * request.rate // 1000 * (2 if request.encoding == "pcm" else 1))
    return [jobs.SpeakAudio(sound, float(ms), request.text if fresh and not at else "") for at in range(pieces)]


def kind_of(job: jobs.Job) -> str:
    """The stage of a job; `judge` for a judgement, which the chat model makes."""
    return "judge" if getattr(job.request, "judge_only", False) else job.request.stage


def prefill(job: jobs.Job) -> bool:
    return isinstance(job.request, jobs.GenerateRequest) and job.request.prefill_only
