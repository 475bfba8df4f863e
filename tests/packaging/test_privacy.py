"""The engine keeps to itself: its libraries report to nobody."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.packaging


def test_the_libraries_leave_no_identifier_of_the_machine(tmp_path: Path) -> None:
    """ONNX Runtime's telemetry begins by writing one, into the home or the temporary directory."""
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environment |= {"HOME": str(tmp_path), "TMPDIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    hear = "from rtengine.audio.silero import SileroClassifier; SileroClassifier()"
    subprocess.run([sys.executable, "-c", hear], env=environment, check=True)
    assert os.listdir(tmp_path) == []
