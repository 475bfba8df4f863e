"""Lets a node of the dora hub take a stage's place: ``python -m rtengine.pipeline.dora.hub --stage speak``.

Hub nodes know neither sessions nor jobs: audio or text goes in, text or audio comes out, and whatever metadata a
message had is forgotten. So this node stands before one, does one job after the other, and takes what comes next for
the answer. Its output ``request`` goes to the hub node, whose output comes back as its input ``reply``.

Where that could be the answer to another question, because the hub node or this one has ended or an answer was lost,
this node ends, and the server starts the whole dataflow again.

Audio is float32 in -1..1, mono, with its ``sample_rate`` in the metadata; text is an array of one string.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtengine.audio.resample import Resampler
from rtengine.models.jobs import (
    GenerateDone,
    GenerateRequest,
    GenerateText,
    SpeakRequest,
    TranscribeDone,
    TranscribeRequest,
)
from rtengine.models.ports import Cancel, ModelFailure, Samples
from rtengine.pipeline.dora.attachment import TICK, Event, open_here
from rtengine.pipeline.dora.line import ANSWER_SECONDS, Line
from rtengine.pipeline.dora.node import StageNode, run
from rtengine.pipeline.stage import AnyStage, GenerateStage, SpeakStage, TranscribeStage

REQUEST, REPLY = "request", "reply"
HEARING_RATE = 16000
"""What the hub's transcribers expect."""
VOICE_RATE = 24000


class HubTranscriber:
    def __init__(self, line: Line) -> None:
        self._line = line

    def transcribe(self, request: TranscribeRequest, cancel: Cancel) -> Iterator[TranscribeDone]:
        import pyarrow as pa

        heard = np.frombuffer(request.audio, "<i2").astype(np.float32) / np.float32(32768)
        resampler = Resampler(request.rate, HEARING_RATE)
        samples = np.concatenate([resampler.feed(heard), resampler.flush()])
        answer = self._line.ask(pa.array(samples), {"sample_rate": HEARING_RATE}, cancel)
        if answer is not None:
            yield TranscribeDone(text(answer).strip(), heard.size / request.rate, request.language)


class HubChat:
    """Hub nodes keep the conversation themselves: they are told what was said last."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def generate(self, request: GenerateRequest, cancel: Cancel) -> Iterator[GenerateText | GenerateDone]:
        import pyarrow as pa

        if request.prefill_only:
            yield GenerateDone("stop")
            return
        said = _content(request.messages[-1]) if request.messages else ""
        answer = self._line.ask(pa.array([said]), {"primitive": "text"}, cancel)
        if answer is not None:
            yield GenerateText(text(answer))
            yield GenerateDone("stop")


class HubVoice:
    rate = VOICE_RATE

    def __init__(self, line: Line) -> None:
        self._line = line

    def speak(self, request: SpeakRequest, cancel: Cancel) -> Iterator[Samples]:
        import pyarrow as pa

        # In one line: hub nodes answer a text of several with several messages.
        told = {"primitive": "text", "voice": request.voice, "speed": request.speed}
        answer = self._line.ask(pa.array([" ".join(request.text.split())]), told, cancel)
        if answer is None:
            return
        given = (answer.metadata or {}).get("sample_rate", VOICE_RATE)
        if not isinstance(given, int):
            raise ModelFailure("The voice's node does not say its sample rate.")
        resampler = Resampler(given, VOICE_RATE)
        yield resampler.feed(audio(answer))
        yield resampler.flush()


def text(event: Event) -> str:
    """The one text of an answer. Raises ``ModelFailure``."""
    if event.type not in ("string", "large_string"):
        raise ModelFailure(f"The model's node answered with '{event.type}' instead of text.")
    return event.payload.decode()


def audio(event: Event) -> Samples:
    """The samples of an answer, float32 or int16. Raises ``ModelFailure``."""
    if event.type == "int16":
        integers: NDArray[np.int16] = np.frombuffer(event.payload, np.int16)
        return integers.astype(np.float32) / np.float32(32768)
    if event.type in ("float", "double"):
        return np.frombuffer(event.payload, np.float32 if event.type == "float" else np.float64).astype(np.float32)
    raise ModelFailure(f"The voice's node answered with '{event.type}' instead of audio.")


def stage_of(name: str, line: Line) -> AnyStage:
    """The stage whose model is at the other end of the line."""
    if name == "transcribe":
        return TranscribeStage(HubTranscriber(line))
    return GenerateStage(HubChat(line)) if name == "generate" else SpeakStage(HubVoice(line))


def open_first() -> Any:
    """The node of this process, unless another was it before, whose questions may not have been answered yet."""
    node = open_here()
    if node.is_restart():
        raise RuntimeError("the hub node may still owe an answer to the process before this one")
    return node


class HubNode(StageNode):
    """A stage whose model is another node of the dataflow."""

    def __init__(self, stage: str, answer_seconds: float = ANSWER_SECONDS) -> None:
        self._line = Line(self._ask, answer_seconds)
        super().__init__(stage, lambda progress: stage_of(stage, self._line))

    async def run(self, open_node: Callable[[], Any] = open_first) -> None:
        await super().run(open_node)

    @property
    def broken(self) -> bool:
        return self._line.overdue or super().broken

    def receive(self, event: Event) -> None:
        if event.kind == "INPUT" and event.id == REPLY:
            self._line.answer(event)
            return
        if event.kind in ("NODE_RESTARTED", "NODE_FAILED") or (event.kind == "INPUT_CLOSED" and event.id == REPLY):
            self.leave("The hub node behind this one has ended.")
        elif event.kind == "INPUT" and event.id == TICK and self._line.lost:
            self.leave("The hub node behind this one does not answer.")
        super().receive(event)

    def _ask(self, value: Any, metadata: Mapping[str, Any]) -> bool:
        return self.send(REQUEST, value, metadata)


def _content(message: Mapping[str, Any]) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else " ".join(part.get("text", "") for part in content)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m rtengine.pipeline.dora.hub", description=__doc__)
    parser.add_argument("--stage", required=True, choices=("transcribe", "generate", "speak"))
    parser.add_argument(
        "--answer-seconds",
        type=float,
        default=ANSWER_SECONDS,
        help="how long an answer may take; after twice as long the dataflow is started again (%(default)s)",
    )
    given = parser.parse_args(arguments)
    return run(lambda: HubNode(given.stage, given.answer_seconds))


if __name__ == "__main__":
    sys.exit(main())
