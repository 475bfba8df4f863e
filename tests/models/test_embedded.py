"""The embedded models with their real weights. Fetch them with ``rtengine models pull --all``."""

import json
import threading
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jiwer
import jsonschema
import numpy as np
import pytest
from ruamel.yaml import YAML

from rtengine.models import hibari, llama, whisper
from rtengine.models.hibari import HibariVoice
from rtengine.models.jobs import (
    GenerateArguments,
    GenerateCall,
    GenerateDone,
    GenerateRequest,
    GenerateText,
    SpeakRequest,
    TranscribeDone,
    TranscribeRequest,
)
from rtengine.models.llama import LlamaChat
from rtengine.models.ports import Cancel, ModelFailure, Samples
from rtengine.models.whisper import WhisperTranscriber

pytestmark = [pytest.mark.models, pytest.mark.filterwarnings("default::DeprecationWarning")]

RECORDINGS = Path(__file__).parents[1] / "audio/recordings"
SENTENCES = [
    "The quick brown fox jumped over the lazy dog by the river.",
    "I would like to book a table for two people tomorrow evening.",
    "Could you tell me when the next train to London leaves?",
    "Please remind me to call my sister on Thursday afternoon about the birthday party.",
]
SYSTEM = {"role": "system", "content": "You are a helpful voice assistant. Answer in one short sentence."}


@pytest.fixture(scope="module")
def voice() -> HibariVoice:
    return hibari.load(hibari.HibariSettings(seed=1), print)


@pytest.fixture(scope="module", params=["base", "tiny.en"])
def listener(request: pytest.FixtureRequest) -> WhisperTranscriber:
    return whisper.load(whisper.WhisperSettings(model=request.param), print)


@pytest.fixture(scope="module")
def chat() -> LlamaChat:
    return llama.load(llama.LlamaSettings(slots=2, context=512, seed=1), print)


def samples(voice: HibariVoice, text: str, speed: float = 1.0, name: str = "marin") -> Samples:
    return np.concatenate(list(voice.speak(SpeakRequest(text, name, speed), Cancel())))


def speak(voice: HibariVoice, text: str, speed: float = 1.0, name: str = "marin") -> bytes:
    """PCM16 at 24 kHz."""
    return (np.clip(samples(voice, text, speed, name), -1, 1) * 32767).astype("<i2").tobytes()


def hear(listener: WhisperTranscriber, sound: bytes, rate: int = 24000, **fields: Any) -> TranscribeDone:
    *_, done = listener.transcribe(TranscribeRequest(sound, rate, **fields), Cancel())
    assert isinstance(done, TranscribeDone)
    return done


def word_errors(said: str | list[str], heard: str | list[str]) -> float:
    normal = jiwer.Compose(
        [jiwer.ToLowerCase(), jiwer.RemovePunctuation(), jiwer.Strip(), jiwer.ReduceToListOfListOfWords()]
    )
    return float(jiwer.wer(said, heard, reference_transform=normal, hypothesis_transform=normal))


def test_what_the_voice_says_the_transcriber_hears(voice: HibariVoice, listener: WhisperTranscriber) -> None:
    heard = [hear(listener, speak(voice, sentence)).transcript for sentence in SENTENCES]
    assert word_errors(SENTENCES, heard) < 0.05


@pytest.mark.parametrize("name", ["capital_of_france_24k", "cold_hearted_16k", "go_somewhere_24k", "please_stop_24k"])
def test_recordings_are_understood(listener: WhisperTranscriber, name: str) -> None:
    with wave.open(str(RECORDINGS / f"{name}.wav")) as file:
        sound, rate = file.readframes(file.getnframes()), file.getframerate()
    labels = YAML(typ="safe").load(RECORDINGS / "labels.yaml")
    assert word_errors(labels[f"{name}.wav"]["words"], hear(listener, sound, rate).transcript) == 0


def test_a_minute_of_speech_loses_no_words_between_windows(voice: HibariVoice, listener: WhisperTranscriber) -> None:
    text = " ".join(SENTENCES * 4)
    done = hear(listener, speak(voice, text))
    assert done.seconds > 50
    assert word_errors(text, done.transcript) < 0.05


def test_silence_and_noise_are_not_words(listener: WhisperTranscriber) -> None:
    noise = np.random.default_rng(0).normal(0, 1500, 72000).astype("<i2").tobytes()
    assert [hear(listener, sound).transcript for sound in (b"", bytes(144000), noise)] == ["", "", ""]


def test_log_probabilities_spell_the_transcript(voice: HibariVoice, listener: WhisperTranscriber) -> None:
    done = hear(listener, speak(voice, SENTENCES[0]), logprobs=True)
    assert done.logprobs is not None
    assert "".join(text for text, _ in done.logprobs).strip() == done.transcript
    assert all(value <= 0 for _, value in done.logprobs)


def test_several_utterances_at_once_are_not_mixed_up(voice: HibariVoice, listener: WhisperTranscriber) -> None:
    sounds = [speak(voice, sentence) for sentence in SENTENCES]
    heard: dict[int, str] = {}
    threads = [
        threading.Thread(target=lambda n=n: heard.update({n: hear(listener, sounds[n], language="en").transcript}))
        for n in range(len(sounds))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert word_errors(SENTENCES, [heard[n] for n in range(len(SENTENCES))]) < 0.05


def test_english_is_detected_or_all_there_is(voice: HibariVoice, listener: WhisperTranscriber) -> None:
    assert hear(listener, speak(voice, SENTENCES[2])).language == "en"
    if not listener.multilingual:
        with pytest.raises(ModelFailure):
            hear(listener, speak(voice, SENTENCES[2]), language="fr")


@pytest.mark.parametrize("speed", [0.25, 0.5, 1.5])
def test_the_voice_keeps_the_speed_it_is_asked_for(voice: HibariVoice, speed: float) -> None:
    normal, other = len(speak(voice, SENTENCES[0])), len(speak(voice, SENTENCES[0], speed))
    assert other == pytest.approx(normal / speed, rel=0.15)


def pitch(sound: Samples, rate: int = 24000) -> float:
    """The median pitch in hertz of the loud half of some speech, by autocorrelation."""
    frames = np.lib.stride_tricks.sliding_window_view(sound, 1200)[::300]
    loud = frames[(frames**2).mean(axis=1) > (sound**2).mean()]
    likeness = np.fft.irfft(np.abs(np.fft.rfft(loud, 4096)) ** 2)
    shortest, longest = rate // 400, rate // 75
    # A window is less like itself the further it is moved: without this, octaves are mistaken.
    fading = 1 - np.arange(shortest, longest) / 1200
    return float(np.median(rate / (shortest + (likeness[:, shortest:longest] / fading).argmax(axis=1))))


def test_every_voice_is_understood_at_its_own_pitch_and_as_loud_as_the_others(
    voice: HibariVoice, listener: WhisperTranscriber
) -> None:
    own = samples(voice, SENTENCES[0])
    for name, timbre in hibari.VOICES.items():
        sound = samples(voice, SENTENCES[0], name=name)
        assert pitch(sound) / pitch(own) == pytest.approx(timbre.pitch, rel=0.08), name
        assert np.std(sound) == pytest.approx(np.std(own), rel=0.2), name
        assert np.abs(sound).max() < 0.9, name
        heard = hear(listener, speak(voice, SENTENCES[0], name=name)).transcript
        assert word_errors(SENTENCES[0], heard) == 0, (name, heard)


@pytest.mark.parametrize("text", ["", " ", "日本語", "\n\n"])
def test_text_without_words_is_silent(voice: HibariVoice, text: str) -> None:
    assert list(voice.speak(SpeakRequest(text, "marin"), Cancel())) == []


@pytest.mark.parametrize("text", ["...", "(", "3.14 naïve 😀", "a" * 700, "http://example.com/?q=1 **bold** `x`"])
def test_odd_text_is_spoken_without_failing(voice: HibariVoice, text: str) -> None:
    pieces = list(voice.speak(SpeakRequest(text, "marin"), Cancel()))
    assert all(np.isfinite(piece).all() and np.abs(piece).max() <= 1.5 for piece in pieces)


def written(results: list[Any]) -> str:
    return "".join(result.text for result in results if isinstance(result, GenerateText))


def test_the_chat_model_answers_and_counts(chat: LlamaChat) -> None:
    messages = (SYSTEM, {"role": "user", "content": "What is the capital of France?"})
    results = list(chat.generate(GenerateRequest(messages), Cancel()))
    done = results[-1]
    assert "Paris" in written(results)
    assert isinstance(done, GenerateDone) and done.finish_reason == "stop"
    assert done.input_tokens > 20 and done.output_tokens > 3
    again = list(chat.generate(GenerateRequest(messages), Cancel()))[-1]
    assert isinstance(again, GenerateDone) and again.cached_tokens > 20


def test_a_prefill_warms_the_prompt(chat: LlamaChat) -> None:
    system = {"role": "system", "content": "You are the voice of a small museum of clocks in Geneva. Be brief."}
    [done] = chat.generate(GenerateRequest((system,), prefill_only=True), Cancel())
    *_, answer = chat.generate(GenerateRequest((system, {"role": "user", "content": "Hello!"})), Cancel())
    assert isinstance(done, GenerateDone) and done.output_tokens == 0
    assert isinstance(answer, GenerateDone) and answer.cached_tokens >= 15


def test_the_limit_of_tokens_is_kept(chat: LlamaChat) -> None:
    messages = (SYSTEM, {"role": "user", "content": "Tell me a long story."})
    *_, done = chat.generate(GenerateRequest(messages, max_tokens=5), Cancel())
    assert isinstance(done, GenerateDone)
    assert (done.finish_reason, done.output_tokens) == ("length", 5)


def test_a_cancel_costs_at_most_one_more_token(chat: LlamaChat) -> None:
    seen: list[Any] = []
    idle = threading.Event()
    server = chat._server

    class Counted:
        def handle_chat_completions(self, body: Any, callback: Callable[[Any], bool]) -> None:
            def count(chunk: Any) -> bool:
                seen.append(chunk)
                return callback(chunk)

            try:
                server.handle_chat_completions(body, count)
            finally:
                idle.set()

    chat._server = Counted()
    try:
        cancel = Cancel()
        messages = (SYSTEM, {"role": "user", "content": "Tell me a very long story about a dragon."})
        results = chat.generate(GenerateRequest(messages, max_tokens=200), cancel)
        for _ in range(5):
            next(results)
        before = len(seen)
        cancel.set()
        assert list(results) == []
        assert idle.wait(100)
        # One token may have been on its way when the cancel came, and one sees it.
        assert len(seen) - before <= 2
    finally:
        chat._server = server


def test_a_cancel_stops_the_reading_of_a_long_prompt(chat: LlamaChat) -> None:
    cancel = Cancel()
    messages = ({"role": "user", "content": "zebra crossing " * 150},)
    results: list[Any] = []
    reader = threading.Thread(target=lambda: results.extend(chat.generate(GenerateRequest(messages), cancel)))
    reader.start()
    cancel.set()
    reader.join(100)
    assert results == []


def test_a_long_conversation_is_cut_to_the_context(chat: LlamaChat) -> None:
    turns = [
        message
        for n in range(40)
        for message in (
            {"role": "user", "content": f"天空为什么是蓝色的草为什么是绿色的 {n}"},
            {"role": "assistant", "content": "因为光的缘故我的朋友"},
        )
    ]
    messages = (SYSTEM, *turns, {"role": "user", "content": "What is the capital of France?"})
    results = list(chat.generate(GenerateRequest(messages), Cancel()))
    assert isinstance(results[-1], GenerateDone) and 100 < results[-1].input_tokens < 512
    with pytest.raises(ModelFailure, match="does not fit"):
        list(chat.generate(GenerateRequest((SYSTEM, {"role": "user", "content": "天" * 900})), Cancel()))


def object_of(*required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


TEXT, WHOLE = {"type": "string"}, {"type": "integer"}
TREE = {
    "$defs": {
        "node": object_of("name", "next", name=TEXT, next={"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]})
    }
}
SCHEMAS: dict[str, tuple[dict[str, Any], str]] = {
    "one text": (object_of("city", city=TEXT), "What's the weather in Paris?"),
    "number and optional": (object_of("minutes", minutes=WHOLE, label=TEXT), "A timer for twenty five minutes please"),
    "choices": (
        object_of("room", "on", room={"type": "string", "enum": ["kitchen", "living_room"]}, on={"type": "boolean"}),
        "Turn on the light in the living room",
    ),
    "nested": (
        object_of(
            "items",
            "address",
            items={
                "type": "array",
                "items": object_of("name", "count", name=TEXT, count={"type": "integer", "minimum": 1, "maximum": 9}),
            },
            address=object_of("street", "zip", street=TEXT, zip={"type": "string", "pattern": "^[0-9]{5}$"}),
        ),
        "Two pizzas and three colas to Main Street please",
    ),
    "formats": (
        object_of(
            "day",
            "at",
            "id",
            "mail",
            day={"type": "string", "format": "date"},
            at={"type": "string", "format": "time"},
            id={"type": "string", "format": "uuid"},
            mail={"type": "string", "format": "email"},
        ),
        "Book it for tomorrow, my mail is a@b.com",
    ),
    "recursion": (TREE | object_of("node", node={"$ref": "#/$defs/node"}), "a chain with Anna and Bob"),
    "unions": (
        object_of(
            "maybe",
            "either",
            maybe={"type": ["string", "null"]},
            either={
                "oneOf": [object_of("kind", "v", kind={"const": "A"}, v=WHOLE), object_of("kind", kind={"const": "B"})]
            },
        ),
        "alpha 3",
    ),
    "odd": (
        object_of(
            *("anything", "mixed", "pair", "step", "different", "long", "map"),
            anything={},
            mixed={"enum": [1, "two", None, True]},
            pair={"type": "array", "prefixItems": [WHOLE, TEXT], "minItems": 2, "maxItems": 2},
            step={"type": "integer", "multipleOf": 5, "exclusiveMinimum": 0, "exclusiveMaximum": 100},
            different={"type": "array", "items": TEXT, "minItems": 2, "uniqueItems": True},
            long={"type": "string", "minLength": 50},
            map={"type": "object", "additionalProperties": TEXT},
        ),
        "hello there",
    ),
    "nothing said": (object_of("city", "n", city={"type": "string", "maxLength": 10}, n={"type": "number"}), ""),
    "nothing to fill in": ({}, "go"),
}


def call(chat: LlamaChat, parameters: dict[str, Any], said: str, tool_choice: str = "required") -> dict[str, Any]:
    tool = {"type": "function", "function": {"name": "do_it", "description": "Do it", "parameters": parameters}}
    request = GenerateRequest((SYSTEM, {"role": "user", "content": said or " "}), (tool,), tool_choice)
    results = list(chat.generate(request, Cancel()))
    assert isinstance(results[0], GenerateCall) and results[0].function == "do_it"
    assert isinstance(results[-1], GenerateDone) and results[-1].finish_reason == "tool_calls"
    arguments = json.loads("".join(r.delta for r in results if isinstance(r, GenerateArguments)))
    assert isinstance(arguments, dict)
    return arguments


@pytest.mark.parametrize("name", SCHEMAS)
def test_arguments_fit_the_schema(chat: LlamaChat, name: str) -> None:
    parameters, said = SCHEMAS[name]
    jsonschema.Draft202012Validator(parameters).validate(call(chat, parameters, said))


def test_arguments_are_what_was_said(chat: LlamaChat) -> None:
    assert call(chat, *SCHEMAS["one text"]) == {"city": "Paris"}
    assert call(chat, *SCHEMAS["number and optional"]) == {"minutes": 25}
    assert call(chat, *SCHEMAS["choices"])["room"] == "living_room"
