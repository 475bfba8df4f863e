"""Client events that cannot be read: the code, the words and the place that the API gives."""

from __future__ import annotations

from typing import Any

import pytest
from tests.protocol.asking import create, refused, respond, user

pytestmark = pytest.mark.unit

REFUSALS: list[tuple[Any, str, str, str]] = [
    (
        user({"type": "input_text"}),
        "missing_required_parameter",
        "Missing required parameter: 'item.content[0].text'.",
        "item.content[0].text",
    ),
    (
        user({"type": "input_text", "text": "a"}, {"type": "input_audio", "transcript": "a"}),
        "missing_required_parameter",
        "Missing required parameter: 'item.content[1].audio'.",
        "item.content[1].audio",
    ),
    (
        user({"text": "a"}),
        "missing_required_parameter",
        "Missing required parameter: 'item.content[0].type'.",
        "item.content[0].type",
    ),
    (
        user({"type": "text", "text": "a"}),
        "invalid_value",
        "Invalid value: 'text'. Supported values are: 'input_text', 'input_audio', and 'input_image'.",
        "item.content[0].type",
    ),
    (
        user({"type": "input_image", "image_url": "https://example.test/a.png"}),
        "invalid_value",
        (
            "Invalid 'item.content[0].image_url'. Expected a base64-encoded data URL of a PNG or JPEG image "
            "(e.g. 'data:image/png;base64,aW1nIGJ5dGVzIGhlcmU=')."
        ),
        "item.content[0].image_url",
    ),
    (
        user({"type": "input_image", "image_url": "data:image/png;base64,@@@"}),
        "invalid_value",
        (
            "Invalid 'item.content[0].image_url'. Expected a base64-encoded data URL of a PNG or JPEG image "
            "(e.g. 'data:image/png;base64,aW1nIGJ5dGVzIGhlcmU=')."
        ),
        "item.content[0].image_url",
    ),
    (
        user({"type": "input_image", "image_url": "data:image/jpeg;base64,"}),
        "invalid_value",
        (
            "Invalid 'item.content[0].image_url'. Expected a base64-encoded data URL of a PNG or JPEG image "
            "(e.g. 'data:image/png;base64,aW1nIGJ5dGVzIGhlcmU=')."
        ),
        "item.content[0].image_url",
    ),
    (
        user("a"),
        "invalid_type",
        "Invalid type for 'item.content[0]': expected an object, but got a string instead.",
        "item.content[0]",
    ),
    (
        create(type="message", role="assistant", content=[{"type": "output_audio", "transcript": "a"}]),
        "invalid_value",
        "Invalid value: 'output_audio'. Supported values are: 'output_text'.",
        "item.content[0].type",
    ),
    (
        create(type="message", role="assistant", content=[{"type": "text", "text": "a"}]),
        "invalid_value",
        "Invalid value: 'text'. Supported values are: 'output_text'.",
        "item.content[0].type",
    ),
    (
        create(type="message", role="tool", content=[]),
        "invalid_value",
        "Invalid value: 'tool'. Supported values are: 'system', 'user', and 'assistant'.",
        "item.role",
    ),
    (
        create(type="reasoning"),
        "invalid_value",
        (
            "Invalid value: 'reasoning'. Supported values are: 'message', 'function_call', 'function_call_output', "
            "'mcp_list_tools', 'mcp_call', 'mcp_approval_request', and 'mcp_approval_response'."
        ),
        "item.type",
    ),
    (
        create(type="message", role="user", content=[], id="a b"),
        "invalid_value",
        (
            "Invalid 'item.id': string does not match pattern. "
            "Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
        ),
        "item.id",
    ),
    (
        create(type="message", role="user", content=[], id="a" * 36),
        "string_above_max_length",
        (
            "Invalid 'item.id': string too long. Expected a string with maximum length 32, "
            "but got a string with length 36 instead."
        ),
        "item.id",
    ),
    (
        create(type="function_call_output", call_id="a:1", output=""),
        "invalid_value",
        (
            "Invalid 'item.call_id': string does not match pattern. "
            "Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
        ),
        "item.call_id",
    ),
    (
        {"type": "conversation.item.create"},
        "missing_required_parameter",
        "Missing required parameter: 'item'.",
        "item",
    ),
    (
        {"type": "conversation.item.truncate", "item_id": "a", "content_index": 0, "audio_end_ms": 1.5},
        "invalid_type",
        "Invalid type for 'audio_end_ms': expected an integer, but got a decimal number instead.",
        "audio_end_ms",
    ),
    (
        {"type": "conversation.item.truncate", "item_id": "a", "content_index": 0, "audio_end_ms": -1},
        "integer_below_min_value",
        "Invalid 'audio_end_ms': integer below minimum value. Expected a value >= 0, but got -1 instead.",
        "audio_end_ms",
    ),
    (
        {"type": "input_audio_buffer.append"},
        "missing_required_parameter",
        "Missing required parameter: 'audio'.",
        "audio",
    ),
    ({"type": "input_audio_buffer.clear", "foo": 1}, "unknown_parameter", "Unknown parameter: 'foo'.", "foo"),
    ({"type": "input_audio_buffer.clear", "$foo": 1}, "unknown_parameter", "Unknown parameter: '$foo'.", "$foo"),
    (
        {"type": "input_audio_buffer.clear", "event_id": "x" * 513},
        "string_above_max_length",
        (
            "Invalid 'event_id': string too long. Expected a string with maximum length 512, "
            "but got a string with length 513 instead."
        ),
        "event_id",
    ),
    (
        {"type": "session.update", "session": []},
        "invalid_type",
        "Invalid type for 'session': expected an object, but got an array instead.",
        "session",
    ),
    (
        respond(modalities=["text"]),
        "unknown_parameter",
        "Unknown parameter: 'response.modalities'.",
        "response.modalities",
    ),
    (
        respond(output_modalities=["audio", "text"]),
        "invalid_value",
        "Invalid modalities: ['audio', 'text']. Supported combinations are: ['text'] and ['audio'].",
        "response.output_modalities",
    ),
    (
        respond(max_output_tokens=0),
        "integer_below_min_value",
        "Invalid 'response.max_output_tokens': integer below minimum value. Expected a value >= 1, but got 0 instead.",
        "response.max_output_tokens",
    ),
    (
        respond(max_output_tokens=4097),
        "integer_above_max_value",
        (
            "Invalid 'response.max_output_tokens': integer above maximum value. "
            "Expected a value <= 4096, but got 4097 instead."
        ),
        "response.max_output_tokens",
    ),
    (
        respond(tool_choice="any"),
        "invalid_value",
        "Invalid value: 'any'. Supported values are: 'auto', 'none', and 'required'.",
        "response.tool_choice",
    ),
    (
        respond(tools=[{"type": "retrieval"}]),
        "invalid_value",
        "Invalid value: 'retrieval'. Supported values are: 'function' and 'mcp'.",
        "response.tools[0].type",
    ),
    (
        respond(audio={"output": {"speed": 1}}),
        "unknown_parameter",
        "Unknown parameter: 'response.audio.output.speed'.",
        "response.audio.output.speed",
    ),
    (
        respond(metadata={str(n): "" for n in range(17)}),
        "object_above_max_properties",
        (
            "Invalid 'response.metadata': too many properties. Expected an object with at most 16 properties, "
            "but got an object with 17 properties instead."
        ),
        "response.metadata",
    ),
    (
        respond(metadata={"a": "x" * 513}),
        "string_above_max_length",
        (
            "Invalid 'response.metadata.a': string too long. Expected a string with maximum length 512, "
            "but got a string with length 513 instead."
        ),
        "response.metadata.a",
    ),
    (
        respond(metadata={"k" * 65: "x"}),
        "string_above_max_length",
        (
            "Invalid 'response.metadata': string too long. Expected a string with maximum length 64, "
            "but got a string with length 65 instead."
        ),
        "response.metadata",
    ),
    (
        respond(metadata={"a": 1}),
        "invalid_type",
        "Invalid type for 'response.metadata.a': expected a string, but got an integer instead.",
        "response.metadata.a",
    ),
    (
        respond(input=[{"type": "item_reference"}]),
        "missing_required_parameter",
        "Missing required parameter: 'response.input[0].id'.",
        "response.input[0].id",
    ),
    (
        respond(input=[{"type": "message", "role": "user", "content": [{"type": "input_audio"}]}]),
        "missing_required_parameter",
        "Missing required parameter: 'response.input[0].content[0].audio'.",
        "response.input[0].content[0].audio",
    ),
    (
        respond(parallel_tool_calls="yes"),
        "invalid_type",
        "Invalid type for 'response.parallel_tool_calls': expected a boolean, but got a string instead.",
        "response.parallel_tool_calls",
    ),
]


@pytest.mark.parametrize(("event", "code", "message", "param"), REFUSALS, ids=[f"{c}-{p}" for _, c, _, p in REFUSALS])
def test_a_refusal_has_the_words_of_the_api(event: Any, code: str, message: str, param: str) -> None:
    assert refused(event) == (code, message, param)
