"""The words a machine file may use. The chart knows nothing of realtime: whoever runs it says what there is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rtengine.chart.overlay import Find, beside


@dataclass(frozen=True)
class Service:
    """Work that an ``invoke`` starts: the fields it takes, and the events it sends back (name to payload type)."""

    parameters: Mapping[str, Any]
    """Field name to type annotation. A field whose annotation allows None may be left out."""
    events: Mapping[str, type]


@dataclass(frozen=True)
class Vocabulary:
    """Types are pydantic models, dataclasses or plain annotated classes: anything with typed attributes."""

    emits: Mapping[str, type] = field(default_factory=dict)
    """Server event type to the model that says which fields it has."""
    client: Mapping[str, type] = field(default_factory=dict)
    """Client event type to the model of its payload."""
    host: Mapping[str, type | None] = field(default_factory=dict)
    """Events of the shell and the audio front end, with their payload types."""
    services: Mapping[str, Service] = field(default_factory=dict)
    actions: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    """Name to an annotated callable (a method without its self): parameters and return type are read from it."""
    functions: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    """Likewise, for expressions. Looked up on ``host.functions`` at run time."""
    pure: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    """Functions that need no host: called as they are."""
    roots: Mapping[str, Any] = field(default_factory=dict)
    """Read-only objects every expression may start from, beside ``ctx`` and ``event``; attributes of ``host.roots``."""
    types: Mapping[str, Any] = field(default_factory=dict)
    """Names that ``context`` and event fields may use as a type, beside the plain ones."""
    filled: frozenset[str] = frozenset()
    """Fields of server events that the host fills in itself (``type``, ``event_id``)."""
    find: Find = beside
    """The file that ``extends: REFERENCE`` means."""
