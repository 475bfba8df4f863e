"""What the tests of all adapters of endpoints need."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.models.endpoint import Server, serving


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server
