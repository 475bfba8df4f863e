from typing import Any

import pytest

from rtengine.models.ports import ModelFailure
from rtengine.models.tool_router import choose

pytestmark = pytest.mark.unit


def tool(name: str, description: str = "", **properties: Any) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


TOOLS = [
    tool("get_weather", "Get the current weather for a city", city={"type": "string"}),
    tool("setTimer", "Start a timer that rings after some minutes", minutes={"type": "integer"}),
    tool("switch_light", "Turn a lamp on or off", room={"type": "string", "enum": ["kitchen", "bedroom"]}),
]


def chosen(said: str, tool_choice: str | dict[str, Any] = "auto") -> str | None:
    function = choose(TOOLS, tool_choice, said)
    return None if function is None else function["name"]


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("What's the weather like in Paris?", "get_weather"),
        ("Set a timer for ten minutes", "setTimer"),
        ("Switch on the lights please", "switch_light"),
        ("It is dark in the kitchen", "switch_light"),
        ("Ring me in twenty minutes", "setTimer"),
    ],
)
def test_auto_calls_the_function_that_shares_words_with_the_utterance(said: str, name: str) -> None:
    assert chosen(said) == name


@pytest.mark.parametrize("said", ["Tell me a joke.", "Who are you?", "What can you do for me now?", "Thank you!", ""])
def test_auto_answers_in_words_when_nothing_is_shared(said: str) -> None:
    assert chosen(said) is None


def test_none_never_calls() -> None:
    assert chosen("What's the weather?", "none") is None


def test_required_takes_the_best_or_the_first() -> None:
    assert chosen("ten minutes", "required") == "setTimer"
    assert chosen("hello", "required") == "get_weather"


@pytest.mark.parametrize(
    "tool_choice",
    [{"type": "function", "function": {"name": "setTimer"}}, {"type": "function", "name": "setTimer"}],
    ids=["chat completions", "realtime"],
)
def test_a_named_function_is_called_whatever_was_said(tool_choice: dict[str, Any]) -> None:
    assert chosen("hello", tool_choice) == "setTimer"


def test_a_name_that_no_tool_has_is_refused() -> None:
    with pytest.raises(ModelFailure, match="names the function 'fly'") as caught:
        chosen("fly", {"type": "function", "function": {"name": "fly"}})
    assert caught.value.type == "invalid_request_error"


def test_required_without_tools_is_refused() -> None:
    with pytest.raises(ModelFailure, match="there are no tools"):
        choose([], "required", "hello")
    assert choose([], "auto", "hello") is None
