"""The page to talk with, in a real browser, before a server whose models are scripted."""

from __future__ import annotations

import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.server.browser import CHROMIUM, Page, page
from tests.server.fakes import FakeSession, running, say
from tests.server.process import server

from rtengine.profile.settings import ServerSettings
from rtengine.server.sessions import SessionInput
from rtengine.server.talk import talk_routes
from rtengine.session.effects import Effect

NO_BROWSER = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")
pytestmark = [pytest.mark.end_to_end, NO_BROWSER]

QUESTION = Path(__file__).parents[1] / "audio" / "recordings" / "capital_of_france_24k.wav"
STORY = "Once upon a time there was a server, and it never lost an event. " * 10
EVIL = "<img src=x onerror=document.title='owned'>"
PROFILE = f"""
profile: talkative
version: 1
extends: scripted
session:
  max_output_tokens: inf
  tools: [{{type: function, name: get_weather, parameters: {{type: object, properties: {{city: {{type: string}}}}}}}}]
models:
  transcriber: {{transcripts: ["What is the capital of France?"], deltas: true}}
  chat:
    rules:
      - {{match: "capital", say: "It is Paris."}}
      - {{match: "weather", call: {{name: get_weather, arguments: {{city: Oslo}}}}}}
      - {{match: "story", say: "{STORY}"}}
  voice: {{delay_piece_ms: 60}}  # a story is still being made while it is interrupted
"""
USER = "[...document.querySelectorAll('article.user p')].at(-1)?.textContent"
ANSWER = "[...document.querySelectorAll('article.assistant')].at(-1)"
KEY = "a-key-for-the-page"


@asynccontextmanager
async def talking(folder: Path, more: str = "", session: str = "", speech: Path | None = None) -> AsyncIterator[Page]:
    """The page, opened at the root of a server; its microphone plays a file again and again."""
    profile = PROFILE.replace("session:\n", f"session:\n{session}") + more
    (folder / "talkative.yaml").write_text(profile, encoding="utf-8")
    microphone = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    microphone += [f"--use-file-for-fake-audio-capture={speech}"] if speech else []
    async with server(profile=str(folder / "talkative.yaml")) as told, page(*microphone) as view:
        await view.open(told["talk"])
        yield view


def spoken(folder: Path, *, pause: float = 20) -> Path:
    """The question, with silence around it: what a microphone plays again and again. Without a pause it never ends."""
    with wave.open(str(QUESTION)) as source:
        rate, sound = source.getframerate(), source.readframes(source.getnframes())
    edge = 2 * int(0.2 * rate)  # of the silence in the recording
    path = folder / "question.wav"
    with wave.open(str(path), "wb") as target:
        target.setnchannels(1)
        target.setsampwidth(2)
        target.setframerate(rate)
        target.writeframes(sound[edge:-edge] if pause == 0 else bytes(2 * rate) + sound + bytes(2 * int(pause * rate)))
    return path


async def write(view: Page, text: str) -> None:
    await view.value("document.getElementById('text').focus()")
    await view.write(text)
    await view.press("Enter", "\r")


def part(name: str) -> str:
    """What the line below the last answer says of it."""
    return f"{ANSWER}?.querySelector('[data-part={name}]')?.dataset.value"


async def milliseconds(view: Page, condition: str = "true") -> int:
    """How much of the last answer has been heard, once a condition holds."""
    return int(await view.until(f"({condition}) && {part('played')}"))


async def errors(view: Page) -> list[Any]:
    found: list[Any] = await view.value("[...document.querySelectorAll('.note.bad')].map((each) => each.textContent)")
    return found


async def test_a_spoken_question_is_written_down_and_its_answer_is_heard_to_the_end(tmp_path: Path) -> None:
    async with talking(tmp_path, speech=spoken(tmp_path)) as view:
        assert await view.value("document.activeElement.id") == "talk"
        await view.press(" ", " ")
        await view.until(f"{USER} === 'What is the capital of France?'")
        assert await milliseconds(view, f"{part('played')} == 600") == 600  # 12 characters of 50 ms
        assert await view.value(f"{ANSWER}.querySelector('p').textContent") == "It is Paris."
        latency = await view.value(f"{ANSWER}.querySelector('[data-part=latency]').textContent")
        assert latency.startswith("first sound after ")
        await view.until("document.body.dataset.state === 'listening'")
        await view.press(" ", " ")
        await view.until("document.body.dataset.state === 'open'")
        assert await errors(view) == []
        assert view.complaints == []


async def test_a_written_turn_is_answered_aloud_and_calls_are_lines(tmp_path: Path) -> None:
    async with talking(tmp_path) as view:
        await write(view, EVIL + " capital")
        assert await milliseconds(view, f"{part('played')} == 600") == 600
        assert await view.value(USER) == EVIL + " capital"
        assert await view.value("document.title") == "rtengine talk"
        await write(view, "How is the weather?")
        call = "[...document.querySelectorAll('.note')].at(-1)?.textContent"
        assert "Oslo" in await view.until(f"{call}?.startsWith('get_weather(') && {call}")
        assert await errors(view) == []
        assert view.complaints == []


async def test_a_voice_interrupts_and_cuts_the_answer_to_what_was_heard(tmp_path: Path) -> None:
    async with talking(tmp_path, speech=spoken(tmp_path)) as view:
        await write(view, "Tell me a story.")
        await milliseconds(view)
        story = "document.querySelector('article.assistant')"
        await view.value("document.getElementById('talk').click()")
        await view.until(f"{story}.classList.contains('cut')")
        await view.until(f"{USER} === 'What is the capital of France?'")
        assert await milliseconds(view, f"{part('played')} == 600") == 600
        heard = int(await view.value(f"{story}.querySelector('[data-part=played]').dataset.value"))
        kept = await view.value(f"{story}.querySelector('p').textContent")
        assert 0 < heard < 50 * len(STORY)
        assert STORY.startswith(kept)
        assert len(kept) * 50 <= heard  # words that were not heard to their end are gone
        assert await errors(view) == []


async def test_writing_and_escape_interrupt_too(tmp_path: Path) -> None:
    async with talking(tmp_path) as view:
        await write(view, "Tell me a story.")
        await milliseconds(view)
        await write(view, "And the capital?")
        assert await milliseconds(view, f"{part('played')} == 600") == 600
        assert await view.value("document.querySelectorAll('article.cut').length") == 1
        await write(view, "Tell me a story.")
        await milliseconds(view, f"{ANSWER}.textContent.includes('Once')")
        await view.press("Escape")
        await view.until("document.querySelectorAll('article.cut').length === 2")
        await view.until("document.body.dataset.state === 'open'")
        assert await errors(view) == []


async def test_who_stops_in_the_middle_of_a_sentence_is_answered(tmp_path: Path) -> None:
    async with talking(tmp_path, speech=spoken(tmp_path, pause=0)) as view:
        await view.press(" ", " ")
        await view.until("document.body.dataset.state === 'hearing' && document.getElementById('level').value > 0.05")
        await view.press(" ", " ")
        assert await milliseconds(view, f"{part('played')} == 600") == 600
        assert await view.value("document.getElementById('talk').getAttribute('aria-pressed')") == "false"
        assert await errors(view) == []


async def test_without_turn_detection_the_button_ends_the_turn_whatever_the_format(tmp_path: Path) -> None:
    telephone = "format: {type: audio/pcmu}"
    audio = f"  audio: {{input: {{{telephone}, turn_detection: null}}, output: {{{telephone}}}}}\n"
    async with talking(tmp_path, session=audio, speech=spoken(tmp_path, pause=1)) as view:
        await view.press(" ", " ")
        await view.until("document.getElementById('level').value > 0.2")
        await view.press(" ", " ")
        await view.until(f"{USER} === 'What is the capital of France?'")
        assert await milliseconds(view, f"{part('played')} == 600") == 600
        assert await errors(view) == []


def told_of_tools(session: FakeSession, event: SessionInput, now: float) -> list[Effect]:
    """Whatever a server tells of tools and troubles, at once; a client's consent is thanked for with an error."""
    item = getattr(event, "item", None)
    if item is not None and item.type == "mcp_approval_response":
        return [say("error", error={"message": f"approve={item.approve} {item.approval_request_id}"})]
    if getattr(event, "type", "") != "response.create":
        return []
    call = {"name": "add", "arguments": "{}"}
    failed = {"id": "resp_1", "status": "failed", "status_details": {"error": {"message": "No model."}}}
    return [
        say("response.output_item.done", item={"type": "mcp_call", **call, "output": "3"}),
        say("response.output_item.done", item={"type": "mcp_call", **call, "error": {"message": "No sum."}}),
        say("response.output_item.done", item={"type": "mcp_approval_request", "id": "mcpr_1", **call}),
        say("conversation.item.added", item={"type": "function_call_output", "call_id": "call_1", "output": EVIL}),
        say("response.done", response=failed),
    ]


async def test_tools_are_lines_a_request_is_a_question_and_what_goes_wrong_is_told() -> None:
    settings = {"session": {"type": "realtime", "model": "m"}}
    routes = talk_routes(ServerSettings())
    async with running(told_of_tools, greeting=settings, routes=routes) as site, page() as view:
        await view.open(f"http://127.0.0.1:{site.server.port}/talk")
        await write(view, "Add.")
        await view.until("document.querySelectorAll('.note').length === 7")
        lines = await view.value("[...document.querySelectorAll('.note')].map((each) => each.firstChild.textContent)")
        assert lines == ["add({})", "→ 3", "add({})", "add: No sum.", "add({})", f"→ {EVIL}", "No model."]
        assert await errors(view) == ["add: No sum.", "No model."]
        await view.value("document.querySelector('.note button').click()")
        await view.until("document.querySelectorAll('.note').length === 8")
        assert (await errors(view))[-1] == "approve=True mcpr_1"
        assert await view.value("document.querySelectorAll('.note button:not(:disabled)').length") == 0
        assert await view.value("document.title") == "rtengine talk"
        for shell in site.site.shells:
            shell.hang_up(1001, "the server is shutting down")
        await view.until("document.body.dataset.state === 'closed'")
        assert (await errors(view))[-1] == "The connection is closed: the server is shutting down (1001)."
        assert view.complaints == []


async def answered_with(view: Page, key: str) -> None:
    await view.value("document.getElementById('key').value = ''")
    await view.value("document.getElementById('key').focus()")
    await view.write(key)
    await write(view, "The capital?")
    assert await milliseconds(view, f"{part('played')} == 600") == 600


async def test_where_there_are_keys_the_page_asks_for_one_and_keeps_it_nowhere(tmp_path: Path) -> None:
    async with talking(tmp_path, f"keys: {{page: {{key: {KEY}}}}}\n") as view:
        await write(view, "The capital?")
        await view.until("!document.getElementById('key-form').hidden")
        assert await errors(view) == ["This server asks for an API key."]
        assert await view.value("document.activeElement.id") == "key"
        await view.write("not-the-right-key")
        await view.press("Enter", "\r")
        await view.until("document.querySelectorAll('.note.bad').length >= 2")
        assert "Incorrect API key" in (await errors(view))[1]
        await answered_with(view, KEY)
        minted = f"fetch('v1/realtime/client_secrets', {{method: 'POST', headers: {{authorization: 'Bearer {KEY}'}}}})"
        secret = await view.value(f"{minted}.then((answer) => answer.json()).then((answer) => answer.value)")
        await view.open(await view.value("location.href"))
        await view.value("document.getElementById('key-form').hidden = false")
        await answered_with(view, secret)
        assert await errors(view) == []
        kept = "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href])"
        assert KEY not in await view.value(kept)
