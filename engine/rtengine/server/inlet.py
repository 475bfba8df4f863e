"""The way in of one session: parsed frames to whole messages, in order, as they arrive.

Handing a message over where it is parsed saves a queue, a task switch and a turn of the loop per message. What it
gives up is the library's own flow control; so a flood waits here, with reading paused, and lets other connections have
their turn.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from websockets.frames import Frame, Opcode

MESSAGES_PER_TURN = 16
"""Messages taken from one connection before the others have their turn."""

INVALID_DATA = 1007
"""Close code of a text message that is not UTF-8 (RFC 6455, 8.1)."""


class Receiver(Protocol):
    """Whoever takes the messages: text as ``str``, binary ones as ``bytes``."""

    @property
    def behind(self) -> bool:
        """It is still at work on an earlier message, and takes no other now."""
        ...

    def frame(self, message: str | bytes) -> None: ...

    def hang_up(self, code: int, reason: str) -> None: ...


class Inlet:
    """Holds messages back until ``open``, and beyond ``MESSAGES_PER_TURN`` until the next turn of the loop.

    After ``close`` they are dropped, but still read: the client's answer to a closing handshake comes behind them.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._receiver: Receiver | None = None
        self._waiting: deque[tuple[bool, bytes]] = deque()
        self._fragments: list[bytes] = []
        self._text = True
        self._taken = 0
        self._closed = False

    def open(self, receiver: Receiver) -> None:
        """Hand messages to ``receiver`` from now on."""
        self._receiver = receiver
        if self._waiting:
            self._loop.call_soon(self._take)

    def close(self) -> None:
        """Drop what waits and what still comes."""
        self._closed = True
        self._receiver = None
        self._fragments.clear()
        if self._waiting:
            self._waiting.clear()
            self._resume()

    def read(self) -> None:
        """A new read begins, and with it a turn: others have had theirs."""
        self._taken = 0

    def put(self, frame: Frame) -> None:
        """Take a data frame. The library has checked that fragments follow each other and are not too large."""
        if self._closed:
            return
        data = bytes(frame.data)
        if frame.opcode is not Opcode.CONT:
            self._text = frame.opcode is Opcode.TEXT
        if not frame.fin or self._fragments:
            self._fragments.append(data)
            if not frame.fin:
                return
            data = b"".join(self._fragments)
            self._fragments.clear()
        receiver = self._receiver
        if self._waiting or receiver is None or receiver.behind or self._taken >= MESSAGES_PER_TURN:
            self._wait(data)
        else:
            self._taken += 1
            _deliver(receiver, self._text, data)

    def _wait(self, data: bytes) -> None:
        if not self._waiting:
            self._transport.pause_reading()
            if self._receiver is not None:
                self._loop.call_soon(self._take)
        self._waiting.append((self._text, data))

    def _take(self) -> None:
        for _ in range(min(MESSAGES_PER_TURN, len(self._waiting))):
            if self._receiver is not None and self._receiver.behind:
                break
            text, data = self._waiting.popleft()
            if self._receiver is not None:
                _deliver(self._receiver, text, data)
        if self._waiting:
            self._loop.call_soon(self._take)
        elif not self._closed:
            self._taken = 0
            self._resume()

    def _resume(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()


def _deliver(receiver: Receiver, text: bool, data: bytes) -> None:
    if not text:
        receiver.frame(data)
        return
    try:
        message = str(data, "utf-8")
    except UnicodeDecodeError:
        receiver.hang_up(INVALID_DATA, "a text message is not UTF-8")
    else:
        receiver.frame(message)
