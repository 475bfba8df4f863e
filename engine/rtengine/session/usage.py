"""Token counts. Text is counted by the chat model; audio by the API's own rule of thumb, images by an estimate.

The chat model reads speech as words, so a spoken turn counts twice: as audio that was heard, and as text that was read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rtengine.models.jobs import GenerateDone
from rtengine.protocol.parts import InputImage
from rtengine.protocol.usage import CachedTokensDetails, InputTokenDetails, OutputTokenDetails, Usage
from rtengine.session.conversation import Record

USER_MS_PER_TOKEN = 100
"""One token for every 100 ms of the user's audio."""
ASSISTANT_MS_PER_TOKEN = 50

IMAGE_TOKENS = 765
LOW_IMAGE_TOKENS = 85
"""What an image counts: shown in full (1024 pixels square), or with ``detail: low``. Its true size is not looked at."""


@dataclass(slots=True)
class Tally:
    """What one response has used so far."""

    input_text: int = 0
    input_audio: int = 0
    input_image: int = 0
    cached: int = 0
    output_text: int = 0
    output_audio_ms: float = 0.0
    told: bool = False
    """The chat model has told its counts."""

    def read(self, text: int, records: Iterable[Record]) -> None:
        """The chat model is asked: it reads about ``text`` tokens, the words of ``records`` among them."""
        records = list(records)
        heard_ms = sum(record.clip.duration_ms for record in records if record.clip is not None)
        self.input_text = text
        self.input_audio = round(heard_ms / USER_MS_PER_TOKEN)
        self.input_image = sum(map(image_tokens, records))

    def counted(self, done: GenerateDone) -> None:
        """The chat model's own counts; one that tells none leaves the estimate. Images are part of what it has read."""
        if not (done.input_tokens or done.output_tokens):
            return
        self.told = True
        self.input_image = min(self.input_image, done.input_tokens)
        self.input_text = done.input_tokens - self.input_image
        self.cached = done.cached_tokens
        self.output_text = done.output_tokens

    def produced(self, records: Iterable[Record], *, failed: bool) -> None:
        """The response is over, with these items. One that failed before it brought anything has used nothing."""
        if self.told:
            return
        self.output_text = sum(estimated_tokens(record.text) for record in records)
        if failed and not self.output_text and not self.output_audio_ms:
            self.input_text = self.input_audio = self.input_image = 0

    def usage(self) -> Usage:
        output_audio = round(self.output_audio_ms / ASSISTANT_MS_PER_TOKEN)
        incoming = self.input_text + self.input_audio + self.input_image
        outgoing = self.output_text + output_audio
        cached = min(self.cached, self.input_text)
        return Usage(
            total_tokens=incoming + outgoing,
            input_tokens=incoming,
            output_tokens=outgoing,
            input_token_details=InputTokenDetails(
                text_tokens=self.input_text,
                audio_tokens=self.input_audio,
                image_tokens=self.input_image,
                cached_tokens=cached,
                cached_tokens_details=CachedTokensDetails(text_tokens=cached),
            ),
            output_token_details=OutputTokenDetails(text_tokens=self.output_text, audio_tokens=output_audio),
        )


def image_tokens(record: Record) -> int:
    images = [part for part in getattr(record.item, "content", ()) if isinstance(part, InputImage)]
    return sum(LOW_IMAGE_TOKENS if image.detail == "low" else IMAGE_TOKENS for image in images)


def estimated_tokens(text: str) -> int:
    """A guess for text that no model has counted: four characters a token."""
    return (len(text) + 3) // 4
