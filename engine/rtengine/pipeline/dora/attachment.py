"""One end of a dataflow: a dora node whose events are handed to an event loop.

Two of dora's ways shape this. A node may be asked for its next event from one thread only, and asked for nothing else
meanwhile. And a process that ends while a thread of it still asks crashes: so the thread is always waited for, and the
node dropped before anything else ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

log = logging.getLogger(__name__)

TICK = "tick"
ENVIRONMENT = {
    "DORA_ZENOH_MULTICAST": "off",  # else every node opens a UDP port to the network
    # Messages go over TCP whatever their size: shared memory reorders them when it is full, and outlives a killed node.
    "DORA_ZERO_COPY_THRESHOLD": str(1 << 40),
    "DORA_NODE_SHM_POOL_SIZE": "0",
    "RUST_BACKTRACE": "0",
}
"""What every process of a dataflow is started with."""

SWITCH_INTERVAL = 0.0005
_RETRY_SECONDS = 0.05
_WAIT_SECONDS = 1.0
_TIMEOUT = "imed out"
_BATCH = 256
_OWN_REFERENCES = 2
"""Of a variable and of the call that counts them."""
_opening = threading.Lock()


@dataclass(frozen=True, slots=True)
class Event:
    """Something that came to a node. ``kind`` is dora's: ``INPUT``, ``NODE_RESTARTED``, ``NODE_FAILED``, ``STOP`` …"""

    kind: str
    id: str = ""
    metadata: Mapping[str, Any] | None = None
    payload: bytes = b""
    type: str = ""
    """Arrow's name for what the payload holds: ``uint8``, ``float``, ``string`` …"""


class Attachment:
    """Made on the event loop; ``receive`` and ``lost`` are called there, ``lost`` once and last."""

    def __init__(
        self,
        open_node: Callable[[], Any],
        receive: Callable[[Event], None],
        lost: Callable[[], None],
        patience: float = 0.0,
    ) -> None:
        """``open_node`` makes the dora node, and is called on a thread, again for ``patience`` seconds if it fails."""
        self._open_node = open_node
        self._receive = receive
        self._lost = lost
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._node: Any = None
        self._inbox: deque[Event] = deque()
        self._waking = False
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._read, name="rtengine-dora", daemon=True)
        self._thread.start()

    @property
    def open(self) -> bool:
        return self._node is not None

    def send(self, output: str, metadata: Mapping[str, Any], payload: Any) -> bool:
        """Send bytes or an Arrow array, from any thread; whether it could be sent.

        An output that the dataflow does not name swallows the message.
        """
        node = self._node
        if node is None:
            return False
        try:
            node.send_output(output, payload, metadata)
        except RuntimeError as error:
            log.debug("a message could not be sent: %s", error)
            return False
        return True

    async def close(self) -> None:
        """Leave the dataflow. Takes until the next event, which is a tick away at most while the daemon lives."""
        self._closing.set()
        await asyncio.to_thread(self._thread.join)

    # --- on the thread ----------------------------------------------------------------------------------------------

    def _read(self) -> None:
        try:
            self._node = self._opened()
            while self._node is not None and not self._closing.is_set():
                # With a time limit: after the daemon's death, dora would wait for ever.
                event = self._node.next(timeout=_WAIT_SECONDS)
                if event is None or _fatal(event):
                    break
                if event["type"] != "ERROR":
                    self._post(_event(event))
        except Exception:
            log.exception("the dataflow cannot be read")
        finally:
            self._drop()
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits for it
                self._loop.call_soon_threadsafe(self._end)

    def _opened(self) -> Any:
        deadline = time.monotonic() + self._patience
        while not self._closing.is_set():
            try:
                return self._open_node()
            except RuntimeError as error:
                if time.monotonic() > deadline:
                    log.error("cannot attach to the dataflow: %s", str(error).splitlines()[0])
                    return None
            self._closing.wait(_RETRY_SECONDS)
        return None

    def _drop(self) -> None:
        node, self._node = self._node, None
        held = node is not None and sys.getrefcount(node) > _OWN_REFERENCES
        del node
        if held:  # and not before: a collection stops the whole server for a moment
            gc.collect()

    def _post(self, event: Event) -> None:
        self._inbox.append(event)
        if not self._waking:
            self._waking = True
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._deliver)

    # --- on the event loop ------------------------------------------------------------------------------------------

    def _deliver(self) -> None:
        # Before the first look at the inbox: what is posted after the last look then wakes the loop again.
        self._waking = False
        for _ in range(_BATCH):
            if not self._inbox:
                return
            try:
                self._receive(self._inbox.popleft())
            except Exception:
                log.exception("a message of the dataflow could not be handled")
        self._waking = True
        self._loop.call_soon(self._deliver)

    def _end(self) -> None:
        self._deliver_rest()
        self._lost()

    def _deliver_rest(self) -> None:
        while self._inbox:
            self._deliver()


def open_here() -> Any:
    """The node that this process was started as."""
    import pyarrow  # noqa: F401  # else the first message waits for it
    from dora import Node

    sys.setswitchinterval(SWITCH_INTERVAL)
    return Node()


def open_dynamic(name: str, daemon_port: int, environment: Mapping[str, str]) -> Any:
    """The node ``name`` of the dataflow of the daemon at ``daemon_port``. Raises RuntimeError while it is not there."""
    import pyarrow  # noqa: F401
    from dora import Node

    with _opening:
        # dora reads some of these when it opens a node, some when that sends for the first time.
        os.environ.update(ENVIRONMENT)
        # These are this dataflow's alone. A node configuration would make dora forget the name it is given.
        before = {key: os.environ.pop(key, None) for key in (*environment, "DORA_NODE_CONFIG")}
        os.environ.update(environment)
        try:
            return Node(name, daemon_port=daemon_port)
        finally:
            for key, value in before.items():
                os.environ.pop(key, None)
                if value is not None:
                    os.environ[key] = value


def _fatal(event: Mapping[str, Any]) -> bool:
    """Whether nothing more will come. dora also calls it an error when nothing came in time."""
    return event["type"] == "ERROR" and _TIMEOUT not in str(event.get("error"))


def _event(event: Mapping[str, Any]) -> Event:
    kind = str(event["type"])
    if kind != "INPUT":
        return Event(kind, str(event.get("id") or ""))
    if event["id"] == TICK:
        return Event(kind, TICK)
    value = event["value"]
    return Event(kind, str(event["id"]), event["metadata"], payload(value), "" if value is None else str(value.type))


def payload(value: Any) -> bytes:
    """The bytes of a dora value: of its numbers, or of its one text."""
    if value is None or not len(value):
        return b""
    if str(value.type) in ("string", "large_string"):
        return str(value[0].as_py()).encode()
    data: bytes = value.to_numpy(zero_copy_only=False).tobytes()
    return data
