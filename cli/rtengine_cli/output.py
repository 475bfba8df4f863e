"""Files that commands write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rtengine.errors import RtengineError


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raises RtengineError where the block cannot write the file."""
    try:
        yield
    except OSError as error:
        raise RtengineError(f"{str(path)!r} cannot be written: {error.strerror or error}") from None
