from __future__ import annotations

import json
import logging
import os
import sys

import pytest

from rtengine.pipeline.dora.native import STDOUT, logged_output, sentence

pytestmark = pytest.mark.unit


def test_what_native_code_writes_goes_to_the_log_and_what_python_prints_to_the_terminal(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    before = sys.stdout
    with caplog.at_level(logging.DEBUG, "rtengine.dora.native"):
        with logged_output():
            print("is ready")
            os.write(STDOUT, b"something else\n\n")
            print("still here")
        os.write(STDOUT, b"after\n")
    assert sys.stdout is before
    assert capfd.readouterr().out == "is ready\nstill here\nafter\n"
    assert caplog.messages == ["something else"]


def test_a_line_of_dora_is_told_without_the_state_it_was_written_in() -> None:
    line = {"level": "WARN", "fields": {"message": "Scouting"}, "target": "zenoh::net", "span": {"long": "x" * 9000}}
    assert sentence(json.dumps(line)) == "zenoh::net: Scouting"
    assert sentence('["no", "object"]\n') == '["no", "object"]'
