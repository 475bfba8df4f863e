"""What goes on while a state is active: its delays and its services, from entering it to leaving it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rtengine.chart.closure import Closure
from rtengine.chart.duration import seconds

if TYPE_CHECKING:
    from rtengine.chart.instance import Instance


def schedule(timer: str, delay: Closure) -> Closure:
    """Start a delay. One that evaluates to null is none at all."""

    def start(i: Instance, e: Any) -> None:
        after = delay(i, e)
        if after is not None:
            i.timers.add(timer)
            i.host.set_timer(i, timer, seconds(after))

    return start


def clear(timer: str) -> Closure:
    """End a delay, unless it is over."""

    def end(i: Instance, e: Any) -> None:
        if timer in i.timers:
            i.timers.discard(timer)
            i.host.clear_timer(i, timer)

    return end


def launch(key: str, prefix: str, service: str, request: Closure) -> Closure:
    """Start a service; the instance keeps its job under ``key``."""

    def start(i: Instance, e: Any) -> None:
        i.jobs[key] = i.host.start(i, prefix, service, request(i, e))

    return start


def stop(key: str) -> Closure:
    """Stop the service, unless it never started."""

    def end(i: Instance, e: Any) -> None:
        job = i.jobs.pop(key, None)
        if job is not None:
            i.host.stop(i, job)

    return end
