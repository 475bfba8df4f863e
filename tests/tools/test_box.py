"""Python callables through the toolbox: arguments, results, errors, limits."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.tools import callables

from rtengine.errors import RtengineError
from rtengine.models.jobs import ToolDone, ToolRequest
from rtengine.models.ports import Cancel
from rtengine.tools.box import Toolbox
from rtengine.tools.settings import ToolSettings

pytestmark = pytest.mark.unit

HERE = "tests.tools.callables"


def tool(name: str, **settings: Any) -> ToolSettings:
    return ToolSettings.model_validate({"name": name, "run": {"python": f"{HERE}:{name}"}, **settings})


@pytest.fixture
def box() -> Iterator[Toolbox]:
    callables.release.clear()
    callables.ended.clear()
    names = ("get_weather", "add", "fail", "odd", "wait", "doze")
    made = Toolbox([*map(tool, names), tool("chatter", max_result_bytes=10)])
    yield made
    callables.release.set()
    made.close()


def call(box: Toolbox, name: str, arguments: Any = None, cancel: Cancel | None = None) -> list[Any]:
    given = arguments if isinstance(arguments, str) else json.dumps(arguments or {})
    return list(box.run(ToolRequest(name, given), Cancel() if cancel is None else cancel))


def test_a_callable_is_described_by_its_signature_and_docstring(box: Toolbox) -> None:
    offered = box.catalog.functions["get_weather"].tool
    assert offered.description == "The weather of a city."
    assert offered.parameters is not None
    assert offered.parameters["required"] == ["city"]
    assert offered.parameters["properties"]["city"] == {"type": "string", "description": "Where"}
    assert offered.parameters["additionalProperties"] is False
    assert "title" not in offered.parameters


LIGHTS = """
lit: set[str] = set()


def switch(room: str) -> str:
    lit.add(room)
    return "done"


def count() -> int:
    return len(lit)
"""


def test_tools_of_one_file_share_what_it_holds_and_those_of_two_files_nothing(tmp_path: Path) -> None:
    tools = []
    for floor in ("cellar", "attic"):
        file = tmp_path / floor / "lights.py"
        file.parent.mkdir()
        file.write_text(LIGHTS, encoding="utf-8")
        for name in ("switch", "count"):
            given = {"name": f"{name}_{floor}", "run": {"python": f"{file}:{name}"}}
            tools.append(ToolSettings.model_validate(given))
    with closing(Toolbox(tools)) as box:
        call(box, "switch_cellar", {"room": "coal"})
        assert call(box, "count_cellar") == [ToolDone("1")]
        assert call(box, "count_attic") == [ToolDone("0")]


def test_every_callable_that_cannot_be_loaded_is_named() -> None:
    with pytest.raises(RtengineError) as told:
        Toolbox([tool("nobody"), tool("add"), tool("nothing")])
    assert [name in told.value.message for name in ("nobody", "add", "nothing")] == [True, False, True]


def test_a_result_that_is_no_text_is_json(box: Toolbox) -> None:
    (done,) = call(box, "get_weather", {"city": "Oslo", "unit": "kelvin"})
    assert json.loads(done.output) == {"city": "Oslo", "unit": "kelvin", "degrees": 21.5}


def test_a_coroutine_is_awaited(box: Toolbox) -> None:
    assert call(box, "add", {"a": 2}) == [ToolDone("3")]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, "city: Field required"),
        ({"city": "Oslo", "when": "now"}, "when: Extra inputs"),
        ({"city": 5}, "city: Input should be a valid string"),
        ("{", "Invalid JSON"),
        ("[1]", "arguments: Input should be"),
    ],
)
def test_arguments_that_do_not_fit_are_told_to_the_model(box: Toolbox, arguments: Any, told: str) -> None:
    (done,) = call(box, "get_weather", arguments)
    assert done.error is not None and told in done.error


def test_a_tool_tells_the_model_what_it_wants_it_to_know(box: Toolbox) -> None:
    assert call(box, "fail", {"how": "told"}) == [ToolDone(error="The oven is cold.")]


@pytest.mark.parametrize(("how", "name"), [("other", "RuntimeError"), ("exit", "SystemExit")])
def test_any_other_exception_stays_in_the_log(
    box: Toolbox, how: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert call(box, "fail", {"how": how}) == [ToolDone(error=f"The tool failed with {name}.")]
    assert "the tool 'fail' failed" in caplog.text


def test_a_result_that_is_too_long_is_an_error(box: Toolbox) -> None:
    assert call(box, "chatter", {"size": 10}) == [ToolDone("x" * 10)]
    assert call(box, "chatter", {"size": 11}) == [ToolDone(error="The result is longer than 10 bytes.")]


def test_a_result_that_is_no_json_is_an_error(box: Toolbox) -> None:
    (done,) = call(box, "odd")
    assert done.error is not None and "PydanticSerializationError" not in done.output


def test_a_tool_that_is_not_there_is_an_error(box: Toolbox) -> None:
    assert call(box, "nothing") == [ToolDone(error="There is no tool 'nothing'.")]


@pytest.mark.parametrize("name", ["wait", "doze"])
def test_a_cancelled_call_gives_nothing_and_waits_for_nobody(box: Toolbox, name: str) -> None:
    cancel = Cancel()
    results: list[Any] = []
    caller = threading.Thread(target=lambda: results.extend(call(box, name, cancel=cancel)))
    caller.start()
    assert callables.entered.acquire(timeout=callables.SECONDS)
    cancel.set()
    caller.join(callables.SECONDS)
    assert not caller.is_alive() and results == []


def test_no_more_calls_run_at_once_than_the_profile_says() -> None:
    callables.release.clear()
    box = Toolbox([tool("wait", concurrent=1)])
    first: list[Any] = []
    caller = threading.Thread(target=lambda: first.extend(call(box, "wait")))
    caller.start()
    assert callables.entered.acquire(timeout=callables.SECONDS)
    cancel = Cancel()
    second: list[Any] = []
    waiting = threading.Thread(target=lambda: second.extend(call(box, "wait", cancel=cancel)))
    waiting.start()
    assert not callables.entered.acquire(blocking=False)
    cancel.set()
    waiting.join(callables.SECONDS)
    assert second == [] and not callables.entered.acquire(blocking=False)
    callables.release.set()
    caller.join(callables.SECONDS)
    assert first == [ToolDone("done")]
    assert call(box, "wait") == [ToolDone("done")]
    assert callables.entered.acquire(timeout=callables.SECONDS)
    box.close()


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("tests.tools.nowhere:f", "cannot be loaded: ModuleNotFoundError"),
        (f"{HERE}:nothing", "cannot be loaded: AttributeError"),
        (f"{HERE}:not_a_function", "is not callable"),
        (f"{HERE}:positional", "cannot be described"),
        ("no_entry_point", "There is no entry point 'no_entry_point'"),
    ],
)
def test_a_callable_that_cannot_be_used_is_told_at_the_start(reference: str, told: str) -> None:
    with pytest.raises(RtengineError, match=told):
        Toolbox([ToolSettings.model_validate({"name": "x", "run": {"python": reference}})])
