"""What a session has used and costs, as the log tells it."""

from __future__ import annotations

from typing import Any

import pytest

from rtengine.models.jobs import GenerateText, TranscribeDone
from rtengine.observe.account import Account
from rtengine.profile.access import Prices

pytestmark = pytest.mark.unit

PRICES = Prices(
    currency="EUR",
    input_text=4,
    input_text_cached=0.4,
    input_audio=32,
    input_image=5,
    output_text=16,
    output_audio=64,
    transcription_minute=0.006,
)


def done(**tokens: int) -> dict[str, Any]:
    count = {name: tokens.get(name, 0) for name in ("text", "cached", "audio", "image", "written", "spoken")}
    usage = {
        "input_token_details": {
            "text_tokens": count["text"],
            "audio_tokens": count["audio"],
            "image_tokens": count["image"],
            "cached_tokens_details": {"text_tokens": count["cached"]},
        },
        "output_token_details": {"text_tokens": count["written"], "audio_tokens": count["spoken"]},
    }
    return {"type": "response.done", "response": {"usage": usage}}


def filled() -> Account:
    account = Account()
    account.sent({"type": "session.created"})
    account.sent({"type": "input_audio_buffer.committed"})
    account.sent(done(text=1000, cached=600, audio=100, written=50, spoken=200))
    account.sent(done(text=2000, image=85, written=10))
    account.result(TranscribeDone("Hello.", 30.0))
    account.result(GenerateText("Hi"))
    return account


def test_a_session_is_summed_up() -> None:
    assert filled().summary(Prices()) == {
        "turns": 1,
        "responses": 2,
        "input_tokens": 3185,
        "cached_tokens": 600,
        "output_tokens": 260,
        "heard_seconds": 30.0,
        "spoken_seconds": 10.0,
    }


def test_prices_make_a_cost() -> None:
    million = (2400 * 4 + 600 * 0.4 + 100 * 32 + 85 * 5 + 60 * 16 + 200 * 64) / 1e6
    assert filled().cost(PRICES) == pytest.approx(million + 0.5 * 0.006)
    told = filled().summary(PRICES)
    assert (told["cost"], told["currency"]) == (round(million + 0.003, 6), "EUR")


def test_accounts_add_up() -> None:
    total = Account()
    total.add(filled())
    total.add(filled())
    assert total.cost(PRICES) == pytest.approx(2 * filled().cost(PRICES))
    assert (total.turns, total.responses) == (2, 4)


def test_a_response_without_usage_counts_as_a_response_alone() -> None:
    account = Account()
    account.sent({"type": "response.done", "response": {"usage": None}})
    assert (account.responses, account.cost(PRICES)) == (1, 0)
