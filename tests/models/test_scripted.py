from __future__ import annotations

import threading

import numpy as np
import pytest
from pydantic import ValidationError

from rtengine.models.jobs import SpeakRequest, TranscribeDelta, TranscribeDone, TranscribeRequest
from rtengine.models.ports import Cancel, ModelFailure
from rtengine.models.scripted import (
    ScriptedTranscriber,
    ScriptedTranscriberSettings,
    ScriptedVoice,
    ScriptedVoiceSettings,
)

pytestmark = pytest.mark.unit

UTTERANCE = TranscribeRequest(bytes(2 * 19200), 16000)


def transcriber(**settings: object) -> ScriptedTranscriber:
    return ScriptedTranscriber(ScriptedTranscriberSettings.model_validate(settings))


def voice(**settings: object) -> ScriptedVoice:
    return ScriptedVoice(ScriptedVoiceSettings.model_validate(settings))


def heard(model: ScriptedTranscriber, cancel: Cancel | None = None) -> list[str]:
    results = model.transcribe(UTTERANCE, Cancel() if cancel is None else cancel)
    return [result.transcript for result in results if isinstance(result, TranscribeDone)]


def test_without_a_script_the_transcript_tells_the_length() -> None:
    assert list(transcriber().transcribe(UTTERANCE, Cancel())) == [TranscribeDone("1.2 seconds of audio", 1.2)]


def test_transcripts_come_in_order_and_begin_again() -> None:
    model = transcriber(transcripts=["one", {"say": "two"}])
    assert [heard(model) for _ in range(3)] == [["one"], ["two"], ["one"]]


def test_a_cancelled_transcription_is_not_counted() -> None:
    model = transcriber(transcripts=["one", "two"])
    cancel = Cancel()
    cancel.set()
    assert heard(model, cancel) == []
    assert heard(model) == ["one"]


def test_a_cancel_ends_the_delay() -> None:
    model = transcriber(delay_ms=3_600_000)
    cancel = Cancel()
    thread = threading.Thread(target=heard, args=(model, cancel))
    thread.start()
    cancel.set()
    thread.join(60)
    assert not thread.is_alive()


def test_a_transcription_fails_as_scripted_and_only_once() -> None:
    model = transcriber(transcripts=[{"fail": {"message": "Damaged.", "code": "audio_unintelligible"}}, "two"])
    with pytest.raises(ModelFailure, match=r"Damaged\.") as caught:
        heard(model)
    assert (caught.value.code, caught.value.type) == ("audio_unintelligible", "server_error")
    assert heard(model) == ["two"]


def test_deltas_are_the_transcript_and_log_probabilities_come_when_asked_for() -> None:
    model = transcriber(transcripts=["one two  three"], deltas=True)
    request = TranscribeRequest(bytes(320), 16000, language="en", logprobs=True)
    *deltas, done = model.transcribe(request, Cancel())
    assert deltas == [TranscribeDelta(word, ((word, 0.0),)) for word in ("one", " two", "  three")]
    assert done == TranscribeDone("one two  three", 0.01, "en", (("one", 0.0), (" two", 0.0), ("  three", 0.0)))


def test_every_character_takes_its_time() -> None:
    pieces = list(voice(ms_per_character=50).speak(SpeakRequest("Hello", "alloy"), Cancel()))
    assert [piece.size for piece in pieces] == [2400, 2400, 1200]
    faster = list(voice(ms_per_character=50).speak(SpeakRequest("Hello", "alloy", speed=2.0), Cancel()))
    assert sum(piece.size for piece in faster) == 3000


def test_the_tone_is_the_same_on_every_run_and_has_no_seams() -> None:
    first = np.concatenate(list(voice().speak(SpeakRequest("Hello", "alloy"), Cancel())))
    whole = np.concatenate(list(voice(piece_ms=1000).speak(SpeakRequest("Hello", "alloy"), Cancel())))
    assert first.dtype == np.float32
    assert np.array_equal(first, whole)
    assert 0.29 < np.abs(first).max() <= 0.3


def test_silence_is_silent() -> None:
    assert not np.concatenate(list(voice(sound="silence").speak(SpeakRequest("Hi", "alloy"), Cancel()))).any()


def test_a_cancel_ends_the_speech() -> None:
    cancel = Cancel()
    pieces = voice().speak(SpeakRequest("Hello there", "alloy"), cancel)
    next(pieces)
    cancel.set()
    assert list(pieces) == []


def test_every_voice_has_its_tone() -> None:
    settings = ScriptedVoiceSettings(voices={"ash": 100, "sage": 400})
    assert settings.voice_names == {"ash", "sage"}
    assert ScriptedVoiceSettings().voice_names is None
    for name, hertz in settings.voices.items():
        sound = np.concatenate(
            list(ScriptedVoice(settings).speak(SpeakRequest("Twenty letters, yes.", name), Cancel()))
        )
        assert np.abs(np.fft.rfft(sound)).argmax() * 24000 / len(sound) == hertz


def test_a_clause_fails_as_scripted() -> None:
    model = voice(fail=[{"match": "bad", "message": "No voice.", "code": "voice_gone"}])
    assert list(model.speak(SpeakRequest("good", "alloy"), Cancel()))
    with pytest.raises(ModelFailure, match=r"No voice\."):
        list(model.speak(SpeakRequest("a BAD word", "alloy"), Cancel()))


def test_a_pattern_that_is_no_regular_expression_is_found_at_once() -> None:
    with pytest.raises(ValidationError, match="not a regular expression"):
        voice(fail=[{"match": "(", "message": "x"}])
