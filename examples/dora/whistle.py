"""A voice of your own as a dora node, without a line of rtengine: it whistles, higher for every word.

It shows all that a node in the place of `speak` has to do. docs/dataflow.md explains each message.
"""

from __future__ import annotations

import gc
import json
import os
import secrets
import sys
from typing import Any

import numpy as np
import pyarrow as pa
from dora import Node

CHUNK_SECONDS = 0.16


def main() -> None:
    sys.setswitchinterval(0.0005)
    node: Any = Node()
    voice = Whistle(node)
    while (event := node.next()) is not None:
        if event["type"] == "STOP":
            break
        if event["type"] == "INPUT":
            voice.receive(event)
    # A process that ends with its node still there may crash.
    voice.node = node = event = None
    gc.collect()


class Whistle:
    def __init__(self, node: Any) -> None:
        self.node = node
        self.incarnation = secrets.token_hex(6)  # tells the server that this is another process than before
        self.epoch = self.probe = 0
        self.waiting: dict[str, tuple[dict[str, Any], bytes]] = {}

    def receive(self, event: dict[str, Any]) -> None:
        if event["id"] == "tick":
            self.status()
            return
        message = event["metadata"]
        if message["epoch"] < self.epoch:
            return  # of an earlier server
        if message["epoch"] > self.epoch:
            self.epoch, self.probe = message["epoch"], 0
            self.waiting.clear()
        if message["name"] == "probe":
            self.probe = message["seq"]
        if message["name"] != "speak":
            return  # `cancel` and `credit`, which a voice this fast can do without
        fields, begun = self.waiting.pop(message["job_id"], (message, b""))
        whole = begun + event["value"].to_numpy().tobytes()
        if message["fin"]:
            self.speak(fields, json.loads(whole))
        else:
            self.waiting[message["job_id"]] = fields, whole

    def speak(self, job: dict[str, Any], request: dict[str, Any]) -> None:
        if request["encoding"] != "pcm":
            self.result(job, 0, "failed", {"message": "A whistle has no G.711."}, b"")
            return
        seq, text = 0, request["text"]
        for number, _ in enumerate(request["text"].split()):
            at = np.arange(int(CHUNK_SECONDS * request["rate"])) / request["rate"]
            samples = (8000 * np.sin(2 * np.pi * (440 + 40 * number) * at)).astype("<i2")
            # The clause's text stands on its first chunk.
            self.result(job, seq, "speak.audio", {"duration_ms": 1000 * CHUNK_SECONDS, "text": text}, samples.tobytes())
            seq, text = seq + 1, ""
        self.result(job, seq, "speak.done", {}, b"{}")

    def result(self, job: dict[str, Any], seq: int, name: str, fields: dict[str, Any], payload: bytes) -> None:
        if name == "failed":
            fields, payload = {}, json.dumps(fields).encode()
        last = name in ("speak.done", "failed")
        self.send(
            {**fields, "name": name, "session_id": job["session_id"], "job_id": job["job_id"]}, seq, last, payload
        )

    def status(self) -> None:
        status = {"state": "ready", "jobs": dict.fromkeys(self.waiting, 0), "probe": self.probe, "pid": os.getpid()}
        self.send({"name": "status"}, 0, False, json.dumps(status).encode())

    def send(self, metadata: dict[str, Any], seq: int, fin: bool, payload: bytes) -> None:
        envelope = {"epoch": self.epoch, "seq": seq, "fin": fin, "incarnation": self.incarnation}
        self.node.send_output("results", pa.array(np.frombuffer(payload, np.uint8)), {**metadata, **envelope})


if __name__ == "__main__":
    main()
