"""``rtengine talk``: speak with any Realtime server, from a file or a microphone."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from rtengine.errors import RtengineError
from rtengine_cli.client import CHUNK, Client, realtime_url, session
from rtengine_cli.exchange import Exchange
from rtengine_cli.microphone import converse, sound_devices
from rtengine_cli.recording import BYTES_PER_SECOND, read_wav, write_wav

DEFAULT_URL = "ws://127.0.0.1:8765"
DEFAULT_MODEL = "gpt-realtime"
OPENAI_HOST = "api.openai.com"
ANSWER_SECONDS = 120.0
START_SECONDS = 10.0
SILENCE_CHUNKS = 30
"""Sent at most after a recording, so that the server hears the end of its last turn."""


def talk(
    url: Annotated[
        str, typer.Option(help="Server: ws://host:port, http://host:port/v1, or a full address.")
    ] = DEFAULT_URL,
    key: Annotated[
        str | None,
        typer.Option(
            envvar="RTENGINE_API_KEY", help="API key. For OpenAI's own host OPENAI_API_KEY is taken.", show_envvar=True
        ),
    ] = None,
    model: Annotated[str, typer.Option(help="Model to ask the server for.")] = DEFAULT_MODEL,
    voice: Annotated[str | None, typer.Option(help="Voice of the answers; the server's own if not given.")] = None,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="WAV file to say, instead of the microphone.")
    ] = None,
    text: Annotated[str | None, typer.Option("--text", "-t", help="Message to write, instead of speaking.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="WAV file for the spoken answer.")] = None,
    fast: Annotated[bool, typer.Option("--fast", help="Send the file at once, not at the speed of speech.")] = False,
    events: Annotated[bool, typer.Option("--events", help="Show every server event.")] = False,
) -> None:
    """Talk with a server; prints both sides as text."""
    if file is not None and text is not None:
        raise typer.BadParameter("either --file or --text")
    if fast and file is None:
        raise typer.BadParameter("only a --file can be sent at once", param_hint="--fast")
    audio = None if file is None else read_wav(file)
    devices = sound_devices() if file is None and text is None else None
    address = realtime_url(url, model)

    async def conversation() -> Exchange:
        async with session(address, key_for(address, key)) as client:
            client.listeners.append(Printer(client.exchange, events))
            await begin(client, voice)
            if text is not None:
                await write(client, text)
            elif audio is not None:
                await say(client, audio, fast=fast)
            else:
                await converse(client, devices)
            return client.exchange

    try:
        exchange = asyncio.run(conversation())
    except KeyboardInterrupt:
        return
    if out is not None and exchange.answer:
        write_wav(out, bytes(exchange.answer))
        typer.echo(f"{out}: {len(exchange.answer) / BYTES_PER_SECOND:.1f} s of speech", err=True)
    if devices is None and "completed" not in exchange.statuses:
        raise RtengineError("the server gave no complete answer")


def key_for(address: str, key: str | None) -> str | None:
    """OpenAI's key goes to OpenAI alone, however the variable came to be set."""
    host = urlsplit(address).hostname
    return key or (os.environ.get("OPENAI_API_KEY") if host == OPENAI_HOST else None)


async def begin(client: Client, voice: str | None = None) -> None:
    """Wait for the session, and ask for PCM, for a transcript of what is said and, if it is to be another, for a voice.

    Raises ``RtengineError`` when the server has no such voice.
    """
    await client.until(lambda exchange: bool(exchange.session or exchange.errors), START_SECONDS, "session.created")
    if voice and client.exchange.only_transcribes:
        raise RtengineError("the session only transcribes: nothing is spoken in it")
    pcm = {"type": "audio/pcm", "rate": 24000}
    listening: dict[str, Any] = {"format": pcm}
    if not client.exchange.transcribes:
        listening["transcription"] = {"model": "whisper-1"}
    speaking = {"format": pcm} | ({"voice": voice} if voice else {})
    await update(
        client,
        {"input": listening} if client.exchange.only_transcribes else {"input": listening, "output": speaking},
    )
    if voice and client.exchange.errors:
        raise RtengineError("the session could not be had with that voice")


async def update(client: Client, audio: dict[str, Any] | None = None) -> None:
    """Change the session, or nothing: the answer comes once everything sent before has been taken in."""
    updates = client.exchange.updates
    change = {"audio": audio} if audio else {}
    await client.send("session.update", session={"type": client.exchange.session.get("type", "realtime"), **change})
    await client.until(
        lambda exchange: exchange.updates > updates or bool(exchange.errors), START_SECONDS, "session.updated"
    )


async def say(client: Client, audio: bytes, *, fast: bool = False) -> None:
    """Send a recording, and wait until everything in it has been answered."""
    exchange = client.exchange
    await client.stream(audio, fast=fast)
    if exchange.detects_turns:
        await finish_turn(client, fast=fast)
    else:
        await client.send("input_audio_buffer.commit")
    if not exchange.answers_turns and not exchange.only_transcribes:
        await client.send("response.create")
        await client.until(lambda exchange: bool(exchange.live or exchange.statuses), START_SECONDS, "response.created")
    await client.until(lambda exchange: exchange.settled, ANSWER_SECONDS, "complete answer")


async def write(client: Client, text: str) -> None:
    """Send a message, and wait until it has been answered."""
    content = [{"type": "input_text", "text": text}]
    await client.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})
    await client.send("response.create")
    await client.until(
        lambda exchange: bool(exchange.live or exchange.statuses or exchange.errors), START_SECONDS, "response.created"
    )
    await client.until(lambda exchange: exchange.settled, ANSWER_SECONDS, "complete answer")


async def finish_turn(client: Client, *, fast: bool) -> None:
    """Send silence until the server has heard the end of the last turn."""
    for _ in range(SILENCE_CHUNKS):
        if not fast and client.exchange.stops and not client.exchange.speaking:
            break
        await client.stream(bytes(CHUNK), fast=fast)
    await update(client)
    if not client.exchange.starts:
        raise RtengineError("the server heard no speech in the recording")
    await client.until(lambda exchange: not exchange.speaking, START_SECONDS, "end of the turn")


class Printer:
    """Shows the conversation line by line as it completes, and errors."""

    def __init__(self, exchange: Exchange, events: bool) -> None:
        self._exchange = exchange
        self._events = events
        self._lines = 0
        self._errors = 0

    def __call__(self, event: dict[str, Any]) -> None:
        if self._events:
            typer.echo(f"  {event.get('type')}", err=True)
        for line in self._exchange.lines[self._lines :]:
            typer.echo(f"{line.who:>5}: {line.text}")
        for error in self._exchange.errors[self._errors :]:
            typer.echo(f"error: {error['error'].get('message')}", err=True)
        self._lines, self._errors = len(self._exchange.lines), len(self._exchange.errors)
