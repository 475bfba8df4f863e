"""The parts of a profile that say who may use the server, how much, and what it costs."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from rtengine.profile.settings import KeyLimits, Settings

KeyName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]

SHORTEST = 12
"""Characters of a key."""

Price = Annotated[float, Field(ge=0)]


def _sendable(key: SecretStr) -> SecretStr:
    text = key.get_secret_value()
    if len(text) < SHORTEST or not all("!" <= character <= "~" for character in text) or text.startswith("ek_"):
        raise ValueError(f"should be {SHORTEST} or more visible ASCII characters, and not begin with ek_")
    return key


class KeySettings(Settings):
    """One API key. Its name, never the key itself, is what logs and counters show."""

    key: Annotated[SecretStr, AfterValidator(_sendable)] = Field(
        description="The key: a reference to an environment variable, `${NAME}`"
    )
    limits: KeyLimits = Field(
        default_factory=KeyLimits, description="What this key may use, where it differs from `limits.per_key`"
    )


class Prices(Settings):
    """What usage costs, per million tokens and per minute. A price of 0 is not told."""

    currency: str = Field("USD", pattern=r"^[A-Z]{3}$", description="ISO 4217 code of all prices")
    input_text: Price = Field(0, description="Per million text tokens read")
    input_text_cached: Price = Field(0, description="Per million text tokens read from the model's cache")
    input_audio: Price = Field(0, description="Per million audio tokens heard: one per 100 ms")
    input_image: Price = Field(0, description="Per million image tokens seen")
    output_text: Price = Field(0, description="Per million text tokens written")
    output_audio: Price = Field(0, description="Per million audio tokens spoken: one per 50 ms")
    transcription_minute: Price = Field(0, description="Per minute of audio put into words")

    @property
    def any(self) -> bool:
        """Whether anything has a price."""
        return any(value for name, value in self if name != "currency")
