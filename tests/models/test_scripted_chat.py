from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from pydantic import ValidationError

from rtengine.models.jobs import (
    GenerateArguments,
    GenerateCall,
    GenerateDone,
    GenerateRequest,
    GenerateText,
)
from rtengine.models.ports import Cancel, ModelFailure
from rtengine.models.scripted_chat import ScriptedChat, ScriptedChatSettings

pytestmark = pytest.mark.unit

WEATHER = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
TIME = {"type": "function", "function": {"name": "get_time", "parameters": {"type": "object"}}}
CALL_WEATHER = {
    "match": r"weather in (?P<city>\w+)",
    "call": {"name": "get_weather", "arguments": {"city": "{city}", "days": 3, "tags": ["{1}", "{other}"]}},
}


def chat(*rules: dict[str, Any], **settings: Any) -> ScriptedChat:
    return ScriptedChat(ScriptedChatSettings.model_validate({"rules": rules, **settings}))


def ask(text: str, *more: dict[str, Any], **fields: Any) -> GenerateRequest:
    return GenerateRequest(
        ({"role": "system", "content": "Be kind."}, {"role": "user", "content": text}, *more), **fields
    )


def answer(model: ScriptedChat, request: GenerateRequest) -> tuple[str, dict[str, str], GenerateDone]:
    """The text, the arguments by function name, and the end of an answer."""
    text = ""
    names: dict[str, str] = {}
    arguments: dict[str, str] = {}
    for result in model.generate(request, Cancel()):
        match result:
            case GenerateText(piece):
                text += piece
            case GenerateCall(call_id, function):
                names[call_id] = function
                arguments[function] = ""
            case GenerateArguments(call_id, delta):
                arguments[names[call_id]] += delta
            case GenerateDone():
                return text, arguments, result
    raise AssertionError("no end")


def test_without_a_rule_the_model_repeats_the_user() -> None:
    text, calls, done = answer(chat(), ask("Hello {there}"))
    assert (text, calls) == ("You said: Hello {there}", {})
    assert done == GenerateDone("stop", input_tokens=4, output_tokens=4)


def test_the_first_rule_that_matches_is_taken_in_any_case() -> None:
    model = chat({"match": "hello (\\w+)", "say": "Good day, {1}."}, {"match": "hello", "say": "second"})
    assert answer(model, ask("HELLO Ann"))[0] == "Good day, Ann."
    assert answer(model, ask("hello"))[0] == "second"


def test_text_parts_of_a_message_are_read() -> None:
    request = GenerateRequest(({"role": "user", "content": [{"type": "text", "text": "ping"}]},))
    assert answer(chat({"match": "^ping$", "say": "pong"}), request)[0] == "pong"


def test_a_call_carries_its_arguments_filled_in() -> None:
    text, calls, done = answer(chat(CALL_WEATHER), ask("the weather in Oslo", tools=(WEATHER,)))
    assert json.loads(calls["get_weather"]) == {"city": "Oslo", "days": 3, "tags": ["Oslo", "{other}"]}
    assert (text, done.finish_reason) == ("", "tool_calls")


def test_a_rule_whose_function_is_not_offered_is_passed_over() -> None:
    for request in (ask("weather in Oslo"), ask("weather in Oslo", tools=(WEATHER,), tool_choice="none")):
        assert answer(chat(CALL_WEATHER), request)[0] == "You said: weather in Oslo"


def test_the_output_of_a_function_is_answered_by_its_own_rules() -> None:
    output = (
        {"role": "assistant", "tool_calls": []},
        {"role": "tool", "tool_call_id": "c", "content": "rain, 7 degrees"},
    )
    request = ask("weather in Oslo", *output, tools=(WEATHER,))
    model = chat(CALL_WEATHER, {"output": r"rain, (\d+)", "say": "Wet, {1}."})
    assert answer(model, request)[0] == "Wet, 7."
    assert answer(chat(CALL_WEATHER), request)[0] == "The output is: rain, 7 degrees"


def test_a_forced_call_is_made_even_without_a_rule() -> None:
    by_name = {"type": "function", "function": {"name": "get_time"}}
    assert answer(chat(), ask("Hi", tools=(WEATHER, TIME), tool_choice=by_name))[1] == {"get_time": "{}"}
    assert answer(chat(), ask("Hi", tools=(TIME, WEATHER), tool_choice="required"))[1] == {"get_time": "{}"}
    model = chat({"say": "words"}, CALL_WEATHER)
    assert list(answer(model, ask("weather in Oslo", tools=(WEATHER, TIME), tool_choice="required"))[1]) == [
        "get_weather"
    ]


def test_of_several_calls_only_the_function_that_is_forced_is_called() -> None:
    model = chat({"call": [{"name": "get_weather"}, {"name": "get_time"}]})
    by_name, tools = {"type": "function", "function": {"name": "get_time"}}, (WEATHER, TIME)
    for parallel in (None, False):
        request = ask("Hi", tools=tools, tool_choice=by_name, parallel_tool_calls=parallel)
        assert answer(model, request)[1] == {"get_time": "{}"}
    assert list(answer(model, ask("Hi", tools=tools, tool_choice="required"))[1]) == ["get_weather", "get_time"]


def test_several_calls_are_made_unless_the_client_wants_one() -> None:
    model = chat({"say": "Let me look.", "call": [{"name": "get_weather"}, {"name": "get_time", "arguments": "{bad"}]})
    text, calls, done = answer(model, ask("Hi", tools=(WEATHER, TIME)))
    assert (text, calls, done.finish_reason) == (
        "Let me look.",
        {"get_weather": "{}", "get_time": "{bad"},
        "tool_calls",
    )
    assert list(answer(model, ask("Hi", tools=(WEATHER, TIME), parallel_tool_calls=False))[1]) == ["get_weather"]


def test_call_ids_are_the_same_on_every_run_and_differ_within_a_conversation() -> None:
    def ids(request: GenerateRequest) -> list[str]:
        results = chat({"call": [{"name": "get_weather"}, {"name": "get_time"}]}).generate(request, Cancel())
        return [result.call_id for result in results if isinstance(result, GenerateCall)]

    first, later = ask("Hi", tools=(WEATHER, TIME)), ask("Hi again", tools=(WEATHER, TIME))
    assert ids(first) == ids(first)
    assert len({*ids(first), *ids(later)}) == 4


def test_the_token_limit_ends_the_answer() -> None:
    model = chat({"say": "one two three"})
    text, _, done = answer(model, ask("Hi", max_tokens=2))
    assert (text, done.finish_reason, done.output_tokens) == ("one two", "length", 2)
    assert answer(model, ask("Hi", max_tokens=3))[2].finish_reason == "stop"


@pytest.mark.parametrize("finish", ["length", "content_filter"])
def test_a_rule_sets_the_finish_reason(finish: str) -> None:
    assert answer(chat({"say": "One", "finish": finish}), ask("Hi"))[2].finish_reason == finish


def test_a_rule_fails_after_what_it_says() -> None:
    model = chat({"say": "I was about", "fail": {"message": "Gone.", "code": "model_gone", "type": "x"}})
    results = model.generate(ask("Hi"), Cancel())
    assert [next(results) for _ in range(3)] == [GenerateText("I"), GenerateText(" was"), GenerateText(" about")]
    with pytest.raises(ModelFailure, match=r"Gone\.") as caught:
        next(results)
    assert (caught.value.code, caught.value.type) == ("model_gone", "x")


def test_a_prefill_answers_nothing() -> None:
    assert list(chat({"say": "words"}).generate(ask("Hi", prefill_only=True), Cancel())) == [GenerateDone("stop", 3)]


def test_delays_end_at_a_cancel() -> None:
    cancel = Cancel()
    results = chat({"say": "one two", "token_ms": 3_600_000}).generate(ask("Hi"), cancel)
    assert next(results) == GenerateText("one")
    cancel.set()
    assert list(results) == []


def test_an_unknown_field_of_a_rule_is_refused() -> None:
    with pytest.raises(ValidationError, match="mach"):
        chat({"mach": "x"})


def test_a_user_has_finished_unless_the_script_says_otherwise() -> None:
    assert ScriptedChat(ScriptedChatSettings()).judge("I would like a", Cancel()) == 1.0
    strict = ScriptedChat(ScriptedChatSettings(complete=r"[.!?]$"))
    assert strict.judge("I would like a", Cancel()) == 0.0
    assert strict.judge("I would like a tea.", Cancel()) == 1.0


def test_a_rule_that_is_passed_over_for_want_of_a_function_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    model = chat({"match": "^hi"}, CALL_WEATHER)
    with caplog.at_level(logging.INFO, "rtengine.models"):
        assert answer(model, ask("weather in Rome"))[0] == "You said: weather in Rome"
        assert [record.getMessage() for record in caplog.records] == [
            "rule 2 is passed over: the client does not offer get_weather"
        ]
        caplog.clear()
        answer(model, ask("Good morning"))
        answer(model, ask("weather in Rome", tools=(WEATHER,)))
        assert caplog.records == []
