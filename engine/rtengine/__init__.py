"""A self-hosted server for voice agents that speaks the OpenAI Realtime API and runs its lifecycles from YAML."""

import os

__version__ = "0.1.0"

# ONNX Runtime, under the voice activity detector, else reports to its makers. It reads this when it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
