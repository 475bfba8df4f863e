"""What a session has used and what that costs, for the log. A pure observer of what it sends and is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from rtengine.models.jobs import Result, TranscribeDone
from rtengine.profile.access import Prices

MILLION = 1_000_000
AUDIO_SECONDS_PER_TOKEN = 0.05


@dataclass(slots=True)
class Account:
    """Counts of one session, or of several."""

    turns: int = 0
    """Turns of the user: committed audio."""
    responses: int = 0
    input_text: int = 0
    input_text_cached: int = 0
    """Part of ``input_text``."""
    input_audio: int = 0
    input_image: int = 0
    output_text: int = 0
    output_audio: int = 0
    transcribed_seconds: float = 0.0

    def sent(self, event: Mapping[str, Any]) -> None:
        """A server event, in the shape of the GA, has left."""
        kind = event["type"]
        if kind == "input_audio_buffer.committed":
            self.turns += 1
        elif kind == "response.done":
            self.responses += 1
            usage = event["response"].get("usage")
            if usage is not None:
                self._count(usage)

    def result(self, result: Result) -> None:
        """A job of the session has produced something. Words that were in vain count as well."""
        if isinstance(result, TranscribeDone):
            self.transcribed_seconds += result.seconds

    def add(self, other: Account) -> None:
        for entry in fields(self):
            setattr(self, entry.name, getattr(self, entry.name) + getattr(other, entry.name))

    def cost(self, prices: Prices) -> float:
        """In the currency of the prices."""
        counted = (
            (self.input_text - self.input_text_cached, prices.input_text),
            (self.input_text_cached, prices.input_text_cached),
            (self.input_audio, prices.input_audio),
            (self.input_image, prices.input_image),
            (self.output_text, prices.output_text),
            (self.output_audio, prices.output_audio),
        )
        tokens = sum(count * price for count, price in counted) / MILLION
        return tokens + self.transcribed_seconds / 60 * prices.transcription_minute

    def summary(self, prices: Prices) -> dict[str, object]:
        """Fields of a log line; ``cost`` where the profile has prices."""
        told: dict[str, object] = {
            "turns": self.turns,
            "responses": self.responses,
            "input_tokens": self.input_text + self.input_audio + self.input_image,
            "cached_tokens": self.input_text_cached,
            "output_tokens": self.output_text + self.output_audio,
            "heard_seconds": round(self.transcribed_seconds, 1),
            "spoken_seconds": round(self.output_audio * AUDIO_SECONDS_PER_TOKEN, 1),
        }
        if prices.any:
            told |= {"cost": round(self.cost(prices), 6), "currency": prices.currency}
        return told

    def _count(self, usage: Mapping[str, Any]) -> None:
        read, written = usage["input_token_details"], usage["output_token_details"]
        self.input_text += read["text_tokens"]
        self.input_text_cached += read["cached_tokens_details"]["text_tokens"]
        self.input_audio += read["audio_tokens"]
        self.input_image += read["image_tokens"]
        self.output_text += written["text_tokens"]
        self.output_audio += written["audio_tokens"]
