"""What the session asks of the models, read off its data."""

from __future__ import annotations

import json
from dataclasses import replace

from rtengine.audio.buffer import AudioClip
from rtengine.models.jobs import GenerateRequest, SpeakRequest, ToolRequest, TranscribeRequest
from rtengine.protocol.items import FunctionCall, McpCall, UserMessage
from rtengine.protocol.parts import InputAudio
from rtengine.protocol.response import Response
from rtengine.protocol.sampling import temperature_of
from rtengine.protocol.session import RealtimeSession, Session, Transcription
from rtengine.session.context import chat_tools, chosen, messages, newest, room, size, tokens
from rtengine.session.conversation import Record
from rtengine.session.data import Answer, SessionData
from rtengine.session.input_audio import as_audio_format
from rtengine.session.toolset import Offer, address
from rtengine.session.usage import estimated_tokens

LOGPROBS = "item.input_audio_transcription.logprobs"


def transcribe_request(session: Session, clip: AudioClip) -> TranscribeRequest:
    wanted = session.audio.input.transcription
    return TranscribeRequest(
        audio=clip.pcm16,
        rate=clip.rate,
        language=wanted.language if wanted else None,
        languages=tuple(wanted.languages) if wanted and wanted.languages else None,
        prompt=prompt_of(wanted) if wanted else None,
        logprobs=LOGPROBS in (session.include or []),
    )


def prompt_of(wanted: Transcription) -> str | None:
    """The client's prompt, and its keywords as words that came before: so they are given to Whisper."""
    keywords = ", ".join(wanted.keywords or ())
    return " ".join(part for part in (wanted.prompt, keywords and f"{keywords}.") if part) or None


def generate_request(data: SessionData, answer: Answer) -> GenerateRequest:
    """The response's own parameters where the client gave them, else the session's."""
    session, params = realtime(data), answer.params
    choice = session.tool_choice if params is None or params.tool_choice is None else params.tool_choice
    answer.offers = offered(data, answer)
    tool_choice, offers = chosen(choice, answer.offers)
    parallel = params.parallel_tool_calls if params else None
    effort = (params.reasoning if params else None) or session.reasoning
    limit = answer.response.max_output_tokens
    return GenerateRequest(
        messages=messages(instructions_of(data, answer), window(data, answer)),
        tools=chat_tools(offers),
        tool_choice=tool_choice,
        parallel_tool_calls=session.parallel_tool_calls if parallel is None else parallel,
        max_tokens=limit if isinstance(limit, int) else None,
        reasoning_effort=effort.effort if effort else None,
        temperature=temperature_of(answer.response),
    )


def offered(data: SessionData, answer: Answer) -> dict[str, Offer]:
    """What a response may call: its own tools where the client gave it any, else the session's."""
    params = answer.params
    tools = realtime(data).tools if params is None or params.tools is None else params.tools
    return data.tools.offers(tools, outside=params is not None and params.conversation == "none")


def tool_request(data: SessionData, item_id: str) -> ToolRequest:
    """The call that an item of the conversation stands for."""
    record = data.conversation.records[item_id]
    item = record.item
    if isinstance(item, McpCall):
        return ToolRequest(item.name, record.text, address(data.tools.listings[item.server_label].server))
    if isinstance(item, FunctionCall):
        return ToolRequest(item.name, record.text)
    raise TypeError(f"an item of type {item.type} is no call")


def estimated_input(request: GenerateRequest) -> int:
    """Text tokens that the chat model has to read for a request, its tools included."""
    tools = estimated_tokens(json.dumps(request.tools)) if request.tools else 0
    return sum(map(size, request.messages)) + tools


def early_generate_request(data: SessionData, item_id: str, transcript: str) -> GenerateRequest:
    """What the chat model would be asked if the turn were over now, and the user had said ``transcript``."""
    session = realtime(data)
    spoken = UserMessage(id=item_id, content=[InputAudio(transcript=transcript)])
    answer = Answer(Response(id="", max_output_tokens=session.max_output_tokens), None, None)
    records = [*context(data, answer), Record(spoken)]
    return replace(
        generate_request(data, answer), messages=messages(session.instructions, fitting(data, answer, records))
    )


def realtime(data: SessionData) -> RealtimeSession:
    if not isinstance(data.session, RealtimeSession):
        raise TypeError("a transcription session has no responses")
    return data.session


def instructions_of(data: SessionData, answer: Answer) -> str:
    own = answer.params.instructions if answer.params else None
    return realtime(data).instructions if own is None else own


def context(data: SessionData, answer: Answer) -> list[Record]:
    """Everything the response may look at: the input the client gave, or the conversation from where it was cut."""
    if answer.records is not None:
        return answer.records
    records = data.conversation.items()
    cut = next((at for at, record in enumerate(records) if record.item.id == data.context_start), 0)
    return records[cut:]


def overflows(data: SessionData, answer: Answer) -> bool:
    space = room(realtime(data), instructions_of(data, answer), data.limits.context_tokens)
    return tokens(context(data, answer)) > space.tokens


def window(data: SessionData, answer: Answer) -> list[Record]:
    """What of the context fits. A conversation that was cut stays cut, so that the model's cache stays good."""
    records = context(data, answer)
    kept = fitting(data, answer, records)
    if answer.records is None and len(kept) < len(records):
        data.context_start = kept[0].item.id
    return kept


def fitting(data: SessionData, answer: Answer, records: list[Record]) -> list[Record]:
    space = room(realtime(data), instructions_of(data, answer), data.limits.context_tokens)
    return records if tokens(records) <= space.tokens else newest(records, space.retained)


def judge_request(transcript: str) -> GenerateRequest:
    """Whether a user who has said this, and paused, has finished."""
    return GenerateRequest(messages=({"role": "user", "content": transcript},), judge_only=True)


def warm_request(data: SessionData) -> GenerateRequest | None:
    """The prompt every answer of this session begins with; None when there is nothing to read ahead."""
    session = data.session
    if not isinstance(session, RealtimeSession) or not session.instructions or not data.abilities.chat:
        return None
    return GenerateRequest(
        messages=messages(session.instructions, data.conversation.items()),
        tools=chat_tools(data.tools.offers(session.tools, outside=False)),
        prefill_only=True,
    )


def speak_request(data: SessionData, answer: Answer, text: str) -> SpeakRequest:
    output = answer.response.audio.output
    encoded = as_audio_format(output.format)
    return SpeakRequest(
        text=text,
        voice=output.voice,
        speed=realtime(data).audio.output.speed,
        encoding=encoded.encoding,
        rate=encoded.rate,
    )
