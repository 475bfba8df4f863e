"""A chat model that follows rules::

    models:
      chat:
        adapter: scripted
        rules:
          - {match: "weather in (?P<city>\\\\w+)", call: {name: get_weather, arguments: {city: "{city}"}}}
          - {output: "rain", say: "Take an umbrella."}
          - {match: "how are you", say: "Very well.", delay_ms: 200}
          - {match: "count", say: "One, two, three", finish: length}
          - {match: "break", say: "I was about", fail: {message: "The model is gone.", code: model_gone}}

The first rule that matches is taken; where none does, the model repeats what the user said.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Callable, Iterator
from typing import Any, Literal

from pydantic import Field

from rtengine.models.jobs import (
    ChatMessage,
    GenerateArguments,
    GenerateCall,
    GenerateDone,
    GenerateRequest,
    GenerateText,
)
from rtengine.models.ports import Cancel
from rtengine.models.scripted import TOKEN, Milliseconds, Pattern, ScriptedFailure, ScriptedSettings

log = logging.getLogger(__name__)

_PLACE = re.compile(r"\{(\w+)\}")
_ARGUMENTS_TOKEN = 8
"""Characters of function call arguments in one delta."""

Places = dict[str, str]


class ScriptedCall(ScriptedSettings):
    """A function call of the scripted chat model."""

    name: str = Field(description="The function; the rule holds only while the client offers it")
    arguments: dict[str, Any] | str = Field(
        default_factory=dict, description="The arguments; text is sent as it is, well-formed or not"
    )


class ScriptedRule(ScriptedSettings):
    """One answer. In `say` and in `arguments`, `{1}` and `{name}` stand for groups of the expression that matched."""

    match: Pattern = Field("", description="Regular expression looked for in the last user message, in any case")
    output: Pattern | None = Field(
        None,
        description="Regular expression for the function output that came last; without it, the rule is for messages",
    )
    say: str = Field("", description="Text to answer")
    call: ScriptedCall | list[ScriptedCall] = Field(default_factory=list, description="Function call or calls to make")
    finish: Literal["stop", "length", "content_filter"] = Field("stop", description="Why the answer ends")
    fail: ScriptedFailure | None = Field(None, description="Fail when `say` was said and `call` was called")
    delay_ms: Milliseconds = Field(0, description="Time before the first token")
    token_ms: Milliseconds = Field(0, description="Time before every further token")

    @property
    def calls(self) -> list[ScriptedCall]:
        return self.call if isinstance(self.call, list) else [self.call]


class ScriptedChatSettings(ScriptedSettings):
    """A chat model that follows rules, and else repeats the user's words.

    A token is a word, or eight characters of arguments. `tool_choice` and the token limit are honoured.
    """

    rules: list[ScriptedRule] = Field(default_factory=list, description="What to answer to what")
    complete: Pattern = Field(
        "", description="Regular expression: with `semantic_vad`, whoever has said what it finds has finished"
    )
    delay_ms: Milliseconds = Field(0, description="Time before the first token of every answer, on top of the rule's")
    token_ms: Milliseconds = Field(0, description="Time before every further token, on top of the rule's")


def load_chat(settings: ScriptedChatSettings, progress: Callable[[str], None]) -> ScriptedChat:
    return ScriptedChat(settings)


class ScriptedChat:
    def __init__(self, settings: ScriptedChatSettings) -> None:
        self._settings = settings

    def generate(
        self, request: GenerateRequest, cancel: Cancel
    ) -> Iterator[GenerateText | GenerateCall | GenerateArguments | GenerateDone]:
        input_tokens = sum(len(_content(message).split()) for message in request.messages)
        if request.prefill_only:
            yield GenerateDone("stop", input_tokens)
            return
        rule, places = self._rule(request)
        tokens = 0
        if cancel.wait((self._settings.delay_ms + rule.delay_ms) / 1000):
            return
        for result in _answer(request, rule, places):
            if not isinstance(result, GenerateCall):
                if tokens == request.max_tokens:
                    yield GenerateDone("length", input_tokens, tokens)
                    return
                if tokens and cancel.wait((self._settings.token_ms + rule.token_ms) / 1000):
                    return
                tokens += 1
            yield result
        if rule.fail is not None:
            raise rule.fail.failure()
        finish = "tool_calls" if rule.calls and rule.finish == "stop" else rule.finish
        yield GenerateDone(finish, input_tokens, tokens)

    def judge(self, text: str, cancel: Cancel) -> float | None:
        return 1.0 if re.search(self._settings.complete, text, re.IGNORECASE) else 0.0

    def _rule(self, request: GenerateRequest) -> tuple[ScriptedRule, Places]:
        """The rule to follow, and what its places stand for."""
        offered = {tool["function"]["name"] for tool in request.tools} if request.tool_choice != "none" else set()
        forced = _forced(request)
        last = request.messages[-1] if request.messages else {"role": "user"}
        output = _content(last) if last["role"] == "tool" else None
        user = next((_content(said) for said in reversed(request.messages) if said["role"] == "user"), "")
        for number, rule in enumerate(self._settings.rules, 1):
            called = {call.name for call in rule.calls}
            places = _matched(rule, user, output)
            if places is None or (forced and not called & forced):
                continue
            if called <= offered:
                return rule, places
            lacking = ", ".join(sorted(called - offered))
            log.info("rule %d is passed over: the client does not offer %s", number, lacking)
        if forced:
            return ScriptedRule(call=ScriptedCall(name=min(forced))), {}
        said = f"You said: {user}" if output is None else f"The output is: {output}"
        return ScriptedRule(say=said), {}


def _matched(rule: ScriptedRule, user: str, output: str | None) -> Places | None:
    """The groups of the rule's expressions; None when the rule is not for this."""
    if (rule.output is None) != (output is None):
        return None
    places: Places = {}
    for pattern, text in ((rule.match, user), (rule.output, output)):
        if pattern is None or text is None:
            continue
        match = re.search(pattern, text, re.IGNORECASE)
        if match is None:
            return None
        places |= {str(number): group or "" for number, group in enumerate(match.groups(), 1)}
        places |= {name: group or "" for name, group in match.groupdict().items()}
    return places


def _answer(
    request: GenerateRequest, rule: ScriptedRule, places: Places
) -> Iterator[GenerateText | GenerateCall | GenerateArguments]:
    yield from map(GenerateText, TOKEN.findall(_filled(rule.say, places)))
    forced = _forced(request)
    calls = [call for call in rule.calls if not forced or call.name in forced]
    for index, call in enumerate(calls[:1] if request.parallel_tool_calls is False else calls):
        call_id = _call_id(request, index)
        yield GenerateCall(call_id, call.name)
        arguments = _filled(call.arguments, places)
        text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
        for start in range(0, len(text), _ARGUMENTS_TOKEN):
            yield GenerateArguments(call_id, text[start : start + _ARGUMENTS_TOKEN])


def _content(message: ChatMessage) -> str:
    """The text of a message, whose content may be a string, parts, or absent."""
    content = message.get("content") or ""
    return content if isinstance(content, str) else " ".join(part.get("text", "") for part in content)


def _forced(request: GenerateRequest) -> set[str]:
    """The functions of which one must be called; empty when none must."""
    if isinstance(request.tool_choice, dict):
        return {request.tool_choice["function"]["name"]}
    return {tool["function"]["name"] for tool in request.tools} if request.tool_choice == "required" else set()


def _filled(value: Any, places: Places) -> Any:
    """``value`` with the places in its strings filled; braces that name no place stay."""
    if isinstance(value, str):
        return _PLACE.sub(lambda place: places.get(place[1], place[0]), value)
    if isinstance(value, dict):
        return {key: _filled(item, places) for key, item in value.items()}
    return [_filled(item, places) for item in value] if isinstance(value, list) else value


def _call_id(request: GenerateRequest, index: int) -> str:
    """The same conversation gives the same id, whatever other sessions do; every call of it has its own."""
    seed = json.dumps([request.messages, index], sort_keys=True, default=str)
    return "call_" + hashlib.sha256(seed.encode()).hexdigest()[:16]
