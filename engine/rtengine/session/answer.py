"""A new response, and the items it produces."""

from __future__ import annotations

from rtengine.protocol.formats import voice_name
from rtengine.protocol.ids import Ids
from rtengine.protocol.items import (
    AssistantMessage,
    FunctionCall,
    Item,
    ItemReference,
    McpApprovalRequest,
    McpCall,
)
from rtengine.protocol.response import Response, ResponseAudio, ResponseAudioOutput, ResponseCreateParams
from rtengine.protocol.sampling import sampled_response
from rtengine.protocol.session import RealtimeSession
from rtengine.session.content import give_call_id, given_audio, given_text, needs_transcript
from rtengine.session.conversation import Record
from rtengine.session.data import Answer, SessionData
from rtengine.session.toolset import Offer


def new_answer(data: SessionData, response_id: str, params: ResponseCreateParams | None, ids: Ids) -> Answer:
    """A response in progress: the request's parameters, and the session's where the request names none.

    A conversation has one voice: once it has been heard, it is every response's.
    """
    session = data.session
    if not isinstance(session, RealtimeSession):
        raise TypeError("only a realtime session has responses")
    asked = params or ResponseCreateParams()
    outside = asked.conversation == "none"
    output = asked.audio.output if asked.audio and asked.audio.output else None
    limit = session.max_output_tokens if asked.max_output_tokens is None else asked.max_output_tokens
    response = Response(
        id=response_id,
        status="in_progress",
        conversation_id=None if outside else data.conversation.id,
        output_modalities=asked.output_modalities or session.output_modalities,
        max_output_tokens=limit,
        audio=ResponseAudio(
            output=ResponseAudioOutput(
                format=(output.format if output else None) or session.audio.output.format,
                voice=voice_name(
                    (output.voice if output else None) or data.conversation.voice or session.audio.output.voice
                ),
            )
        ),
        metadata=asked.metadata,
    )
    return Answer(sampled_response(response, session, params), params, given_context(data, asked, ids))


def given_context(data: SessionData, params: ResponseCreateParams, ids: Ids) -> list[Record] | None:
    """The records of ``response.input``; None when the response reads the conversation."""
    if params.input is None:
        return None
    records = []
    for item in params.input:
        if isinstance(item, ItemReference):
            records.append(data.conversation.records[item.id])
        else:
            passing = item.id is None or data.conversation.knows(item.id)
            if passing:
                item.id = ids.new("item")  # nobody is told of it; an item that is there already stays what it is
            give_call_id(item, ids)
            unheard = needs_transcript(item)  # asked first: the clip is taken out of the item
            clip = given_audio(item, data.session)
            text = given_text(item)
            record = Record(item, clip=clip, text=text, pending=unheard, unheard=unheard, passing=passing)
            data.conversation.add_outside(record)
            records.append(record)
    return records


def new_mcp_item(item_id: str, kind: str, offer: Offer) -> Item:
    if kind == "mcp_call":
        return McpCall(id=item_id, server_label=offer.label, name=offer.name, arguments="")
    return McpApprovalRequest(id=item_id, server_label=offer.label, name=offer.name, arguments="")


def approved_call(item_id: str, request: Item) -> Item:
    """The call that the client was asked about, and has agreed to."""
    assert isinstance(request, McpApprovalRequest)
    return McpCall(
        id=item_id,
        server_label=request.server_label,
        name=request.name,
        arguments="",
        approval_request_id=request.id,
    )


def new_output_item(item_id: str, kind: str, call_id: str, name: str) -> Item:
    if kind == "function_call":
        return FunctionCall(id=item_id, status="in_progress", call_id=call_id, name=name, arguments="")
    return AssistantMessage(id=item_id, status="in_progress", content=[])
