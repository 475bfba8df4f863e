"""What the session asks of the models, read off its data."""

from __future__ import annotations

from rtengine.audio.buffer import AudioClip
from rtengine.models.jobs import GenerateRequest, SpeakRequest, TranscribeRequest
from rtengine.protocol.session import RealtimeSession, Session
from rtengine.session.context import chat_tool_choice, chat_tools, messages
from rtengine.session.data import Answer, SessionData
from rtengine.session.input_audio import as_audio_format

LOGPROBS = "item.input_audio_transcription.logprobs"


def transcribe_request(session: Session, clip: AudioClip) -> TranscribeRequest:
    wanted = session.audio.input.transcription
    return TranscribeRequest(
        audio=clip.pcm16,
        rate=clip.rate,
        language=wanted.language if wanted else None,
        prompt=wanted.prompt if wanted else None,
        logprobs=LOGPROBS in (session.include or []),
    )


def generate_request(data: SessionData, answer: Answer) -> GenerateRequest:
    """The response's own parameters where the client gave them, else the session's."""
    session, params = data.session, answer.params
    assert isinstance(session, RealtimeSession)
    instructions = params.instructions if params and params.instructions is not None else session.instructions
    tools = params.tools if params and params.tools is not None else session.tools
    choice = params.tool_choice if params and params.tool_choice is not None else session.tool_choice
    records = data.conversation.items() if answer.records is None else answer.records
    limit = answer.response.max_output_tokens
    return GenerateRequest(
        messages=messages(instructions or "", records, data.limits.context_tokens),
        tools=chat_tools(tools or ()),
        tool_choice=chat_tool_choice(choice or "auto"),
        parallel_tool_calls=session.parallel_tool_calls,
        max_tokens=limit if isinstance(limit, int) else None,
    )


def warm_request(data: SessionData) -> GenerateRequest | None:
    """The prompt every answer of this session begins with; None when there is nothing to read ahead."""
    session = data.session
    if not isinstance(session, RealtimeSession) or not session.instructions:
        return None
    records = data.conversation.items()
    return GenerateRequest(
        messages=messages(session.instructions, records, data.limits.context_tokens),
        tools=chat_tools(session.tools or ()),
        tool_choice="auto",
        prefill_only=True,
    )


def speak_request(data: SessionData, answer: Answer, text: str) -> SpeakRequest:
    session = data.session
    assert isinstance(session, RealtimeSession)
    output = answer.response.audio.output
    encoded = as_audio_format(output.format)
    return SpeakRequest(
        text=text,
        voice=output.voice,
        speed=session.audio.output.speed,
        encoding=encoded.encoding,
        rate=encoded.rate,
    )
