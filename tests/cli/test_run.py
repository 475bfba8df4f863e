"""``rtengine run`` as a program starts it: what it says, and where."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

pytestmark = pytest.mark.end_to_end


@contextmanager
def run(*options: str, profile: str | Path = "scripted") -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "rtengine_cli", "run", "--port", "0", "--log-format", "json"]
    process = subprocess.Popen(
        [*command, "--profile", str(profile), *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def until(process: subprocess.Popen[str], message: str) -> list[dict[str, Any]]:
    """The lines of the log up to this one, each of which has to be JSON."""
    assert process.stderr is not None
    lines: list[dict[str, Any]] = []
    while not lines or lines[-1]["message"] != message:
        line = process.stderr.readline()
        assert line, "the server has ended"
        lines.append(json.loads(line))
    return lines


def test_a_log_for_machines_says_in_one_line_that_the_server_is_ready_and_where() -> None:
    with run("--inspect-remote") as process:
        ready = until(process, "ready")[-1]
        assert ready["url"] == f"http://127.0.0.1:{ready['port']}"
        assert ready["profile"] == "scripted"
        page, _, token = ready["inspect"].partition("#")
        assert page == f"{ready['url']}/inspect" and len(token) > 16
        with urlopen(f"{ready['url']}/readyz", timeout=60) as response:
            assert response.status == 200
        process.terminate()
        until(process, "server stopped")
        assert process.stdout is not None
        assert process.stdout.read() == ""


def test_the_level_of_the_log_does_not_hide_where_the_server_is() -> None:
    with run("--log-level", "error") as process:
        (only,) = until(process, "ready")
        assert only["port"] > 0


def test_without_the_live_view_the_line_has_no_address_of_it() -> None:
    with run() as process:
        assert "inspect" not in until(process, "ready")[-1]
