"""Lets a node of the dora hub take a stage's place: ``python -m rtengine.pipeline.dora.hub --stage speak``.

Hub nodes know neither sessions nor jobs: audio or text goes in, text or audio comes out, and whatever metadata a
message had is forgotten. So this node stands before one, does one job after the other, and takes what comes next for
the answer. Its output ``request`` goes to the hub node, whose output comes back as its input ``reply``.

Audio is float32 in -1..1, mono, with its ``sample_rate`` in the metadata; text is an array of one string.
"""

from __future__ import annotations

import argparse
import queue
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
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
from rtengine.pipeline.dora.attachment import Event
from rtengine.pipeline.dora.node import StageNode, run
from rtengine.pipeline.stage import AnyStage, GenerateStage, SpeakStage, TranscribeStage

REQUEST, REPLY = "request", "reply"
HEARING_RATE = 16000
"""What the hub's transcribers expect."""
VOICE_RATE = 24000
ANSWER_SECONDS = 60.0
_POLL = 0.05


class Line:
    """Questions to a hub node, one at a time, and its answers."""

    def __init__(self) -> None:
        self.node: StageNode | None = None
        self._replies: queue.Queue[Event] = queue.Queue()
        self._owed = 0

    def receive(self, event: Event) -> None:
        if event.id == REPLY:
            self._replies.put(event)

    def ask(self, value: Any, metadata: Mapping[str, Any], cancel: Cancel) -> Event | None:
        """The answer; None when the job was cancelled. An answer that nobody waited for is not taken for the next."""
        deadline = time.monotonic() + ANSWER_SECONDS
        self._owed += 1
        if self.node is None or not self.node.send(REQUEST, value, metadata):
            raise ModelFailure("The model's node cannot be reached.")
        while not cancel:
            try:
                event = self._replies.get(timeout=_POLL)
            except queue.Empty:
                if time.monotonic() > deadline:
                    self._owed = 0
                    raise ModelFailure("The model's node does not answer.") from None
                continue
            self._owed -= 1
            if self._owed == 0:
                return event
        return None


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

        answer = self._line.ask(pa.array([request.text]), {"primitive": "text"}, cancel)
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


def hub_node(name: str) -> StageNode:
    line = Line()
    line.node = StageNode(name, lambda progress: stage_of(name, line), on_input=line.receive)
    return line.node


def _content(message: Mapping[str, Any]) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else " ".join(part.get("text", "") for part in content)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m rtengine.pipeline.dora.hub", description=__doc__)
    parser.add_argument("--stage", required=True, choices=("transcribe", "generate", "speak"))
    given = parser.parse_args(arguments)
    return run(lambda: hub_node(given.stage))


if __name__ == "__main__":
    sys.exit(main())
