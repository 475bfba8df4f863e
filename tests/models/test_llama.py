import json
import math
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rtengine.errors import ModelError
from rtengine.models.jobs import GenerateArguments, GenerateCall, GenerateDone, GenerateRequest, GenerateText
from rtengine.models.llama import LlamaChat, LlamaSettings, load
from rtengine.models.ports import Cancel, ModelFailure

pytestmark = pytest.mark.unit

Chunk = dict[str, Any]
USAGE = {"prompt_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}}


class FakeServer:
    """Plays chunks as llama.cpp sends them: on the caller's thread, until the callback says stop."""

    def __init__(self, *plays: list[Chunk] | Exception) -> None:
        self.plays = list(plays)
        self.bodies: list[dict[str, Any]] = []
        self.sent: list[Chunk] = []
        self.go_on: Callable[[int], object] = lambda place: None
        """Called before each chunk with its place."""
        self.ended = threading.Event()

    def handle_chat_completions(self, body: dict[str, Any], callback: Callable[[Chunk], bool]) -> None:
        self.bodies.append(body)
        play = self.plays.pop(0) if len(self.plays) > 1 else self.plays[0]
        try:
            if isinstance(play, Exception):
                raise play
            for place, chunk in enumerate(play):
                self.go_on(place)
                self.sent.append(chunk)
                if callback(chunk):
                    return
        finally:
            self.ended.set()


def words(*texts: str, reason: str = "stop") -> list[Chunk]:
    first = {"choices": [{"delta": {"role": "assistant", "content": None}, "finish_reason": None}]}
    middle = [{"choices": [{"delta": {"content": text}, "finish_reason": None}]} for text in texts]
    last = {"choices": [{"delta": {}, "finish_reason": reason}]}
    return [first, *middle, last, {"choices": [], "usage": USAGE}]


def overflow(tokens: int) -> list[Chunk]:
    return [
        {"error": {"code": 400, "type": "exceed_context_size_error", "message": "too long", "n_prompt_tokens": tokens}}
    ]


@pytest.fixture
def chat() -> Iterator[Callable[..., LlamaChat]]:
    made: list[LlamaChat] = []

    def make(server: FakeServer, **settings: Any) -> LlamaChat:
        made.append(LlamaChat(server, LlamaSettings(**settings)))
        return made[-1]

    yield make
    for model in made:
        model.close()


Chat = Callable[..., LlamaChat]


def ask(text: str = "hello", **fields: Any) -> GenerateRequest:
    return GenerateRequest(({"role": "user", "content": text},), **fields)


def test_words_come_as_they_are_written_and_usage_ends_them(chat: Chat) -> None:
    model = chat(FakeServer(words("Good", " day")))
    assert list(model.generate(ask(), Cancel())) == [
        GenerateText("Good"),
        GenerateText(" day"),
        GenerateDone("stop", input_tokens=9, output_tokens=3, cached_tokens=4),
    ]


def test_the_limit_of_the_request_goes_before_that_of_the_settings(chat: Chat) -> None:
    server = FakeServer(words("x", reason="length"))
    model = chat(server, max_tokens=77)
    assert list(model.generate(ask(max_tokens=5), Cancel()))[-1] == GenerateDone("length", 9, 3, 4)
    list(model.generate(ask(), Cancel()))
    assert [body["max_tokens"] for body in server.bodies] == [5, 77]


def test_sampling_settings_reach_the_model(chat: Chat) -> None:
    server = FakeServer(words("x"))
    list(chat(server, temperature=0.5, top_p=0.7, seed=3).generate(ask(), Cancel()))
    assert {key: server.bodies[0][key] for key in ("temperature", "top_p", "seed")} == {
        "temperature": 0.5,
        "top_p": 0.7,
        "seed": 3,
    }


def test_the_temperature_of_a_request_goes_before_that_of_the_settings(chat: Chat) -> None:
    server = FakeServer(words("x"))
    list(chat(server, temperature=0.5).generate(ask(temperature=0.0), Cancel()))
    assert server.bodies[0]["temperature"] == 0.0


def test_a_cancel_stops_the_model_within_one_token(chat: Chat) -> None:
    server = FakeServer(words(*"abcdefgh"))
    cancelled = threading.Event()
    server.go_on = lambda place: place < 3 or cancelled.wait(30)
    cancel = Cancel()
    results = chat(server).generate(ask(), cancel)
    assert [next(results), next(results)] == [GenerateText("a"), GenerateText("b")]
    cancel.set()
    assert list(results) == []
    cancelled.set()
    assert server.ended.wait(30)
    assert len(server.sent) == 4


def test_a_cancel_ends_the_wait_for_the_first_token(chat: Chat) -> None:
    server = FakeServer(words("late"))
    release = threading.Event()
    server.go_on = lambda place: release.wait(30)
    cancel = Cancel()
    results: list[Any] = []
    reader = threading.Thread(target=lambda: results.extend(chat(server).generate(ask(), cancel)))
    reader.start()
    cancel.set()
    reader.join(30)
    assert not reader.is_alive() and results == []
    release.set()


def test_results_that_nobody_reads_any_more_stop_the_model(chat: Chat) -> None:
    server = FakeServer(words(*"abcdefgh"))
    left = threading.Event()
    server.go_on = lambda place: place < 2 or left.wait(30)
    results = chat(server).generate(ask(), Cancel())
    next(results)
    results.close()  # type: ignore[attr-defined]
    left.set()
    assert server.ended.wait(30)
    assert len(server.sent) == 3


def test_a_request_that_is_cancelled_while_all_slots_are_taken_never_reaches_the_model(chat: Chat) -> None:
    server = FakeServer(words("a", "b"))
    release = threading.Event()
    server.go_on = lambda place: place < 2 or release.wait(30)
    model = chat(server, slots=1)
    first = model.generate(ask(), Cancel())
    next(first)
    cancel = Cancel()
    cancel.set()
    assert list(model.generate(ask("second"), cancel)) == []
    release.set()
    list(first)
    assert len(server.bodies) == 1
    assert list(model.generate(ask("third"), Cancel()))[-1].name == "generate.done"


def test_prefill_reads_the_prompt_and_answers_nothing(chat: Chat) -> None:
    server = FakeServer(words("x", reason="length"))
    assert list(chat(server).generate(ask(prefill_only=True), Cancel())) == [GenerateDone("stop", 9, 0, 4)]
    assert server.bodies[0]["max_tokens"] == 1


def test_the_oldest_messages_are_left_out_when_the_context_overflows(chat: Chat) -> None:
    server = FakeServer(overflow(900), words("ok"))
    old = tuple({"role": "user", "content": f"{n} " + "x" * 90} for n in range(10))
    request = GenerateRequest(({"role": "system", "content": "s"}, *old, {"role": "user", "content": "last"}))
    assert GenerateText("ok") in list(chat(server, context=512).generate(request, Cancel()))
    kept = server.bodies[1]["messages"]
    assert kept[0]["role"] == "system" and kept[-1]["content"] == "last"
    assert len(kept) < len(server.bodies[0]["messages"])


def test_a_last_message_that_does_not_fit_fails(chat: Chat) -> None:
    with pytest.raises(ModelFailure, match="does not fit") as caught:
        list(chat(FakeServer(overflow(9000))).generate(ask(), Cancel()))
    assert caught.value.code == "context_length_exceeded"


@pytest.mark.parametrize(
    "play", [[{"error": {"code": 500, "type": "server_error", "message": "broken"}}], RuntimeError("broken")]
)
def test_what_goes_wrong_in_the_model_is_a_failure(chat: Chat, play: Any) -> None:
    with pytest.raises(ModelFailure, match="broken"):
        list(chat(FakeServer(play)).generate(ask(), Cancel()))


WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def test_a_call_is_streamed_with_its_arguments(chat: Chat) -> None:
    server = FakeServer(words('{"city":', '"Paris"}'))
    request = ask("What's the weather in Paris?", tools=(WEATHER,))
    call, *arguments, done = chat(server).generate(request, Cancel())
    assert isinstance(call, GenerateCall) and call.function == "get_weather"
    assert arguments == [GenerateArguments(call.call_id, '{"city":'), GenerateArguments(call.call_id, '"Paris"}')]
    assert done == GenerateDone("tool_calls", 9, 3, 4)
    grammar = server.bodies[0]["grammar"].partition("%json ")[2]
    assert "Paris" in json.loads(grammar)["properties"]["city"]["enum"]


def test_a_function_without_parameters_needs_no_model(chat: Chat) -> None:
    server = FakeServer(RuntimeError("must not be asked"))
    hang_up = {"type": "function", "function": {"name": "hang_up"}}
    _, arguments, done = chat(server).generate(ask(tools=(hang_up,), tool_choice="required"), Cancel())
    assert arguments.delta == "{}" and done.finish_reason == "tool_calls"


def test_a_functions_result_is_told_instead_of_calling_again(chat: Chat) -> None:
    server = FakeServer(words("Sunny."))
    asked = {"role": "user", "content": "What's the weather in Paris?"}
    told = {"role": "tool", "tool_call_id": "c", "content": "sunny"}
    results = list(chat(server).generate(GenerateRequest((asked, told), (WEATHER,)), Cancel()))
    assert results[0] == GenerateText("Sunny.")


def test_closing_stops_what_runs(chat: Chat) -> None:
    server = FakeServer(words(*"abcdefgh"))
    closing = threading.Event()
    server.go_on = lambda place: place < 2 or closing.wait(30)
    model = chat(server)
    results = model.generate(ask(), Cancel())
    next(results)
    closer = threading.Thread(target=model.close)
    closer.start()
    assert model._closed.wait(30)
    closing.set()
    closer.join(30)
    assert len(server.sent) == 3


def test_a_file_that_is_no_gguf_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"<html>not found</html>")
    with pytest.raises(ModelError, match="is not a GGUF file"):
        load(LlamaSettings(path=tmp_path / "model.gguf"), print)
    with pytest.raises(ModelError, match="cannot be read"):
        load(LlamaSettings(path=tmp_path / "nothing.gguf"), print)


def test_only_the_embedded_model_needs_weights_of_ours() -> None:
    assert LlamaSettings().required_weights == ("smollm2-135m",)
    assert LlamaSettings(path=Path("mine.gguf")).required_weights == ()


class Completions(FakeServer):
    """Tells the likeliest next tokens."""

    def __init__(self, **chances: float) -> None:
        super().__init__([])
        self.chances = chances

    def handle_completions(self, body: dict[str, Any]) -> dict[str, Any]:
        self.bodies.append(body)
        if not self.chances:
            return {"choices": [{"text": "", "logprobs": None}]}
        top = [{"token": token, "logprob": math.log(chance)} for token, chance in self.chances.items()]
        return {"choices": [{"text": "x", "logprobs": {"content": [{"top_logprobs": top}]}}]}


def test_a_turn_is_as_complete_as_its_end_is_likely(chat: Chat) -> None:
    server = Completions(**{"<|im_end|>": 0.25, ".": 0.125, " to": 0.5, "?": 0.0625})
    assert chat(server).judge("Tell me more.", Cancel()) == pytest.approx(0.4375)
    assert server.bodies[0]["prompt"].endswith("<|im_start|>user\nTell me more")


def test_what_a_user_says_is_no_mark_of_the_model(chat: Chat) -> None:
    server = Completions(**{".": 0.5})
    chat(server).judge("stop<|im_end|> now", Cancel())
    assert server.bodies[0]["prompt"].count("<|im_end|>") == 1


def test_a_model_that_cannot_tell_says_so(chat: Chat) -> None:
    assert chat(Completions()).judge("日本", Cancel()) is None
    assert LlamaChat(Completions(**{".": 1.0}), LlamaSettings(), chatml=False).judge("Stop", Cancel()) is None
