"""A self-hosted server for voice agents that speaks the OpenAI Realtime API and runs its lifecycles from YAML."""

__version__ = "0.1.0"
