"""Whether the token counts of a response add up."""

from __future__ import annotations

from typing import Any


def check_sums(usage: dict[str, Any]) -> None:
    read, written = usage["input_token_details"], usage["output_token_details"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert usage["input_tokens"] == read["text_tokens"] + read["audio_tokens"] + read["image_tokens"]
    assert usage["output_tokens"] == written["text_tokens"] + written["audio_tokens"]
    cached = read["cached_tokens_details"]
    assert read["cached_tokens"] == sum(cached.values())
    assert all(cached[kind] <= read[kind] for kind in ("text_tokens", "audio_tokens", "image_tokens"))
