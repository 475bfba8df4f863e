"""Silero v6, a small neural voice activity detector, streaming.

Its weights travel inside the ``faster-whisper`` package. One ONNX Runtime session serves the whole process; each stream
has its own recurrent state. About 60 µs of CPU per 32 ms of audio.
"""

from __future__ import annotations

import importlib.util
from collections import deque
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtengine.audio.detector import Detector, Stream
from rtengine.audio.endpointer import Timing
from rtengine.audio.resample import Resampler
from rtengine.errors import ModelError

RATE = 16000
FRAME = 512
_CONTEXT = 64
"""Samples of the previous frame that the network wants in front of each frame."""
_CATCH_UP = 8
"""Frames that are heard late, a quarter of a second."""


def weights() -> Path:
    """The ONNX file, found without importing the package around it (which would load CTranslate2 and PyAV)."""
    spec = importlib.util.find_spec("faster_whisper")
    places = (spec.submodule_search_locations or []) if spec else []
    for place in places:
        path = Path(place) / "assets" / "silero_vad_v6.onnx"
        if path.is_file():
            return path
    raise ModelError(
        "The weights of the silero voice activity detector are missing.",
        hint="They are part of faster-whisper: pip install 'faster-whisper==1.2.1'.",
    )


@cache
def network() -> Any:
    """The process-wide inference session. It keeps no state between runs and may be used from any thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(str(weights()), options, providers=["CPUExecutionProvider"])


class SileroClassifier:
    """Probability of speech in each 32 ms frame of one stream at 16 kHz."""

    rate = RATE
    hop = 128
    frame = FRAME
    timing = Timing(hop_ms=8, frame_ms=32, attack_frames=1, sure_frames=3, release_ms=280, hangover_ms=60, tail_ms=240)

    def __init__(self) -> None:
        self._network = network()
        self._state: NDArray[np.float32] = np.zeros((1, 1, 128), np.float32)
        self._cell: NDArray[np.float32] = np.zeros((1, 1, 128), np.float32)
        self._input: NDArray[np.float32] = np.zeros((1, _CONTEXT + FRAME), np.float32)
        self._skipped: deque[Stream] = deque(maxlen=_CATCH_UP)

    def configure(self, threshold: float) -> float:
        return threshold

    def probability(self, frame: Stream) -> float:
        while self._skipped:
            self._listen(self._skipped.popleft())
        return self._listen(frame)

    def skip(self, frame: Stream) -> None:
        """In a steady room the recurrent state has settled: the last moments before a sound bring it up to date."""
        self._skipped.append(frame)

    def _listen(self, frame: Stream) -> float:
        samples = self._input[0]
        samples[:_CONTEXT] = samples[FRAME:]
        np.multiply(frame, 1 / 32768, out=samples[_CONTEXT:])
        speech, self._state, self._cell = self._network.run(
            None, {"input": self._input, "h": self._state, "c": self._cell}
        )
        return float(speech[0])


class _Converter:
    def __init__(self, rate: int) -> None:
        self._resampler = Resampler(rate, RATE, "QQ")

    def feed(self, samples: NDArray[np.int16]) -> Stream:
        return self._resampler.feed(samples.astype(np.float32))


def silero(rate: int) -> Detector:
    """A detector of a stream of ``rate`` samples a second. Raises ModelError when the weights are missing.

    The stream is brought to 16 kHz by cubic interpolation, which withholds nothing: its clock needs no correction.
    """
    return Detector(SileroClassifier(), _Converter(rate), rate)
