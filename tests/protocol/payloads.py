"""The payloads in `examples/`: at least one of every event, as the API's documents and captures have them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parent / "examples"


def payloads(side: str) -> dict[str, dict[str, Any]]:
    """Every payload of ``client`` or ``server``, by the name of its file without the ending."""
    return {path.stem: json.loads(path.read_text("utf-8")) for path in sorted((_ROOT / side).glob("*.json"))}


SERVER = payloads("server")
CLIENT = payloads("client")
