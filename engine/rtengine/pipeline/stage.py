"""The stages of the pipeline: one adapter each, and nothing about how jobs and results travel.

A host runs them where it likes, in threads or in other processes. A stage turns one job into its results and keeps the
promise that every job which is not cancelled ends in exactly one of ``FINAL``, whatever its adapter does.
"""

from __future__ import annotations

import contextlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator
from typing import ClassVar, Generic, TypeVar

from pydantic import BaseModel

from rtengine.models import registry
from rtengine.models.chat_history import last_user_text, plain
from rtengine.models.completeness import completeness
from rtengine.models.jobs import (
    FINAL,
    GenerateRequest,
    Job,
    JobFailed,
    JudgeDone,
    Request,
    Result,
    SpeakRequest,
    ToolRequest,
    TranscribeRequest,
)
from rtengine.models.ports import Cancel, ChatModel, ModelFailure, Transcriber, TurnJudge, Voice
from rtengine.pipeline.speech import spoken
from rtengine.tools.box import Toolbox

log = logging.getLogger(__name__)

SERVER_ERROR = JobFailed("The server had an error while processing the request.")
_FAULTS_UNTIL_BROKEN = 3

AdapterType = TypeVar("AdapterType")
RequestType = TypeVar("RequestType", bound=Request)


class Stage(ABC, Generic[AdapterType, RequestType]):
    """Runs the jobs of one kind on one adapter, from any number of threads."""

    kind: ClassVar[registry.Kind]
    request: type[RequestType]

    def __init__(self, adapter: AdapterType) -> None:
        self.adapter = adapter
        self._faults = 0

    @property
    def name(self) -> str:
        return self.request.stage

    @property
    def broken(self) -> bool:
        """Whether the adapter fails at every job for reasons of its own. A job that succeeds mends it."""
        return self._faults >= _FAULTS_UNTIL_BROKEN

    def handle(self, job: Job, cancel: Cancel) -> Iterator[Result]:
        """The results of one job. Never raises; ends without a final result only when it was cancelled."""
        results = self._outcome(job, cancel)
        with contextlib.closing(results):
            for result in results:
                if cancel:
                    return
                yield result
                if isinstance(result, FINAL):
                    return

    def close(self) -> None:
        """Let the adapter free what it holds, where it has anything to free."""
        close = getattr(self.adapter, "close", None)
        if close is not None:
            close()

    @abstractmethod
    def results(self, request: RequestType, cancel: Cancel) -> Iterator[Result]:
        """What the adapter makes of the request."""

    def _outcome(self, job: Job, cancel: Cancel) -> Generator[Result]:
        """The adapter's results; its exceptions, and an end without a result, as ``JobFailed``."""
        try:
            if not isinstance(job.request, self.request):
                raise TypeError(f"the stage '{self.name}' was given a {type(job.request).__name__}")
            for result in self.results(job.request, cancel):
                if isinstance(result, FINAL):
                    self._faults = 0
                yield result
            if not cancel:
                raise RuntimeError("the model ended without a final result")
        except ModelFailure as failure:
            hint = f" ({failure.hint})" if failure.hint else ""
            log.warning("%s job %s failed: %s%s", self.name, job.id, failure.message, hint)
            yield JobFailed(failure.message, failure.code, failure.type)
        except Exception:
            if cancel:
                log.debug("%s job %s broke off when it was cancelled", self.name, job.id, exc_info=True)
                return
            self._faults += 1
            log.exception("%s job %s failed", self.name, job.id)
            yield SERVER_ERROR


class TranscribeStage(Stage[Transcriber, TranscribeRequest]):
    kind = "transcriber"
    request = TranscribeRequest

    def results(self, request: TranscribeRequest, cancel: Cancel) -> Iterator[Result]:
        return self.adapter.transcribe(request, cancel)


class GenerateStage(Stage[ChatModel, GenerateRequest]):
    kind = "chat"
    request = GenerateRequest

    def results(self, request: GenerateRequest, cancel: Cancel) -> Iterator[Result]:
        return self._judged(request, cancel) if request.judge_only else self.adapter.generate(request, cancel)

    def _judged(self, request: GenerateRequest, cancel: Cancel) -> Iterator[Result]:
        """The model's judgement; that of the text's form where the model has none."""
        said = last_user_text(plain(request.messages))
        probability = self.adapter.judge(said, cancel) if isinstance(self.adapter, TurnJudge) else None
        yield JudgeDone(completeness(said) if probability is None else probability)


class SpeakStage(Stage[Voice, SpeakRequest]):
    kind = "voice"
    request = SpeakRequest

    def results(self, request: SpeakRequest, cancel: Cancel) -> Iterator[Result]:
        return spoken(request, self.adapter.speak(request, cancel), self.adapter.rate)


class ToolStage(Stage[Toolbox, ToolRequest]):
    """Runs the tools of the server. It has no model: whoever makes a host puts it beside those of a profile."""

    request = ToolRequest

    def results(self, request: ToolRequest, cancel: Cancel) -> Iterator[Result]:
        return self.adapter.run(request, cancel)


AnyStage = TranscribeStage | GenerateStage | SpeakStage | ToolStage

STAGES: dict[str, type[TranscribeStage] | type[GenerateStage] | type[SpeakStage]] = {
    "transcribe": TranscribeStage,
    "generate": GenerateStage,
    "speak": SpeakStage,
}


def load_stage(name: str, adapter: str, settings: BaseModel, progress: Callable[[str], None]) -> AnyStage:
    """The stage ``transcribe``, ``generate`` or ``speak`` with its adapter loaded. Raises ``ModelError``."""
    stage = STAGES[name]
    return stage(registry.load(stage.kind, adapter, settings, progress))
