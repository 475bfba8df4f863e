"""Token counts. Text is counted by the chat model; audio by the API's own rule of thumb."""

from __future__ import annotations

from dataclasses import dataclass

from rtengine.protocol.usage import CachedTokensDetails, InputTokenDetails, OutputTokenDetails, Usage

USER_MS_PER_TOKEN = 100
"""One token for every 100 ms of the user's audio."""
ASSISTANT_MS_PER_TOKEN = 50


@dataclass(slots=True)
class Tally:
    """What one response has used so far."""

    input_text: int = 0
    input_audio: int = 0
    cached: int = 0
    output_text: int = 0
    output_audio_ms: float = 0.0

    def usage(self) -> Usage:
        output_audio = round(self.output_audio_ms / ASSISTANT_MS_PER_TOKEN)
        incoming = self.input_text + self.input_audio
        outgoing = self.output_text + output_audio
        cached = min(self.cached, self.input_text)
        return Usage(
            total_tokens=incoming + outgoing,
            input_tokens=incoming,
            output_tokens=outgoing,
            input_token_details=InputTokenDetails(
                text_tokens=self.input_text,
                audio_tokens=self.input_audio,
                cached_tokens=cached,
                cached_tokens_details=CachedTokensDetails(text_tokens=cached),
            ),
            output_token_details=OutputTokenDetails(text_tokens=self.output_text, audio_tokens=output_audio),
        )


def estimated_tokens(text: str) -> int:
    """A guess for text that no model has counted: four characters a token."""
    return (len(text) + 3) // 4
