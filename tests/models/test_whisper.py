from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from rtengine.errors import ModelError
from rtengine.models import whisper
from rtengine.models.jobs import TranscribeDelta, TranscribeDone, TranscribeRequest
from rtengine.models.ports import Cancel, ModelFailure
from rtengine.models.whisper import WhisperSettings, WhisperTranscriber

pytestmark = pytest.mark.unit

EOT, NO_TIMESTAMPS, PREVIOUS, TIMESTAMP = 100, 103, 104, 200


class FakeTokenizer:
    """Token n below 100 is the letter of that code, 1 and 2 the two bytes of an é."""

    eot, no_timestamps, sot_prev, timestamp_begin = EOT, NO_TIMESTAMPS, PREVIOUS, TIMESTAMP

    def __init__(self, language: str) -> None:
        self.sot_sequence = [101, language]

    def encode(self, text: str) -> list[int]:
        return [ord(letter) for letter in text]

    def decode(self, tokens: list[int]) -> str:
        data = b"".join({1: b"\xc3", 2: b"\xa9"}.get(token, bytes([token])) for token in tokens)
        return data.decode("utf-8", errors="replace")


@dataclass
class FakeModel:
    """Plays results in order and keeps what it was asked."""

    results: list[Any] = field(default_factory=list)
    detected: tuple[str, float] = ("<|de|>", 0.9)
    multilingual: bool = True
    frames: list[int] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    prompts: list[list[Any]] = field(default_factory=list)
    on_generate: Any = None
    max_length = 448
    supported_languages = ("en", "de", "zh")

    @property
    def model(self) -> Any:
        return SimpleNamespace(
            is_multilingual=self.multilingual,
            generate=self.generate,
            detect_language=lambda encoded: [[self.detected, ("<|en|>", 0.01)]],
        )

    def feature_extractor(self, samples: Any) -> Any:
        assert samples.dtype == np.float32
        return np.ones((80, len(samples) // 160 + 1), np.float32)

    def encode(self, features: Any) -> Any:
        self.frames.append(features.shape[1])
        return features

    def generate(self, encoded: Any, prompts: list[list[Any]], **options: Any) -> list[Any]:
        self.prompts.append(prompts[0])
        self.asked.append(options)
        if self.on_generate:
            self.on_generate()
        return [self.results.pop(0)]


def said(text: str | list[int], score: float = -0.2, no_speech: float = 0.0) -> Any:
    ids = [ord(letter) for letter in text] if isinstance(text, str) else text
    rows = [np.where(np.arange(300) == token, 5.0, 0.0) for token in ids]
    return SimpleNamespace(sequences_ids=[ids], scores=[score], no_speech_prob=no_speech, logits=[rows])


def transcriber(model: FakeModel, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> WhisperTranscriber:
    made = WhisperTranscriber(model, WhisperSettings(**settings))
    monkeypatch.setattr(made, "_tokenizer", FakeTokenizer)
    return made


def audio(seconds: float, **fields: Any) -> TranscribeRequest:
    return TranscribeRequest(bytes(int(seconds * 16000) * 2), 16000, **fields)


def test_short_audio_is_encoded_with_a_short_context(monkeypatch: pytest.MonkeyPatch) -> None:
    model = FakeModel([said("HI"), said("HO")])
    listener = transcriber(model, monkeypatch)
    assert list(listener.transcribe(audio(2), Cancel())) == [TranscribeDone("HI", 2.0, "de")]
    list(listener.transcribe(audio(9), Cancel()))
    assert model.frames == [1000, 1300]


@pytest.mark.parametrize(
    "doubtful",
    [said("A" * 40), said("ABCDEFG", score=-0.95), said("AAAAAAAAAAAAAAAAAAAAAAA")],
    ids=["more tokens than could be said", "low probability", "repetition"],
)
def test_a_doubtful_result_is_made_again_with_thirty_seconds(doubtful: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model = FakeModel([doubtful, said("FINE")])
    [done] = transcriber(model, monkeypatch).transcribe(audio(3, language="en"), Cancel())
    assert done.transcript == "FINE"
    assert model.frames == [1000, 3000]


def test_more_than_can_be_said_is_no_speech(monkeypatch: pytest.MonkeyPatch) -> None:
    model = FakeModel([said("A" * 40), said("A" * 100)])
    [done] = transcriber(model, monkeypatch).transcribe(audio(3), Cancel())
    assert done.transcript == "" and done.language is None


def test_short_context_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    model = FakeModel([said("HI")])
    list(transcriber(model, monkeypatch, short_context=False).transcribe(audio(2), Cancel()))
    assert model.frames == [3000]


def test_silence_takes_both_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    model = FakeModel([said("YOU", score=-1.2, no_speech=0.7), said("YES", score=-0.5, no_speech=0.7)])
    listener = transcriber(model, monkeypatch)
    assert list(listener.transcribe(audio(2), Cancel())) == [TranscribeDone("", 2.0, None)]
    assert [done.transcript for done in listener.transcribe(audio(2), Cancel())] == ["YES"]


@pytest.mark.parametrize("sound", [b"", b"\0", bytes(1000)])
def test_audio_without_room_for_a_word_is_not_read(sound: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    model = FakeModel()
    [done] = transcriber(model, monkeypatch).transcribe(TranscribeRequest(sound, 24000), Cancel())
    assert done.transcript == "" and done.seconds == len(sound) // 2 / 24000


@pytest.mark.parametrize("rate", [8000, 16000, 24000])
def test_every_rate_is_brought_to_sixteen_kilohertz(rate: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model = FakeModel([said("HI")])
    [done] = transcriber(model, monkeypatch).transcribe(TranscribeRequest(bytes(rate * 2 * 14), rate), Cancel())
    assert done.seconds == 14
    assert model.frames == [1800]


def test_a_given_language_is_used_and_not_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    model = FakeModel([said("HI")], detected=("<|zh|>", 0.99))
    [done] = transcriber(model, monkeypatch).transcribe(audio(2, language="en-US"), Cancel())
    assert done.language == "en"
    assert model.prompts == [[101, "en", NO_TIMESTAMPS]]


def test_an_unsure_detection_falls_back_to_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    model = FakeModel([said("HI")], detected=("<|zh|>", 0.5))
    [done] = transcriber(model, monkeypatch, language="de").transcribe(audio(2), Cancel())
    assert done.language == "de"


def test_detection_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    model = FakeModel([said("HI")], detected=("<|zh|>", 0.99))
    [done] = transcriber(model, monkeypatch, detect_language=False).transcribe(audio(2), Cancel())
    assert done.language == "en"


@pytest.mark.parametrize(("languages", "used"), [(("en", "zh"), "en"), (("zh", "de-AT"), "de"), (("zh",), "zh")])
def test_of_several_languages_the_likeliest_is_used(
    languages: tuple[str, ...], used: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = FakeModel([said("X")])
    [done] = transcriber(model, monkeypatch).transcribe(audio(2, languages=languages), Cancel())
    assert done.language == used


def test_one_language_that_nobody_knows_is_refused_among_others(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelFailure, match="'tlh'"):
        list(transcriber(FakeModel(), monkeypatch).transcribe(audio(2, languages=("en", "tlh")), Cancel()))


def test_a_profile_knows_the_languages_before_the_model_is_loaded() -> None:
    from faster_whisper.tokenizer import _LANGUAGE_CODES

    assert WhisperSettings(model="base").languages == frozenset(_LANGUAGE_CODES)
    assert WhisperSettings(model="tiny.en").languages == {"en"}
    assert WhisperSettings(path=Path("mine")).languages is None


def test_an_english_model_refuses_other_languages(monkeypatch: pytest.MonkeyPatch) -> None:
    listener = transcriber(FakeModel(multilingual=False), monkeypatch)
    with pytest.raises(ModelFailure, match="English only") as caught:
        list(listener.transcribe(audio(2, language="fr"), Cancel()))
    assert (caught.value.code, caught.value.type) == ("invalid_value", "invalid_request_error")


def test_a_language_that_nobody_knows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelFailure, match="'tlh' is not supported"):
        list(transcriber(FakeModel(), monkeypatch).transcribe(audio(2, language="tlh"), Cancel()))
    with pytest.raises(ModelError, match="does not know the language 'tlh'"):
        WhisperTranscriber(FakeModel(), WhisperSettings(language="tlh"))


def test_the_prompt_goes_before_the_transcript(monkeypatch: pytest.MonkeyPatch) -> None:
    model = FakeModel([said("HI")])
    list(transcriber(model, monkeypatch).transcribe(audio(2, language="en", prompt="AB "), Cancel()))
    assert model.prompts == [[PREVIOUS, ord(" "), ord("A"), ord("B"), 101, "en", NO_TIMESTAMPS]]


def test_a_long_prompt_keeps_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    model = FakeModel([said("HI")])
    list(transcriber(model, monkeypatch).transcribe(audio(2, language="en", prompt="x" * 400 + "END"), Cancel()))
    [prompt] = model.prompts
    assert len(prompt) == 1 + 223 + 3 and prompt[-6:-3] == [ord(letter) for letter in "END"]


def test_log_probabilities_are_given_per_character_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    model = FakeModel([said([ord("H"), 1, 2])])
    [done] = transcriber(model, monkeypatch).transcribe(audio(2, logprobs=True), Cancel())
    one = 5.0 - float(np.log(np.exp(5.0) + 299))
    assert [text for text, _ in done.logprobs] == ["H", "é"]
    assert [value for _, value in done.logprobs] == pytest.approx([one, 2 * one])
    assert model.asked[0]["return_logits_vocab"] is True


def test_a_window_of_long_audio_has_its_log_probabilities_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    window = [TIMESTAMP, ord("A"), TIMESTAMP + 500, TIMESTAMP + 500, ord("X")]
    model = FakeModel([said(window), said("B"), said("C")])
    *deltas, done = transcriber(model, monkeypatch).transcribe(audio(50, logprobs=True), Cancel())
    assert [delta.logprobs[0][0] for delta in deltas] == ["A", "B", "C"]
    assert done.logprobs == sum((delta.logprobs for delta in deltas), ())


def test_long_audio_is_read_from_where_the_last_complete_sentence_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    ten_seconds = TIMESTAMP + 500
    window = [TIMESTAMP, ord("A"), ten_seconds, ten_seconds, ord("X")]
    last = [TIMESTAMP, ord("B"), TIMESTAMP + 1450]
    model = FakeModel([said(window), said(last), said("C")])
    results = list(transcriber(model, monkeypatch).transcribe(audio(50), Cancel()))
    assert results == [
        TranscribeDelta("A"),
        TranscribeDelta(" B"),
        TranscribeDelta(" C"),
        TranscribeDone("A B C", 50.0, "de"),
    ]
    assert model.frames == [3000, 3000, 1400]


def test_long_audio_without_timestamps_still_moves_on(monkeypatch: pytest.MonkeyPatch) -> None:
    model = FakeModel([said("A"), said([TIMESTAMP, TIMESTAMP, ord("B")]), said("C")])
    results = list(transcriber(model, monkeypatch).transcribe(audio(61), Cancel()))
    assert results[-1] == TranscribeDone("A B C", 61.0, "de")


def test_a_cancel_ends_long_audio_after_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    cancel = Cancel()
    model = FakeModel([said("A"), said("B")], on_generate=cancel.set)
    assert list(transcriber(model, monkeypatch).transcribe(audio(70), cancel))[1:] == []
    assert len(model.asked) == 1


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"it has no model\.bin"):
        whisper.load(WhisperSettings(path=tmp_path), print)


def test_weights_are_named_by_the_model() -> None:
    assert WhisperSettings(model="tiny.en").required_weights == ("whisper-tiny.en",)
    assert WhisperSettings(path=Path("mine")).required_weights == ()
