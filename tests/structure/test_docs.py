"""The pages that are made from the code are those of the code, and the errors have the words of the API."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from rtengine.models.jobs import Job, SpeakAudio, SpeakDone, SpeakRequest, ToolDone, ToolRequest
from rtengine.models.ports import Cancel
from rtengine.profile.load import load_profile
from rtengine.protocol.codes import CODES
from rtengine.session.functions import PLAIN
from rtengine.session.vocabulary import MEANINGS, VOCABULARY
from rtengine.tools.box import Toolbox
from rtengine_cli import vocabulary
from rtengine_cli.errors import page

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]


def plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def test_the_table_of_errors_is_current() -> None:
    kept = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
    assert kept == page(), "run `make docs`: there are other errors now"


def test_the_words_of_machine_files_are_current() -> None:
    kept = (ROOT / "docs/vocabulary.md").read_text(encoding="utf-8")
    assert kept == vocabulary.page(), "run `make docs`: machine files have other words now"


def test_every_word_of_machine_files_says_what_it_is_for() -> None:
    said = {**VOCABULARY.functions, **VOCABULARY.pure, **VOCABULARY.actions}
    assert [name for name, word in said.items() if not word.__doc__] == []
    assert set(PLAIN) == {name for name, function in VOCABULARY.pure.items() if function.__module__ == "builtins"}
    sent = [f"{name}.{event}" for name, service in VOCABULARY.services.items() for event in service.events]
    assert sorted(MEANINGS) == sorted([*VOCABULARY.host, *VOCABULARY.services, *sent])


@pytest.mark.parametrize(
    "words",
    [
        "Conversation already has an active response in progress: *ctx.active*. Wait until the response is finished ",
        "`response_cancel_not_active` | `invalid_request_error` | Cancellation failed: no active response found",
        "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, but buffer only has ",
        "`cannot_update_voice` | `invalid_request_error` | Cannot update a conversation's voice if assistant audio is",
        "Error deleting item: the item with id *event.item_id* does not exist.",
        "Error retrieving item: the item with id *event.item_id* does not exist.",
        "Error truncating item: the item with id *event.item_id* does not exist.",
        "Error adding item: the previous item with id *event.previous_item_id* does not exist.",
        "`unsupported_content_type` | `invalid_request_error` | Only model output audio messages can be truncated",
        "`session_expired` | `invalid_request_error` | Your session hit the maximum duration of *",
        "`rate_limit_exceeded` | `rate_limit_error` | Rate limit reached on *spent_limit.name* per minute",
        "| Tool call ID *event.item.call_id* not found in conversation.",
        "`item_create_duplicate_item_id` | ",
        "`invalid_api_key` | `invalid_request_error` | Incorrect API key provided: *key*. |  | 401 | 3000",
    ],
)
def test_an_error_has_the_words_of_the_api(words: str) -> None:
    assert words in plain(page())


def test_every_error_of_the_table_can_come_about() -> None:
    sources = "\n".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "engine").rglob("*.py") if path.name != "codes.py"
    )
    built = {f"{kind}_{bound}" for kind in ("integer", "decimal") for bound in ("below_min_value", "above_max_value")}
    assert [name for name in CODES if name not in built and f'"{name}"' not in sources] == []


def test_the_profile_on_the_page_about_access_loads(tmp_path: Path) -> None:
    shown = re.findall(r"^```yaml\n(.*?)^```$", (ROOT / "docs/access.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    path = tmp_path / "shown.yaml"
    path.write_text("profile: shown\nversion: 1\nextends: scripted\n" + "\n".join(shown), encoding="utf-8")
    profile = load_profile(path, {"PHONE_KEY": "sk-phone-0123456789", "DESK_KEY": "sk-desk-0123456789"})
    assert (set(profile.keys), profile.prices.any) == ({"phone", "desk"}, True)
    assert profile.limits.per_key.sessions == 8


def test_the_profiles_on_the_page_about_models_load(tmp_path: Path) -> None:
    voices, shown = re.findall(
        r"^```yaml\n(.*?)^```$", (ROOT / "docs/models.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    (tmp_path / "voices.yaml").write_text(voices, encoding="utf-8")
    embedded = load_profile(tmp_path / "voices.yaml", {})
    assert getattr(embedded.models["voice"].settings, "voice_names", None) == {"clerk", "guest"}
    (tmp_path / "my-models.yaml").write_text(shown, encoding="utf-8")
    profile = load_profile(tmp_path / "my-models.yaml", {})
    assert {kind: adapter.name for kind, adapter in profile.models.items() if kind != "vad"} == {
        "transcriber": "openai",
        "chat": "openai",
        "voice": "openai",
    }


def test_the_profile_and_the_tool_on_the_page_about_tools_work(tmp_path: Path) -> None:
    text = (ROOT / "docs/tools.md").read_text("utf-8")
    (profile,) = re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (code,) = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (tmp_path / "house.yaml").write_text(profile, encoding="utf-8")
    (tmp_path / "lights.py").write_text(code, encoding="utf-8")
    loaded = load_profile(tmp_path / "house.yaml", {"WEATHER_KEY": "sk-weather"})
    box = Toolbox(loaded.tools, loaded.mcp_hosts)
    try:
        assert (set(box.catalog.functions), set(box.catalog.servers)) == ({"switch_light", "get_weather"}, {"calendar"})
        request = ToolRequest("switch_light", '{"room": "hall", "on": true}')
        assert list(box.run(request, Cancel())) == [ToolDone("The light in the hall is on now.")]
    finally:
        box.close()


def test_the_voice_on_the_page_about_the_dataflow_speaks() -> None:
    (code,) = re.findall(
        r"^```python\n(.*?)^```$", (ROOT / "docs/dataflow.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    names: dict[str, Any] = {"__name__": "hum"}
    exec(code, names)
    job = Job("job_1", "sess_1", SpeakRequest("Two words", "marin", speed=2.0))
    *audio, done = names["SpeakStage"](names["Hum"]()).handle(job, Cancel())
    assert done == SpeakDone()
    assert sum(chunk.duration_ms for chunk in audio if isinstance(chunk, SpeakAudio)) == pytest.approx(200)
