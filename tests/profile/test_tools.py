"""The tools of a profile: what may stand there, and what is found wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from rtengine.models.jobs import ToolDone, ToolRequest
from rtengine.models.ports import Cancel
from rtengine.profile.load import check_profile, load_profile
from rtengine.source.finding import Finding
from rtengine.tools.box import Toolbox

pytestmark = pytest.mark.unit

HTTP = {"http": {"url": "http://127.0.0.1:8080/weather"}}
MCP = {"mcp": {"server_url": "https://mcp.example.com/mcp"}}


def write(folder: Path, **keys: Any) -> Path:
    path = folder / "mine.yaml"
    with path.open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump({"profile": "mine", "version": 1, "extends": "scripted", **keys}, file)
    return path


def findings(folder: Path, **keys: Any) -> list[Finding]:
    return check_profile(write(folder, **keys), {})


def codes(found: list[Finding]) -> list[tuple[str, Any]]:
    return [(finding.code, finding.path) for finding in found]


def test_tools_are_read_with_their_defaults(tmp_path: Path) -> None:
    tools = [
        {"name": "weather", "run": HTTP},
        {"name": "house", "run": {"mcp": {"command": ["house-mcp", "--quiet"], "allowed_tools": ["lamp"]}}},
        {"name": "now", "run": {"python": "time:time"}, "timeout_seconds": 1, "concurrent": 2},
    ]
    profile = load_profile(write(tmp_path, tools=tools, mcp_hosts=["mcp.example.com"]), {})
    assert [tool.name for tool in profile.tools] == ["weather", "house", "now"]
    assert profile.tools[0].timeout_seconds == 20
    assert [rule.host for rule in profile.mcp_hosts] == ["mcp.example.com"]


def test_a_python_file_is_looked_for_beside_the_profile(tmp_path: Path) -> None:
    (tmp_path / "house.py").write_text(
        "def lamp(on: bool) -> str:\n    'Switches it.'\n    return 'on' if on else 'off'\n"
    )
    profile = load_profile(write(tmp_path, tools=[{"name": "lamp", "run": {"python": "house.py:lamp"}}]), {})
    assert profile.tools[0].run.python == f"{tmp_path / 'house.py'}:lamp"
    box = Toolbox(profile.tools)
    assert box.catalog.functions["lamp"].tool.description == "Switches it."
    assert list(box.run(ToolRequest("lamp", '{"on": true}'), Cancel())) == [ToolDone("on")]
    box.close()


def test_a_key_comes_from_the_environment(tmp_path: Path) -> None:
    run = {"http": {**HTTP["http"], "headers": {"Authorization": "Bearer ${WEATHER_KEY}"}}}
    profile = load_profile(write(tmp_path, tools=[{"name": "weather", "run": run}]), {"WEATHER_KEY": "k"})
    assert profile.tools[0].run.http is not None
    assert profile.tools[0].run.http.headers["Authorization"].get_secret_value() == "Bearer k"
    assert "Bearer k" not in repr(profile)


def test_a_key_that_is_written_into_the_file_is_found(tmp_path: Path) -> None:
    run = {"http": {**HTTP["http"], "headers": {"X-Api-Key": "k"}}}
    (found,) = findings(tmp_path, tools=[{"name": "weather", "run": run}])
    assert (found.code, found.severity) == ("PF204", "warning")
    assert "${RUN_HTTP_HEADERS_X_API_KEY}" in found.hint


@pytest.mark.parametrize(
    ("tool", "place"),
    [
        ({"name": "a b", "run": HTTP}, "name"),
        ({"name": "x"}, None),
        ({"name": "x", "run": {}}, "run"),
        ({"name": "x", "run": {**HTTP, **MCP}}, "run"),
        ({"name": "x", "run": {"mcp": {}}}, "run"),
        ({"name": "x", "run": {"mcp": {"server_url": "https://a.b/", "command": ["c"]}}}, "run"),
        ({"name": "x", "run": {"mcp": {"server_url": "https://a.b/", "env": {"A": "b"}}}}, "run"),
        ({"name": "x", "run": {"mcp": {"command": ["c"], "headers": {"A": "b"}}}}, "run"),
        ({"name": "x", "run": {"http": {"url": "ftp://a.b/"}}}, "run"),
        ({"name": "x", "run": MCP, "parameters": {"type": "object"}}, None),
        ({"name": "x", "run": HTTP, "timeout_seconds": 0}, "timeout_seconds"),
    ],
)
def test_a_tool_that_is_none_is_found_where_it_stands(tmp_path: Path, tool: Any, place: str | None) -> None:
    (found,) = findings(tmp_path, tools=[tool])
    assert found.path[:2] == ("tools", 0)
    assert place is None or found.path[2] == place


def test_two_tools_have_two_names(tmp_path: Path) -> None:
    twice = [{"name": "x", "run": HTTP}, {"name": "x", "run": MCP}, {"name": "x", "run": HTTP}]
    assert codes(findings(tmp_path, tools=twice)) == [("PF304", ("tools", 2, "name"))]


def test_a_tool_of_the_server_is_not_the_clients_as_well(tmp_path: Path) -> None:
    session = {"tools": [{"type": "function", "name": "x"}]}
    found = findings(tmp_path, tools=[{"name": "x", "run": HTTP}], session=session)
    assert codes(found) == [("PF304", ("session", "tools", 0))]


def test_an_mcp_server_of_the_session_needs_an_allowed_host(tmp_path: Path) -> None:
    session = {"tools": [{"type": "mcp", "server_label": "docs", "server_url": "https://mcp.example.com/mcp"}]}
    assert codes(findings(tmp_path, session=session)) == [("PF305", ("session", "tools", 0))]
    assert findings(tmp_path, session=session, mcp_hosts=["*.example.com"]) == []


def test_an_entry_that_is_no_host_is_found(tmp_path: Path) -> None:
    found = findings(tmp_path, mcp_hosts=["mcp.example.com", "https://mcp.example.com/"])
    assert codes(found) == [("PF303", ("mcp_hosts", 1))]


def test_a_tool_choice_names_a_tool_of_the_session(tmp_path: Path) -> None:
    tools = [{"name": "weather", "run": HTTP}, {"name": "house", "run": MCP}]
    mine = [{"type": "function", "name": "mine"}]
    for name in ("weather", "mine"):
        session = {"tools": mine, "tool_choice": {"type": "function", "name": name}}
        assert findings(tmp_path, tools=tools, session=session) == []
    assert findings(tmp_path, tools=tools, session={"tool_choice": {"type": "mcp", "server_label": "house"}}) == []
    for choice in ({"type": "function", "name": "house"}, {"type": "mcp", "server_label": "weather"}):
        found = findings(tmp_path, tools=tools, session={"tools": mine, "tool_choice": choice})
        assert codes(found) == [("PF307", ("session", "tool_choice"))]


PLACE = {"http": {"url": "http://127.0.0.1/{city}/{day}"}}


@pytest.mark.parametrize(
    ("run", "parameters", "told", "hint"),
    [
        ({"python": "lights.py"}, None, "'lights.py' names no function", "write `lights.py:function`"),
        ({"python": "lights.py:"}, None, "'lights.py:' names no function", "write `lights.py:function`"),
        ({"python": "house.py:lamp"}, None, "there is no file 'house.py'", "the path is relative to the profile"),
        ({"python": "lights"}, None, "there is no entry point 'lights' in the group 'rtengine.tools'", "file.py:func"),
        (PLACE, {"properties": {"city": {}}}, "the URL wants an argument 'day', and the tool has no", "add 'day' to"),
        (PLACE, {"properties": {"city": {}, "dya": {}}}, "the URL wants an argument 'day'", "did you mean 'dya'?"),
        ({"http": {"url": "http://127.0.0.1/{city"}}, None, "the braces of the URL do not match", "{argument}"),
    ],
)
def test_a_tool_that_cannot_be_loaded_or_called_is_found(
    tmp_path: Path, run: Any, parameters: Any, told: str, hint: str
) -> None:
    (tmp_path / "lights.py").touch()
    tool = {"name": "x", "run": run, **({"parameters": parameters} if parameters else {})}
    (found,) = findings(tmp_path, tools=[tool])
    assert (found.code, found.path[:3]) == ("PF308", ("tools", 0, "run"))
    assert found.message.startswith(told)
    assert hint in found.hint


def test_a_url_without_parameters_fills_no_place(tmp_path: Path) -> None:
    assert len(findings(tmp_path, tools=[{"name": "x", "run": PLACE}])) == 2


def test_what_can_be_loaded_and_called_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "lights.py").touch()
    full = {"properties": {"city": {}, "day": {}}}
    tools = [
        {"name": "a", "run": {"python": "lights.py:lamp"}},  # whether it is there, only an import tells
        {"name": "b", "run": {"python": "house.rooms:lamp"}},
        {"name": "c", "run": PLACE, "parameters": full},
        {"name": "d", "run": PLACE, "parameters": {"$ref": "#/$defs/place"}},
    ]
    assert findings(tmp_path, tools=tools) == []
