"""Scenarios over the wire: those of the folder, and what is told of those that fail."""

from __future__ import annotations

import asyncio
import re
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.session.machines import MACHINES

from rtengine.scenarios.endpoint import endpoint
from rtengine.scenarios.performance import obstacle, perform
from rtengine.scenarios.run import Scenario, read_scenario
from rtengine.scenarios.wire import Unreachable, address
from rtengine.server.rehearsal import Company, rehearse, serving
from rtengine.source.finding import FileError, Finding
from rtengine.source.report import full

pytestmark = pytest.mark.end_to_end

FOLDER = Path(__file__).parent / "wire"
FILES = sorted(FOLDER.glob("*.yaml"))
SINGLE = ("text_turn", "audio_turn", "barge_in", "function_call", "beta_text_turn", "transcription_session")
"""Scenarios of one session, in which no time passes."""


def written(folder: Path, text: str) -> Path:
    path = folder / "scenario.yaml"
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return path


def findings(folder: Path, text: str) -> list[Finding]:
    try:
        return rehearse(read_scenario(written(folder, text)), MACHINES)
    except FileError as error:
        return list(error.findings)


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_scenario(path: Path) -> None:
    scenario = read_scenario(path)
    assert scenario.document.over_wire
    found = rehearse(scenario, MACHINES)
    assert not found, full(found)


@pytest.mark.parametrize("name", SINGLE)
def test_a_session_does_over_the_wire_what_it_does_in_virtual_time(name: str) -> None:
    found = rehearse(read_scenario(FOLDER.parent / f"{name}.yaml"), MACHINES)
    assert not found, full(found)


TWO = """\
    session: {output_modalities: [text]}
    steps:
      - {by: one, connect: }
      - {by: one, expect: [session.created]}
"""


@pytest.mark.parametrize(
    ("step", "place", "told"),
    [
        ("{by: one, expct: []}", (5, 5, "SC013"), "a step has exactly one of"),
        ("{by: two, expect: []}", (5, 10, "SC106"), "the client 'two' has not connected"),
        ("{by: one, advance: 1s}", (5, 24, "SC104"), "over the wire time is real"),
        ("{by: one, expect: [error, error]}", (5, 24, "SC201"), "error was not sent"),
        ("{by: one, includes: [error]}", (5, 26, "SC201"), "no such event was sent"),
        ("{by: one, closed: 1000}", (5, 23, "SC201"), "the connection is open"),
        ("{by: one, refused: {status: 503}}", (5, 24, "SC201"), "the client was let in"),
        ("{by: one, result: {text: Hi}}", (5, 5, "SC201"), "no generate job runs"),
        ("{by: one, jobs: [speak]}", (5, 21, "SC201"), "the jobs that run are none"),
        ("{by: one, client: {type: response.create}}", (3, 3, "SC203"), "sent to 'one' at the end: response.created"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, place: tuple[int, int, str], told: str
) -> None:
    monkeypatch.setattr("rtengine.scenarios.performance.PATIENCE_SECONDS", 3.0)
    (finding,) = findings(tmp_path, textwrap.dedent(TWO) + f"  - {step}\n")
    assert (finding.line, finding.col, finding.code) == place
    assert told in finding.message


@pytest.mark.parametrize(
    ("text", "place", "told"),
    [
        ("models: profile\nsteps: []\n", (1, 9, "SC107"), "no profile is named"),
        ("profile: scripted\nendpoint: []\nsteps: []\n", (2, 11, "SC107"), "asks no endpoint"),
        ("profile: scripted\nmodels: profile\nsteps: [{result: {text: Hi}}]\n", (3, 18, "SC107"), "plays a model"),
        ("session: {output_modalities: [smell]}\nsteps: [{by: a, connect: }]\n", (1, 10, "SC105"), "'smell'"),
    ],
)
def test_a_file_that_is_wrong(tmp_path: Path, text: str, place: tuple[int, int, str], told: str) -> None:
    (finding,) = findings(tmp_path, text)
    assert (finding.line, finding.col, finding.code) == place
    assert told in finding.message


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """A server in a thread, of which the scenario knows nothing but its address."""
    company = Company(read_scenario(FOLDER / "trap_any_server.yaml"), MACHINES)
    ready, over = threading.Event(), asyncio.Event()
    told: list[Any] = []

    async def serve() -> None:
        async with serving(company) as url:
            told.extend((url, asyncio.get_running_loop()))
            ready.set()
            await over.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    ready.wait()
    yield told[0]
    told[1].call_soon_threadsafe(over.set)
    thread.join()


def test_a_scenario_is_performed_with_a_server_that_is_there_already(elsewhere: str) -> None:
    found = asyncio.run(perform(read_scenario(FOLDER / "trap_any_server.yaml"), elsewhere))
    assert not found, full(found)


@pytest.mark.parametrize("steps", ["steps: [includes: [session.created]]\n", "steps: [{by: ann, connect: }]\n"])
@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("ws://127.0.0.1:1", "ws://127.0.0.1:1 cannot be reached: "),
        ("ftp://127.0.0.1", "ftp://127.0.0.1 is no Realtime server: "),
    ],
)
def test_a_server_that_is_not_there_is_told(tmp_path: Path, steps: str, url: str, told: str) -> None:
    scenario = read_scenario(written(tmp_path, f"profile: scripted\nmodels: profile\n{steps}"))
    with pytest.raises(Unreachable, match=re.escape(told)):
        asyncio.run(perform(scenario, url))


def test_a_server_of_the_scenario_that_is_gone_is_a_finding() -> None:
    scenario = read_scenario(FOLDER / "trap_second_client.yaml")
    (finding,) = asyncio.run(perform(scenario, "ws://127.0.0.1:1", Company(scenario, MACHINES)))
    assert finding.code == "SC204"
    assert "cannot be reached" in finding.message


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("wire/trap_any_server", ""),
        ("wire/trap_empty_choices", "it needs a server of its own: endpoint"),
        ("wire/trap_second_client", "it needs a server of its own: session"),
        ("trap_retrieve_unknown", "its steps play the models"),
    ],
)
def test_what_keeps_a_scenario_from_other_servers_has_a_name(name: str, why: str) -> None:
    assert obstacle(read_scenario(FOLDER.parent / f"{name}.yaml")) == why


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("ws://h:1", "ws://h:1/v1/realtime?model=default&a=b"),
        ("http://h/v1", "ws://h/v1/realtime?model=default&a=b"),
        ("h:1", "ws://h:1/v1/realtime?model=default&a=b"),
        ("wss://h/x/realtime?model=m", "wss://h/x/realtime?model=m&a=b"),
    ],
)
def test_an_address_is_understood(given: str, found: str) -> None:
    assert address(given, {"a": "b"}) == found


async def test_an_endpoint_with_no_reply_left_fails() -> None:
    async with endpoint([["[1]"]]) as url:
        host, port = url.removeprefix("http://").removesuffix("/v1").split(":")
        for status, text in (("200", "data: [1]\n\ndata: [DONE]\n\n"), ("500", "no reply left")):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}")
            answer = (await reader.read()).decode()
            assert (answer.split()[1], text in answer) == (status, True)
            writer.close()
            await writer.wait_closed()


def test_a_scenario_of_another_kind_needs_no_server(tmp_path: Path) -> None:
    scenario: Scenario = read_scenario(written(tmp_path, "steps:\n  - expect: [session.created]\n"))
    assert not scenario.document.over_wire
