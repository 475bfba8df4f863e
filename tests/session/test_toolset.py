"""What a response may call, and which tools a client may ask for."""

from __future__ import annotations

from typing import Any

import pytest

from rtengine.protocol.items import McpListedTool
from rtengine.protocol.tools import FunctionTool, McpTool, Tool
from rtengine.session.toolset import Listing, Toolset, needs_approval
from rtengine.tools.address import HostRule
from rtengine.tools.catalog import Catalog, OwnFunction, OwnServer

pytestmark = pytest.mark.unit

OWN = FunctionTool(name="own")
HOME = McpTool(server_label="home", require_approval="never")
LOOK = McpListedTool(name="look", input_schema={}, annotations={"readOnlyHint": True})
BUY = McpListedTool(name="buy", input_schema={})


def server(label: str, **fields: Any) -> McpTool:
    given = {"server_label": label, "server_url": f"https://{label}.example.com/mcp", **fields}
    return McpTool.model_validate({key: value for key, value in given.items() if value is not None})


def toolset(**listed: list[McpListedTool]) -> Toolset:
    hosts = (HostRule.parse("*.example.com"),)
    tools = Toolset(Catalog({"own": OwnFunction(OWN, 7.0)}, {"home": OwnServer(HOME, 8.0)}, hosts))
    tools.listings = {label: Listing(server(label), done=True, tools=found) for label, found in listed.items()}
    return tools


def test_the_profiles_tools_cannot_be_taken_away() -> None:
    mine = FunctionTool(name="mine")
    assert toolset().with_own([]) == [OWN, HOME]
    assert toolset().with_own([mine]) == [OWN, HOME, mine]
    assert toolset().with_own([HOME, mine, OWN]) == [OWN, HOME, mine]


def test_a_tool_whose_name_is_taken_gets_its_servers_label() -> None:
    tools = toolset(a=[LOOK], b=[LOOK, McpListedTool(name="deep.look/x", input_schema={})])
    offers = tools.offers([FunctionTool(name="own"), server("a"), server("b")], outside=False)
    assert [(name, offer.label, offer.name) for name, offer in offers.items()] == [
        ("own", "", ""),
        ("look", "a", "look"),
        ("b_look", "b", "look"),
        ("deep_look_x", "b", "deep.look/x"),
    ]


def test_a_tool_is_described_with_what_its_server_is_for() -> None:
    told = McpListedTool(name="look", description="Look at it.", input_schema={})
    tools = toolset(a=[told], b=[told], c=[McpListedTool(name="ring", input_schema={})])
    servers = [server("a", server_description="The shop"), server("b"), server("c", server_description="A bell")]
    offers = tools.offers(servers, outside=False)
    assert [offer.function.description for offer in offers.values()] == [
        "Look at it.\na: The shop",
        "Look at it.",
        "c: A bell",
    ]


def test_only_allowed_tools_are_offered() -> None:
    tools = toolset(a=[LOOK, BUY])
    named = tools.offers([server("a", allowed_tools=["buy"])], outside=False)
    reading = tools.offers([server("a", allowed_tools={"read_only": True})], outside=False)
    assert (list(named), list(reading)) == (["buy"], ["look"])


def test_an_answer_outside_the_conversation_is_not_offered_what_needs_a_follow_up_or_consent() -> None:
    tools = toolset(a=[LOOK, BUY])
    asked: list[Tool] = [OWN, FunctionTool(name="mine"), server("a", require_approval={"never": {"read_only": True}})]
    assert list(tools.offers(asked, outside=False)) == ["own", "mine", "look", "buy"]
    assert list(tools.offers(asked, outside=True)) == ["mine", "look"]


@pytest.mark.parametrize(
    ("wanted", "look", "buy"),
    [
        (None, True, True),
        ("always", True, True),
        ("never", False, False),
        ({"never": {"read_only": True}}, False, True),
        ({"never": {"tool_names": ["buy"]}}, True, False),
        ({"always": {"tool_names": ["buy"]}}, True, True),
        ({"always": {"tool_names": ["buy"]}, "never": {}}, False, True),
    ],
)
def test_approval_is_needed_unless_it_is_waived(wanted: Any, look: bool, buy: bool) -> None:
    asked = server("a", require_approval=wanted)
    assert (needs_approval(asked, LOOK), needs_approval(asked, BUY)) == (look, buy)


def test_a_server_is_asked_again_at_another_address_or_after_a_failure() -> None:
    tools = toolset(a=[LOOK])
    assert tools.unlisted([server("a", require_approval="never")]) is None
    moved = server("a", server_url="https://b.example.com/mcp")
    assert tools.unlisted([moved]) == moved
    tools.listings["a"].failed = True
    tools.forget_failed()
    assert tools.unlisted([server("a")]) == server("a")


@pytest.mark.parametrize(
    ("tools", "param", "told"),
    [
        ([FunctionTool(name="own", description="mine")], "t[0].name", "one of the server's own"),
        ([server("home")], "t[0].server_label", "one of the server's own"),
        ([server("a"), server("a")], "t[1].server_label", "two MCP servers"),
        ([server("a", server_url=None)], "t[0].server_url", "Missing required parameter"),
        ([OWN, server("a", server_url="https://example.org/")], "t[1].server_url", "may not connect"),
        ([server("a", connector_id="connector_gmail")], "t[0].connector_id", "no connectors"),
        ([server("a", tunnel_id="t")], "t[0].tunnel_id", "no connectors"),
        ([server("a", defer_loading=True)], "t[0].defer_loading", "all tools"),
        ([server("a", allowed_callers=["programmatic"])], "t[0].allowed_callers", "the model itself"),
    ],
)
def test_a_tool_that_cannot_be_had_is_refused_with_its_place(tools: list[Tool], param: str, told: str) -> None:
    problem = toolset().problem(tools, "t")
    assert problem is not None and problem.param == param and told in problem.message


def test_tools_that_can_be_had_are_not_refused() -> None:
    fine: list[Tool] = [OWN, HOME, FunctionTool(name="mine"), server("a", defer_loading=False)]
    assert toolset().problem(fine, "t") is None


def test_time_limits_are_the_profiles() -> None:
    tools = toolset()
    assert (tools.seconds("own"), tools.seconds("any", "home"), tools.seconds("x", "a")) == (7.0, 8.0, None)
