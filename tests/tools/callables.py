"""Tools for the tests of tools."""

from __future__ import annotations

import asyncio
import threading
from enum import Enum
from typing import Annotated, Any

from pydantic import Field

from rtengine.tools.error import ToolError

SECONDS = 60
"""How long a loaded machine may take for anything."""
release = threading.Event()
"""Ends ``wait``."""
entered = threading.Semaphore(0)
"""Counts the calls of ``wait`` and ``doze`` that have begun."""
ended: list[str] = []


class Unit(Enum):
    celsius = "celsius"
    kelvin = "kelvin"


def get_weather(city: Annotated[str, Field(description="Where")], unit: Unit = Unit.celsius) -> dict[str, Any]:
    """The weather of a city."""
    return {"city": city, "unit": unit.value, "degrees": 21.5}


async def add(a: int, b: int = 1) -> str:
    await asyncio.sleep(0)
    return str(a + b)


def fail(how: str) -> str:
    if how == "told":
        raise ToolError("The oven is cold.")
    if how == "exit":
        raise SystemExit(3)
    raise RuntimeError("password=hunter2")


def chatter(size: int) -> str:
    return "x" * size


def odd() -> object:
    return object()


def wait() -> str:
    entered.release()
    release.wait(SECONDS)
    return "done"


async def doze() -> str:
    entered.release()
    try:
        await asyncio.sleep(10 * SECONDS)
    except asyncio.CancelledError:
        ended.append("doze")
        raise
    return "awake"


def positional(*values: int) -> int:
    return sum(values)


not_a_function = 42
