"""What an instance needs from whoever runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from rtengine.chart.instance import Instance
    from rtengine.chart.plan import Plan


class Host(Protocol):
    """All calls are synchronous and short; nothing here may run the chart again."""

    roots: Any
    """Object with an attribute per root of the vocabulary."""
    functions: Any
    """Object with a method per registered function."""
    actions: Any
    """Object with a method per registered action; it is called as ``method(instance, **arguments)``."""

    def emit(self, instance: Instance, name: str, fields: dict[str, Any]) -> None:
        """Send the server event ``name``."""

    def error(self, instance: Instance, body: dict[str, Any]) -> None:
        """Answer the client event being handled, if any, with the API's error."""

    def start(self, instance: Instance, prefix: str, service: str, request: dict[str, Any]) -> str:
        """Start a service; its results are posted to ``instance`` as ``<prefix>.<event>``. Returns a job id."""

    def stop(self, instance: Instance, job_id: str) -> None:
        """Cancel a service whose state was left, finished or not."""

    def set_timer(self, instance: Instance, timer: str, delay: float) -> None:
        """Call ``instance.timer(timer)`` in ``delay`` seconds. Replaces one of the same name."""

    def clear_timer(self, instance: Instance, timer: str) -> None: ...

    def ended(self, instance: Instance) -> None:
        """The instance has entered a final top-level state: forget its jobs and timers."""

    def fault(self, instance: Instance, event: str, error: Exception) -> None:
        """A step raised and the machine has no row for ``fault``."""

    def taken(self, instance: Instance, plan: Plan, source: str) -> None:
        """A transition was taken: for traces, coverage and the live view."""
