"""Nodes as the dora hub has them: ``python hub_nodes.py ear|chat|voice``.

One value in, one value out, in its own time, and the metadata of what came in is forgotten. A question with the word
`dies` is the last of its process; one with the word `slow` is answered after a second, one with `mute` not at all.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
from dora import Node

RATE = 16000


Answer = tuple[str, Any, dict[str, Any]]


def ear(value: Any, metadata: dict[str, Any]) -> Answer:
    """What it heard, in numbers: ``dora-distil-whisper`` takes float32 at 16 kHz by whatever input."""
    samples = value.to_numpy()
    words = f" {value.type} {len(samples)} {metadata['sample_rate']} {np.abs(samples).max():.2f} "
    return "text", pa.array([words]), {"language": "en", "primitive": "text"}


class Chat:
    """Keeps the conversation itself, like ``dora-qwen``, and answers a whole text at once."""

    def __init__(self) -> None:
        self.heard = 0

    def __call__(self, value: Any, metadata: dict[str, Any]) -> Answer | None:
        said = value[0].as_py()
        self.heard += 1
        if "dies" in said:
            os._exit(1)
        if "slow" in said:
            time.sleep(1.0)
        if "mute" in said:
            return None
        return "text", pa.array([f"{self.heard}: {said}"]), {}


def voice(value: Any, metadata: dict[str, Any]) -> Answer:
    """A message for each line, like ``dora-kokoro-tts``."""
    seconds = 0.1 * len(value[0].as_py())
    return "audio", pa.array(np.full(int(seconds * RATE), 0.5, np.float32)), {"sample_rate": RATE}


def main(kind: str) -> None:
    answer: Callable[..., Answer | None] = {"ear": ear, "chat": Chat(), "voice": voice}[kind]
    node: Any = Node()
    while (event := node.next()) is not None:
        if event["type"] == "STOP":
            break
        asked = event["type"] == "INPUT" and event["id"] != "tick"
        if asked and (said := answer(event["value"], event["metadata"])) is not None:
            node.send_output(*said)
    node = event = None
    gc.collect()


if __name__ == "__main__":
    main(sys.argv[1])
