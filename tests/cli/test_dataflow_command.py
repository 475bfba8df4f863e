from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rtengine.pipeline.benchmark import Measurement, percentile
from rtengine.pipeline.dora.dataflow import read
from rtengine.pipeline.dora.host import DoraHost
from rtengine.pipeline.local import LocalHost
from rtengine.profile.load import load_profile
from rtengine.server.app import pipeline_host
from rtengine.source.finding import FileError
from rtengine_cli.bench_pipeline import table
from rtengine_cli.main import app
from rtengine_cli.run import PipelineName, with_pipeline

pytestmark = pytest.mark.unit


def test_the_dataflow_of_a_profile_is_written_to_a_file_that_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "flow.yml"
    result = CliRunner().invoke(app, ["dataflow", "scripted", "--out", str(path)])
    assert result.exit_code == 0
    assert set(read(path).replicas) == {"transcribe", "generate", "speak"}


def test_without_a_file_the_dataflow_is_printed() -> None:
    result = CliRunner().invoke(app, ["dataflow", "text"])
    assert result.exit_code == 0
    assert "id: generate" in result.output
    assert "id: speak" not in result.output


def test_options_of_run_decide_over_the_profile(tmp_path: Path) -> None:
    profile = load_profile("scripted")
    dora = replace(profile, pipeline=profile.pipeline.model_copy(update={"host": "dora"}))
    assert isinstance(pipeline_host(with_pipeline(dora, PipelineName.local, None)), LocalHost)
    assert isinstance(pipeline_host(with_pipeline(profile, PipelineName.dora, None)), DoraHost)
    flow = tmp_path / "flow.yml"
    assert with_pipeline(profile, None, flow).pipeline.host == "dora"
    assert with_pipeline(profile, None, flow).pipeline.dataflow == str(flow)
    assert with_pipeline(dora, None, None).pipeline == dora.pipeline


def test_a_dataflow_does_not_run_locally(tmp_path: Path) -> None:
    path = tmp_path / "flow.yml"
    path.touch()
    result = CliRunner().invoke(app, ["run", "--pipeline", "local", "--dataflow", str(path)])
    assert result.exit_code == 2


def test_the_hosts_stand_side_by_side_with_their_ratio() -> None:
    local = Measurement(hops=[1.0, 2.0, 3.0], first_audio=[1.0], cpu_ms=2.0, start_ms=10.0, messages=100, seconds=1.0)
    dora = Measurement(hops=[4.0, 4.0, 9.0], first_audio=[2.0], cpu_ms=6.0, start_ms=30.0, messages=100, seconds=2.0)
    lines = {line[:22].strip(): line[22:].split() for line in table(local, dora).splitlines()}
    assert lines["hop p50, ms"] == ["2.00", "4.00", "2.00"]
    assert lines["CPU of a turn, ms"] == ["2.0", "6.0", "3.00"]
    assert lines["lost"] == ["0", "0"]


def test_percentiles_of_nothing_are_nothing() -> None:
    assert percentile([], 0.5) == 0.0
    assert percentile([3.0, 1.0, 2.0], 0.99) == 3.0


HOUSE = """
profile: house
version: 1
extends: openai-compatible
models: {chat: {base_url: "${HOUSE_URL}", api_key: "${HOUSE_KEY}"}}
server: {port: "${HOUSE_PORT}"}
keys: {phone: {key: "${HOUSE_PHONE}"}}
tools:
  - name: weather
    run: {http: {url: https://weather.example, headers: {Authorization: "Bearer ${HOUSE_WEATHER}"}}}
pipeline: {workers: {speak: "${HOUSE_WORKERS}"}}
"""


def test_a_dataflow_is_written_without_the_secrets_of_the_profile(tmp_path: Path) -> None:
    path = tmp_path / "house.yaml"
    path.write_text(HOUSE, encoding="utf-8")
    missing = CliRunner().invoke(app, ["dataflow", str(path)])
    assert isinstance(missing.exception, FileError)
    assert [finding.path for finding in missing.exception.findings] == [("pipeline", "workers", "speak")]
    result = CliRunner().invoke(app, ["dataflow", str(path)], env={"HOUSE_WORKERS": "4"})
    assert result.exit_code == 0, result.exception
    assert [f"id: {stage}" in result.output for stage in ("transcribe", "generate", "speak")] == [True] * 3


def test_a_mistake_in_the_profile_is_told_as_ever(tmp_path: Path) -> None:
    path = tmp_path / "house.yaml"
    path.write_text(HOUSE.replace("tools:", "tols:"), encoding="utf-8")
    result = CliRunner().invoke(app, ["dataflow", str(path)], env={"HOUSE_WORKERS": "4"})
    assert isinstance(result.exception, FileError)
    assert [finding.path for finding in result.exception.findings] == [("tols",)]
