"""Files of lines that cannot be written to their end."""

from __future__ import annotations

import io
import logging
from pathlib import Path
from typing import IO

import pytest

from rtengine.observe.writer import Writer, create

pytestmark = pytest.mark.unit


class Full(io.StringIO):
    """A file on a disk without room."""

    def flush(self) -> None:
        raise OSError(28, "No space left on device")

    def close(self) -> None:
        super().close()
        raise OSError(28, "No space left on device")


def test_a_file_that_was_given_up_does_not_stay_open(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    full, left_open = Full(), list[bool]()

    def made(path: Path) -> IO[str]:
        if path.name == "first":
            return full
        left_open.append(not full.closed)
        return create(path)

    monkeypatch.setattr("rtengine.observe.writer.create", made)
    writer = Writer(tmp_path, "record")
    with caplog.at_level(logging.ERROR):
        for name in ("first", "second"):
            file = writer.file(name, "journal")
            file.put("a line\n")
            file.close()
        writer.close()
    assert left_open == [False]
    assert (tmp_path / "second").read_text(encoding="utf-8") == "a line\n"
    assert [record.message for record in caplog.records] == ["journal broken off"]
