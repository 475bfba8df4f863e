from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from tests.models.endpoint import SECONDS, Handler, Reply, Server, events, loaded, refuse, stall, stream

from rtengine.models.jobs import GenerateArguments, GenerateCall, GenerateDone, GenerateRequest, GenerateText
from rtengine.models.openai_chat import OpenAIChat, OpenAIChatSettings, load
from rtengine.models.ports import Cancel, ModelFailure

pytestmark = pytest.mark.conformance

Result = GenerateText | GenerateCall | GenerateArguments | GenerateDone
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
HELLO = ({"role": "user", "content": "Hello"},)


@pytest.fixture
def chat(server: Server) -> Iterator[OpenAIChat]:
    yield from opened(server)


def opened(server: Server, **settings: Any) -> Iterator[OpenAIChat]:
    yield from loaded(load, OpenAIChatSettings(model="m", base_url=server.url, **settings))


def delta(finish_reason: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"id": "c", "choices": [{"index": 0, "delta": fields, "finish_reason": finish_reason}]}


def call(
    index: int | None, id: str | None = None, name: str | None = None, arguments: str | None = None
) -> dict[str, Any]:
    return delta(tool_calls=[{"index": index, "id": id, "function": {"name": name, "arguments": arguments}}])


def answer(model: OpenAIChat, server: Server, reply: Reply, **fields: Any) -> list[Result]:
    server.replies.put(reply)
    return list(model.generate(GenerateRequest(HELLO, **fields), Cancel()))


def test_text_is_streamed_and_counted(chat: OpenAIChat, server: Server) -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}
    empty = {"id": "c", "choices": []}  # as a content filter sends it, before anything is said
    chunks = (
        empty,
        delta(role="assistant", content=""),
        delta(content="Hel"),
        empty,
        delta(content="lo"),
        delta("stop"),
    )
    results = answer(chat, server, stream(*chunks, {"id": "c", "choices": [], "usage": usage}))
    assert results == [GenerateText("Hel"), GenerateText("lo"), GenerateDone("stop", 9, 2, 4)]
    path, headers, body = server.requests[0]
    assert (path, headers["authorization"]) == ("/v1/chat/completions", "Bearer none")
    assert body == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hello"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_the_settings_and_the_request_shape_the_body(server: Server) -> None:
    settings = {"api_key": "k", "temperature": 0.2, "usage": False, "extra_body": {"top_k": 5}}
    choice = {"type": "function", "function": {"name": "get_weather"}}
    for model in opened(server, **settings):
        fields = {"tools": (TOOL,), "tool_choice": choice, "parallel_tool_calls": False, "max_tokens": 7}
        answer(model, server, stream(delta("stop")), **fields)
    _, headers, body = server.requests[0]
    assert headers["authorization"] == "Bearer k"
    del body["messages"], body["model"], body["stream"]
    expected = {"tools": [TOOL], "tool_choice": choice, "parallel_tool_calls": False, "max_tokens": 7}
    assert body == {**expected, "temperature": 0.2, "top_k": 5}


def test_the_temperature_of_a_request_goes_before_that_of_the_settings(server: Server) -> None:
    for model in opened(server, temperature=0.2):
        answer(model, server, stream(delta("stop")), temperature=0.0)
    assert server.requests[0][2]["temperature"] == 0.0


def test_the_name_of_the_token_limit_can_be_set(server: Server) -> None:
    for model in opened(server, max_tokens_field="max_completion_tokens"):
        answer(model, server, stream(delta("stop")), max_tokens=7)
    assert server.requests[0][2]["max_completion_tokens"] == 7


@pytest.mark.parametrize("reason", ["stop", "length", "content_filter"])
def test_finish_reasons_are_passed_on(chat: OpenAIChat, server: Server, reason: str) -> None:
    assert answer(chat, server, stream(delta(content="x"), delta(reason)))[-1] == GenerateDone(reason)


def test_parallel_calls_are_told_apart_however_they_are_cut(chat: OpenAIChat, server: Server) -> None:
    chunks = (
        delta(content="Let me see."),
        call(0, "a", "get_"),
        call(0, None, "weather", ""),
        call(0, None, None, '{"ci'),
        call(1, "b", "get_time", "{"),
        call(0, None, None, 'ty":"Oslo"}'),
        call(1, None, None, "}"),
        call(2, "c", "stop"),
        delta("tool_calls"),
    )
    assert answer(chat, server, stream(*chunks), tools=(TOOL,)) == [
        GenerateText("Let me see."),
        GenerateCall("a", "get_weather"),
        GenerateArguments("a", '{"ci'),
        GenerateCall("b", "get_time"),
        GenerateArguments("b", "{"),
        GenerateArguments("a", 'ty":"Oslo"}'),
        GenerateArguments("b", "}"),
        GenerateCall("c", "stop"),
        GenerateArguments("c", "{}"),
        GenerateDone("tool_calls"),
    ]


def test_calls_that_all_claim_index_zero_are_told_apart_by_id(chat: OpenAIChat, server: Server) -> None:
    chunks = (call(0, "a", "one", "{}"), call(0, "b", "two", "{}"), delta("stop"))
    results = answer(chat, server, stream(*chunks), tools=(TOOL,))
    assert [result.call_id for result in results if isinstance(result, GenerateCall)] == ["a", "b"]
    assert results[-1] == GenerateDone("tool_calls")


@pytest.mark.parametrize("indexes", [(0, 1, 2), (0, 0, 0)])
def test_calls_that_share_an_id_are_told_apart(chat: OpenAIChat, server: Server, indexes: tuple[int, ...]) -> None:
    chunks = [call(at, id, id, f"[{n}]") for n, (at, id) in enumerate(zip(indexes, "aba", strict=True))]
    results = answer(chat, server, stream(*chunks, delta("stop")), tools=(TOOL,))
    calls = [result.call_id for result in results if isinstance(result, GenerateCall)]
    assert calls[:2] == ["a", "b"]
    assert len(set(calls)) == 3
    written = {result.call_id: result.delta for result in results if isinstance(result, GenerateArguments)}
    assert written == {id: f"[{n}]" for n, id in enumerate(calls)}


def test_a_call_without_an_id_gets_one(chat: OpenAIChat, server: Server) -> None:
    results = answer(chat, server, stream(call(None, None, "one", "{}"), delta("stop")), tools=(TOOL,))
    assert isinstance(results[0], GenerateCall)
    assert isinstance(results[1], GenerateArguments)
    assert results[0].call_id == results[1].call_id != ""


def test_a_refusal_is_text(chat: OpenAIChat, server: Server) -> None:
    assert answer(chat, server, stream(delta(refusal="No."), delta("stop")))[0] == GenerateText("No.")


def test_a_request_is_tried_again_when_told_to_wait(chat: OpenAIChat, server: Server) -> None:
    server.replies.put(refuse(429, {"message": "Slow down."}, retry_after_ms="5"))
    server.replies.put(refuse(503, None, retry_after_ms="5"))
    assert answer(chat, server, stream(delta("stop"))) == [GenerateDone("stop")]
    assert len(server.requests) == 3


FAILURES = [
    (refuse(401, {"message": "Incorrect API key: sk-1", "code": "invalid_api_key"}), "invalid_api_key", "server_error"),
    (refuse(404, {"message": "no model"}), "model_not_found", "server_error"),
    (refuse(429, {"message": "Slow down."}), "rate_limit_exceeded", "rate_limit_error"),
    (refuse(429, {"message": "Pay.", "code": "insufficient_quota"}), "insufficient_quota", "rate_limit_error"),
    (
        refuse(400, {"message": "Too long.", "code": "context_length_exceeded"}),
        "context_length_exceeded",
        "invalid_request_error",
    ),
    (refuse(400, {"message": "No such key: sk-1", "code": 400}), None, "invalid_request_error"),
    (refuse(500), None, "server_error"),
    (stream(delta(content="Hel"), whole=False), "connection_error", "server_error"),
    (stream(delta(content="Hel")), "stream_error", "server_error"),
    (stream("{not json"), "stream_error", "server_error"),
    (stream({"error": {"message": "GPU lost.", "code": "gpu_lost"}}), "gpu_lost", "server_error"),
]


@pytest.mark.parametrize(("reply", "code", "type"), FAILURES)
def test_failures_are_told_by_their_codes(server: Server, reply: Reply, code: str | None, type: str) -> None:
    for model in opened(server, max_retries=0, api_key="sk-1"):
        with pytest.raises(ModelFailure) as caught:
            answer(model, server, reply)
        assert (caught.value.code, caught.value.type) == (code, type)
        assert "sk-1" not in caught.value.message + caught.value.hint


def test_an_endpoint_that_is_not_there_is_named_to_the_operator() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        model = load(OpenAIChatSettings(model="m", base_url=url, max_retries=0), lambda step: None)
        with pytest.raises(ModelFailure, match="connection to the chat endpoint failed") as caught:
            list(model.generate(GenerateRequest(HELLO), Cancel()))
    assert caught.value.code == "connection_error"
    assert url in caught.value.hint
    assert url not in caught.value.message
    model.close()


def test_an_endpoint_that_does_not_answer_in_time_fails(server: Server) -> None:
    for model in opened(server, timeout_seconds=0.05):
        with pytest.raises(ModelFailure, match=r"within 0\.05 s") as caught:
            answer(model, server, stall())
        assert caught.value.code == "timeout"


@pytest.mark.parametrize("head", [False, True])
def test_a_cancel_ends_a_blocked_read_at_once(chat: OpenAIChat, server: Server, head: bool) -> None:
    cancel = Cancel()
    results: list[Result] = []
    server.replies.put(stall("text/event-stream", *events(delta(content="One"))) if head else stall())

    def run() -> None:
        results.extend(chat.generate(GenerateRequest(HELLO), cancel))

    worker = threading.Thread(target=run)
    worker.start()
    assert server.reached.wait(SECONDS)
    cancel.set()
    worker.join(SECONDS)
    assert not worker.is_alive()
    assert server.left.wait(SECONDS)
    assert results in ([], [GenerateText("One")])


def test_a_cancel_ends_the_wait_for_the_next_try(chat: OpenAIChat, server: Server) -> None:
    cancel = Cancel()

    def refuse_and_tell(handler: Handler) -> None:
        refuse(429, {"message": "Slow down."}, retry_after="60")(handler)
        server.reached.set()

    server.replies.put(refuse_and_tell)
    worker = threading.Thread(target=lambda: list(chat.generate(GenerateRequest(HELLO), cancel)))
    worker.start()
    assert server.reached.wait(SECONDS)
    cancel.set()
    worker.join(SECONDS)
    assert not worker.is_alive()
    assert len(server.requests) == 1


def test_the_connection_is_used_again(chat: OpenAIChat, server: Server) -> None:
    clients: set[Any] = set()

    def tell(handler: Handler) -> None:
        clients.add(handler.client_address)
        stream(delta("stop"))(handler)

    for _ in range(3):
        answer(chat, server, tell)
    assert len(clients) == 1


def test_a_prefill_is_sent_only_where_it_is_wanted(chat: OpenAIChat, server: Server) -> None:
    assert list(chat.generate(GenerateRequest(HELLO, prefill_only=True), Cancel())) == [GenerateDone("stop")]
    assert server.requests == []
    for model in opened(server, prefill=True):
        results = answer(model, server, stream(delta(content="I"), delta("length")), prefill_only=True)
        assert results == [GenerateDone("stop")]
    assert server.requests[0][2]["max_tokens"] == 1


def test_the_key_is_never_printed() -> None:
    assert "sk-secret" not in repr(OpenAIChatSettings.model_validate({"model": "m", "api_key": "sk-secret"}))
