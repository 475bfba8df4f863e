"""What every test can rely on: no keys and no settings of the machine it runs on, and no clock in generated tests."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

FOREIGN_VARIABLES = (
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "RTENGINE_API_KEY",
    "CHAT_BASE_URL",
    "CHAT_MODEL",
    "CHAT_API_KEY",
)

# A deadline would make tests depend on the machine's speed.
settings.register_profile("rtengine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("rtengine")


@pytest.fixture(autouse=True)
def no_foreign_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in FOREIGN_VARIABLES:
        monkeypatch.delenv(name, raising=False)
