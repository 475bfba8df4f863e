"""What server events have in common: their id, and the place in a Response that they are about."""

from __future__ import annotations

from rtengine.protocol.wire import Index, WireModel


class ServerEventFields(WireModel):
    type: str
    event_id: str


class OutputItemFields(ServerEventFields):
    """Events about an output item of a Response."""

    response_id: str
    item_id: str
    output_index: Index


class ContentPartFields(OutputItemFields):
    """Events about a content part of an output item."""

    content_index: Index
