"""A node as the dora hub has them: text in, audio out, and the metadata of what came in is forgotten."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pyarrow as pa
from dora import Node


def main() -> None:
    node: Any = Node()
    while (event := node.next()) is not None:
        if event["type"] == "STOP":
            break
        if event["type"] == "INPUT" and event["id"] == "text":
            seconds = 0.1 * len(event["value"][0].as_py())
            samples = np.full(int(seconds * 16000), 0.5, np.float32)
            node.send_output("audio", pa.array(samples), {"sample_rate": 16000})
    node = event = None
    gc.collect()


if __name__ == "__main__":
    main()
