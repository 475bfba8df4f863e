"""Calls as the chat model reads them: whole, each with one result, in the order that chat endpoints ask for."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from rtengine.protocol.items import Item
from rtengine.session.context import messages
from rtengine.session.conversation import Record

pytestmark = pytest.mark.unit

ITEM: TypeAdapter[Any] = TypeAdapter(Item)


def record(kind: str, **fields: Any) -> Record:
    item = ITEM.validate_python({"type": kind, **fields})
    return Record(item, text=fields.get("arguments", ""))


def call(call_id: str) -> Record:
    return record("function_call", call_id=call_id, name="f", arguments="{}")


def output(call_id: str, text: str) -> Record:
    return record("function_call_output", call_id=call_id, output=text)


def said(text: str) -> Record:
    return record("message", role="user", content=[{"type": "input_text", "text": text}])


def read(*records: Record) -> list[str]:
    """``calls a b``, ``a = result``, or the words."""
    told = []
    for message in messages("", records):
        if message["role"] == "tool":
            told.append(f"{message['tool_call_id']} = {message['content']}")
        elif message.get("tool_calls"):
            told.append("calls " + " ".join(each["id"] for each in message["tool_calls"]))
        else:
            told.append(message["content"])
    return told


def test_calls_side_by_side_are_one_message_with_their_results_behind_it() -> None:
    assert read(call("a"), call("b"), output("b", "2"), output("a", "1")) == ["calls a b", "a = 1", "b = 2"]


def test_a_result_that_came_late_stands_behind_its_call() -> None:
    told = read(call("a"), said("Hello?"), output("a", "1"))
    assert told == ["calls a", "a = 1", "Hello?"]


def test_a_call_without_a_result_has_none_yet() -> None:
    assert read(call("a"), said("Hello?")) == ["calls a", "a = [no result yet]", "Hello?"]


def test_a_result_whose_call_was_left_out_is_dropped() -> None:
    assert read(output("a", "1"), said("Hello?")) == ["Hello?"]


def test_one_call_after_the_other_stays_so() -> None:
    told = read(call("a"), output("a", "1"), call("b"), output("b", "2"))
    assert told == ["calls a", "a = 1", "calls b", "b = 2"]


def test_the_call_of_an_mcp_server_has_its_result_in_it() -> None:
    fields = {"server_label": "s", "name": "look", "arguments": "{}"}
    error = {"type": "tool_execution_error", "message": "No."}
    told = read(
        record("mcp_call", id="a", **fields, output="seen"),
        record("mcp_call", id="b", **fields, error=error),
        record("mcp_call", id="c", **fields),
    )
    assert told == ["calls a", "a = seen", "calls b", "b = Error: No.", "calls c", "c = [no result yet]"]


def test_an_approval_request_is_a_call_and_its_answer_the_result() -> None:
    asked = [
        record("mcp_approval_request", id=name, server_label="s", name="buy", arguments="{}")
        for name in ("a", "b", "c")
    ]
    granted = record("mcp_approval_response", id="d", approval_request_id="a", approve=True)
    refused = record("mcp_approval_response", id="e", approval_request_id="b", approve=False)
    assert read(*asked, granted, refused) == [
        "calls a b c",
        "a = [the user has agreed to this call]",
        "b = The user does not allow this call.",
        "c = [no result yet]",
    ]


def test_a_list_of_tools_says_nothing_to_the_model() -> None:
    assert read(record("mcp_list_tools", server_label="s", tools=[]), said("Hi")) == ["Hi"]
