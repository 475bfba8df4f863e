"""Tools of the server, through a running server and the official client: the client runs nothing."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI

from rtengine_cli.child import Child

pytestmark = pytest.mark.end_to_end

ROOT = Path(__file__).parents[2]
PROFILE = f"""
profile: tools
version: 1
extends: scripted
session: {{output_modalities: [text], tools: [{{type: function, name: open_door}}]}}
models:
  chat:
    adapter: scripted
    rules:
      - {{match: "weather in (?P<city>\\\\w+)", call: {{name: get_weather, arguments: {{city: "{{city}}"}}}}}}
      - {{match: echo, call: {{name: echo, arguments: {{text: hello}}}}}}
      - {{match: door, call: {{name: open_door}}}}
      - {{output: "21.5", say: "It is 21 degrees."}}
      - {{output: "hello!", say: "It said hello."}}
tools:
  - name: get_weather
    run: {{python: "tests.tools.callables:get_weather"}}
  - name: house
    run: {{mcp: {{command: [{sys.executable}, {ROOT / "tests/tools/mcp_server.py"}]}}}}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    path = tmp_path_factory.mktemp("profiles") / "tools.yaml"
    path.write_text(PROFILE, encoding="utf-8")
    with Child(str(path), on_line=lambda line: None) as child:
        yield child.url.split("/v1/")[0].replace("ws://", "http://") + "/v1"


async def ask(base_url: str, text: str, last: str) -> list[dict[str, Any]]:
    """What the server sends up to the event ``last``, when it is asked once its MCP server has told its tools."""
    events: list[dict[str, Any]] = []
    async with (
        AsyncOpenAI(api_key="none", base_url=base_url) as client,
        client.realtime.connect(model="m") as connection,
        asyncio.timeout(100),
    ):
        async for event in connection:
            events.append(event.model_dump(exclude_none=True))
            if event.type == "mcp_list_tools.completed":
                content: Any = [{"type": "input_text", "text": text}]
                item: Any = {"type": "message", "role": "user", "content": content}
                await connection.conversation.item.create(item=item)
                await connection.response.create()
            if event.type == last:
                break
    return events


def told(events: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [event for event in events if event["type"] == name]


async def test_a_python_callable_answers_and_the_session_goes_on(server: str) -> None:
    events = await ask(server, "What is the weather in Oslo?", "response.output_text.done")
    listed = [tool.get("name", tool.get("server_label")) for tool in events[0]["session"]["tools"]]
    assert listed == ["get_weather", "house", "open_door"]
    (output,) = [
        e["item"] for e in told(events, "conversation.item.done") if e["item"]["type"] == "function_call_output"
    ]
    assert output["output"] == '{"city":"Oslo","unit":"celsius","degrees":21.5}'
    assert events[-1]["text"] == "It is 21 degrees."
    assert len(told(events, "response.created")) == 2


async def test_a_program_that_speaks_mcp_answers_and_the_session_goes_on(server: str) -> None:
    events = await ask(server, "echo", "response.output_text.done")
    (done,) = [e["item"] for e in told(events, "response.output_item.done") if e["item"]["type"] == "mcp_call"]
    assert (done["server_label"], done["name"], done["output"]) == ("house", "echo", "hello!")
    assert events[-1]["text"] == "It said hello."


async def test_a_tool_that_the_server_does_not_run_is_left_to_the_client(server: str) -> None:
    events = await ask(server, "Open the door", "rate_limits.updated")
    (done,) = told(events, "response.done")
    assert [item["name"] for item in done["response"]["output"]] == ["open_door"]
    assert not [e for e in told(events, "conversation.item.added") if e["item"]["type"] == "function_call_output"]
