"""The measurements: that they count what they say, on a few recordings."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from rtengine.audio.activity import Edge
from rtengine_cli import bench, bench_edges, bench_turns, bench_vad, noisy_speech
from rtengine_cli.bench_turns import Heard, outcomes
from rtengine_cli.bench_vad import Score
from rtengine_cli.noisy_speech import RATE, RECORDINGS, Recording, Stream, mixed, noises, recordings

pytestmark = pytest.mark.unit

HEARD = Stream(np.zeros(0, np.int16), onset_ms=1000, end_ms=2000)


def edges(*told: tuple[str, float]) -> list[Edge]:
    return [Edge(kind, at) for kind, at in told]  # type: ignore[arg-type]


def test_an_utterance_that_is_found_scores_by_its_errors() -> None:
    score = Score()
    score.add(HEARD, edges(("speech", 1030), ("silence", 1990), ("ended", 2490)))
    assert score.fields() | {"cpu_us_per_append": 0} == {
        "utterances": 1,
        "onset_error_ms": 30,
        "end_error_ms": 10,
        "missed": 0,
        "unended": 0,
        "false_starts": 0,
        "cpu_us_per_append": 0,
    }


def test_a_start_before_the_voice_is_false_and_the_utterance_is_missed() -> None:
    score = Score()
    score.add(HEARD, edges(("speech", 300)))
    assert (score.missed, score.unended, score.false) == (1, 1, 1)


def test_noise_is_as_loud_as_it_is_said_to_be() -> None:
    tone = 8000 * np.sin(np.arange(RATE) * 2 * np.pi * 440 / RATE)
    spoken = Recording("tone", tone, 0, 1000)
    for name, noise in noises(4).items():
        stream = mixed(spoken, noise, 10)
        alone = stream.samples[: RATE - 100].astype(float)
        under = 10 * np.log10(spoken.power / np.mean(np.square(alone)))
        assert under == pytest.approx(10, abs=3 if name in ("keyboard", "music") else 0.5), name
        assert (stream.onset_ms, stream.end_ms) == (1000, 2000)


def test_the_detectors_are_measured_on_the_recordings(monkeypatch: pytest.MonkeyPatch) -> None:
    few = recordings(RECORDINGS)[:2]
    monkeypatch.setattr(bench_vad, "recordings", lambda folder: few)
    monkeypatch.setattr(bench_vad, "SNRS", (10,))
    monkeypatch.setattr(bench_vad, "NOISE_SECONDS", 5)
    done = CliRunner().invoke(bench.app, ["vad", "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)
    assert set(found) == {"silero", "webrtc"}
    for name in found:
        assert found[name]["clean"]["missed"] == found[name]["clean"]["false_starts"] == 0
        assert found[name]["clean"]["onset_error_ms"] < 50
        assert found[name]["white"]["utterances"] == 2
        assert found[name]["clean"]["cpu_us_per_append"] > 0
    shown = CliRunner().invoke(bench.app, ["vad"])
    assert "CPU: silero" in shown.output


def test_both_detectors_find_the_edges_of_the_recordings_in_every_condition() -> None:
    done = CliRunner().invoke(bench.app, ["edges", "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)
    for name in ("silero", "webrtc"):
        assert set(found[name]) == {condition.name for condition in bench_edges.CONDITIONS}
        for condition, kinds in found[name].items():
            for kind, row in kinds.items():
                assert row["edges"] == len(recordings(RECORDINGS))
                assert (row["within"], row["unheard"]) == (1, 0), (name, condition, kind, row)
                assert abs(row["median_ms"]) <= row["p95_ms"] <= row["worst_ms"] <= bench_edges.WITHIN_MS


def test_an_edge_that_was_not_heard_or_is_far_off_is_not_within() -> None:
    errors = bench_edges.Errors()
    for told in (1010.0, 960.0, 1300.0, None):
        errors.add(1000, told)
    assert errors.fields() | {"p95_ms": 0} == {
        "edges": 4,
        "within": 0.5,
        "median_ms": 10,
        "p95_ms": 0,
        "worst_ms": 300,
        "unheard": 1,
    }


def test_other_recordings_and_their_labels_may_be_given(tmp_path: Path) -> None:
    (tmp_path / "star.wav").write_bytes((RECORDINGS / "star_16k.wav").read_bytes())
    (tmp_path / "labels.yaml").write_text("star.wav: {onset_ms: 48, end_ms: 245}\n")
    done = CliRunner().invoke(bench.app, ["edges", "--recordings", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert "1 recordings" in done.output
    assert "0.0%" in done.output  # The end in these labels is wrong by half a second.


def test_a_folder_without_recordings_is_explained(tmp_path: Path) -> None:
    with pytest.raises(noisy_speech.RtengineError, match="no labelled recordings") as error:
        recordings(tmp_path)
    assert "labels.yaml" in error.value.hint


def test_turn_detections_are_told_apart_by_pauses_and_waits() -> None:
    whole = Heard([0.5, 0.2], transcribe_ms=[100.0], judge_ms=[40.0])
    cut = Heard([0.0, 0.2], transcribe_ms=[100.0], judge_ms=[40.0])
    rows = {row["turn_detection"]: row for row in outcomes("clean", whole, cut)}
    assert rows["server_vad 500 ms"]["answers_into_pause"] == 1
    assert rows["semantic_vad medium"]["answers_into_pause"] == 0.5
    assert rows["semantic_vad medium"]["wait_ms"] == 300
    assert rows["semantic_vad high"]["wait_ms"] == 100 + 40 + bench_turns.NOTICED_MS


@pytest.mark.models
def test_semantic_vad_waits_for_a_speaker_who_thinks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_turns, "SENTENCES", bench_turns.SENTENCES[2:8])
    monkeypatch.setattr(bench_turns, "SNRS", {"clean": None, "white": 20})
    done = CliRunner().invoke(bench.app, ["turns", "--json"])
    assert done.exit_code == 0, done.output
    rows = [row for row in json.loads(done.output) if row["turn_detection"].startswith("semantic")]
    assert len(rows) == 6
    assert all(row["answers_into_pause"] <= 0.4 and row["lost"] == 0 for row in rows)


def test_the_chart_is_measured_against_a_bare_table() -> None:
    done = CliRunner().invoke(bench.app, ["chart", "--events", "1000", "--json"])
    assert done.exit_code == 0, done.output
    costs = json.loads(done.output)
    assert costs["ratio"] == pytest.approx(costs["delta_us"] / costs["table_us"], abs=0.06)
    assert costs["unhandled_us"] < costs["delta_us"]
    assert "ratio" in CliRunner().invoke(bench.app, ["chart", "--events", "1000"]).output
