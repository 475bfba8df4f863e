"""Client secrets over HTTP, with the sessions of a real profile behind them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from openai.types.beta.realtime import SessionCreateResponse as BetaSessionCreateResponse
from openai.types.beta.realtime import TranscriptionSession as BetaTranscriptionSession
from openai.types.realtime import ClientSecretCreateResponse
from tests.server.fakes import Running, event, running
from tests.session.machines import MACHINES
from websockets.exceptions import ConnectionClosed

from rtengine.models import registry
from rtengine.profile.load import Profile, load_profile
from rtengine.server.app import Sessions
from rtengine.server.client_secrets import ClientSecrets
from rtengine.server.keys import Keyring
from rtengine.server.rates import Rates
from rtengine.server.secrets import Secrets

pytestmark = pytest.mark.end_to_end

KEY = "sk-desk-0123456789"
HEAD = "profile: mine\nversion: 1\nextends: scripted\n"
KEYS = "keys: {desk: {key: '${DESK_KEY}'}}\n"


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class World:
    def __init__(self, server: Running, clock: Clock) -> None:
        self.server = server
        self.clock = clock

    async def post(self, path: str, body: Any, key: str | None = KEY) -> tuple[int, Any, dict[str, str]]:
        text = body if isinstance(body, str) else json.dumps(body)
        port = self.server.server.port
        head = f"POST /v1/realtime/{path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {len(text)}\r\n"
        head += f"Authorization: Bearer {key}\r\n" if key else ""
        status, headers, answer = await self.server.http(f"{head}\r\n{text}")
        return status, json.loads(answer), headers

    async def mint(self, body: Any, path: str = "client_secrets") -> Any:
        status, answer, headers = await self.post(path, body)
        assert status == 200, answer
        assert headers["cache-control"] == "no-store"
        return answer

    async def error(self, body: Any, path: str = "client_secrets", status: int = 400) -> dict[str, Any]:
        found, answer, _ = await self.post(path, body)
        assert found == status, answer
        told: dict[str, Any] = answer["error"]
        return told

    async def first(self, secret: str, path: str = "/v1/realtime", **settings: Any) -> dict[str, Any]:
        protocols = ["realtime", f"openai-insecure-api-key.{secret}", *settings.pop("subprotocols", ())]
        async with self.server.connect(path, subprotocols=protocols, **settings) as client:
            return await event(client)

    async def closing(self, path: str, secret: str = KEY) -> tuple[str, int]:
        async with self.server.connect(path, additional_headers={"Authorization": f"Bearer {secret}"}) as client:
            error = await event(client)
            with pytest.raises(ConnectionClosed) as caught:
                await client.recv()
            assert error["type"] == "error" and caught.value.rcvd is not None
            return error["error"]["code"], caught.value.rcvd.code


def sessions_of(profile: Profile) -> Sessions:
    vad = profile.models["vad"]
    detector = registry.load("vad", vad.name, vad.settings, lambda step: None)
    return Sessions(profile, MACHINES, detector)


@asynccontextmanager
async def world(tmp_path: Path, text: str = KEYS) -> AsyncIterator[World]:
    path = tmp_path / "mine.yaml"
    path.write_text(HEAD + text, encoding="utf-8")
    profile = load_profile(path, {"DESK_KEY": KEY})
    clock = Clock()
    secrets = Secrets(profile.server.secrets, clock)
    sessions = sessions_of(profile)
    keyring = Keyring(profile.keys, profile.limits.per_key, Rates(), secrets)
    routes = ClientSecrets(keyring, secrets, sessions.proposed).routes()
    async with running(factory=sessions, routes=routes, keyring=keyring) as server:
        yield World(server, clock)


async def test_a_secret_carries_its_session_to_the_browser(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        session = {"type": "realtime", "model": "nice", "instructions": "Be brief.", "output_modalities": ["text"]}
        minted = await here.mint({"session": session, "expires_after": {"anchor": "created_at", "seconds": 30}})
        ClientSecretCreateResponse.model_validate(minted, strict=True)
        assert minted["expires_at"] == here.clock.now + 30
        assert minted["session"] | session == minted["session"]
        assert minted["session"]["expires_at"] == 0
        assert minted["session"]["id"].startswith("sess_")
        began = (await here.first(minted["value"]))["session"]
        for own in ("id", "expires_at"):
            assert began.pop(own) != minted["session"].pop(own)
        assert began == minted["session"]
        assert (await here.first(minted["value"], "/v1/realtime?model=other"))["session"]["model"] == "other"
        here.clock.now += 30
        assert await here.closing("/v1/realtime?model=m", minted["value"]) == ("invalid_api_key", 3000)


@pytest.mark.parametrize("body", ["", "{}", {"session": None, "expires_after": None}])
async def test_a_secret_may_stand_for_the_profiles_own_session(tmp_path: Path, body: Any) -> None:
    async with world(tmp_path) as here:
        minted = await here.mint(body)
        assert minted["expires_at"] == here.clock.now + 600
        assert minted["session"]["model"] == "mine"
        assert (await here.first(minted["value"]))["session"]["audio"] == minted["session"]["audio"]


async def test_a_client_may_override_what_its_secret_says(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        minted = await here.mint({"session": {"type": "realtime", "instructions": "Be brief."}})
        async with here.server.connect("/v1/realtime", additional_headers={"api-key": minted["value"]}) as client:
            await event(client)
            await client.send('{"type": "session.update", "session": {"type": "realtime", "instructions": "Be long."}}')
            assert (await event(client))["session"]["instructions"] == "Be long."


async def test_a_secret_for_transcription_opens_such_a_session(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        session = {"type": "transcription", "audio": {"input": {"turn_detection": None}}}
        minted = await here.mint({"session": session})
        ClientSecretCreateResponse.model_validate(minted, strict=True)
        for path in ("/v1/realtime", "/v1/realtime?intent=transcription"):
            began = (await here.first(minted["value"], path))["session"]
            assert (began["type"], began["audio"]["input"]["turn_detection"]) == ("transcription", None)
        spoken = await here.mint({"session": {"type": "realtime"}})
        assert await here.closing("/v1/realtime?intent=transcription", spoken["value"]) == ("invalid_value", 4000)


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"expires_after": {"seconds": 9}}, "integer_below_min_value", "expires_after.seconds"),
        ({"expires_after": {"seconds": 7201}}, "integer_above_max_value", "expires_after.seconds"),
        ({"expires_after": {"anchor": "now"}}, "invalid_value", "expires_after.anchor"),
        ({"expires_at": {}}, "unknown_parameter", "expires_at"),
        ({"session": []}, "invalid_type", "session"),
        ({"session": {}}, "missing_required_parameter", "session.type"),
        ({"session": {"type": "real"}}, "invalid_value", "session.type"),
        ({"session": {"type": "realtime", "voice": "ash"}}, "unknown_parameter", "session.voice"),
        ({"session": {"type": "realtime", "model": 5}}, "invalid_type", "session.model"),
        (
            {"session": {"type": "realtime", "output_modalities": ["audio", "text"]}},
            "invalid_value",
            "session.output_modalities",
        ),
        # a rule of the machines: no model here has it
        ({"session": {"type": "realtime", "reasoning": {"effort": "low"}}}, "invalid_value", "session.reasoning"),
        ([], "invalid_type", None),
        ("{", "invalid_json", None),
    ],
)
async def test_what_a_session_could_not_begin_with_is_refused(
    tmp_path: Path, body: Any, code: str, param: str | None
) -> None:
    async with world(tmp_path) as here:
        error = await here.error(body)
        assert (error["type"], error["code"], error["param"]) == ("invalid_request_error", code, param)


async def test_only_a_key_mints_secrets(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        minted = await here.mint({})
        for key in (None, "sk-wrong-0123456789", minted["value"]):
            assert (await here.post("client_secrets", {}, key))[0] == 401


async def test_there_are_as_many_secrets_as_the_profile_allows(tmp_path: Path) -> None:
    async with world(tmp_path, KEYS + "server: {secrets: 1}\n") as here:
        await here.mint({})
        error = await here.error({}, status=429)
        assert (error["type"], error["code"]) == ("rate_limit_error", "rate_limit_exceeded")


async def test_only_the_models_of_the_profile_are_served(tmp_path: Path) -> None:
    async with world(tmp_path, KEYS + "server: {models: [nice, nicer]}\n") as here:
        assert await here.closing("/v1/realtime?model=other") == ("invalid_model", 4000)
        assert await here.closing("/v1/realtime") == ("missing_model", 4000)
        error = await here.error({"session": {"type": "realtime", "model": "other"}})
        assert (error["code"], error["param"]) == ("invalid_model", "session.model")
        minted = await here.mint({})
        assert (await here.first(minted["value"]))["session"]["model"] == "nice"


# --- the beta -------------------------------------------------------------------------------------------------------


async def test_the_beta_mints_a_secret_for_a_flat_session(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        body = {"model": "gpt-4o-realtime-preview", "voice": "ash", "temperature": 0.9, "modalities": ["text"]}
        minted = await here.mint(body, "sessions")
        BetaSessionCreateResponse.model_validate(minted, strict=True)
        assert minted | body == minted
        assert minted["client_secret"]["expires_at"] == here.clock.now + 60
        secret = minted["client_secret"]["value"]
        began = (await here.first(secret, subprotocols=["openai-beta.realtime-v1"]))["session"]
        assert began | body == began
        assert (await here.first(secret))["session"]["audio"]["output"]["voice"] == "ash"


async def test_the_beta_mints_a_secret_for_a_transcription(tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        body = {"input_audio_format": "g711_ulaw", "client_secret": {"expires_at": {"seconds": 100}}}
        minted = await here.mint(body, "transcription_sessions")
        BetaTranscriptionSession.model_validate(minted, strict=True)
        assert (minted["input_audio_format"], minted["modalities"]) == ("g711_ulaw", ["text"])
        assert minted["client_secret"]["expires_at"] == here.clock.now + 100


@pytest.mark.parametrize(
    ("path", "body", "code", "param"),
    [
        ("sessions", {"voices": "ash"}, "unknown_parameter", "voices"),
        ("sessions", {"output_modalities": ["text"]}, "unknown_parameter", "output_modalities"),
        ("sessions", {"input_audio_format": "mp3"}, "invalid_value", "input_audio_format"),
        ("sessions", {"temperature": 3}, None, "temperature"),
        ("sessions", {"instructions": 3}, "invalid_type", "instructions"),
        ("sessions", {"client_secret": {"expires_after": {"seconds": 1}}}, "integer_below_min_value", None),
        ("transcription_sessions", {"voice": "ash"}, "unknown_parameter", "voice"),
    ],
)
async def test_mistakes_are_told_in_the_words_of_the_beta(
    tmp_path: Path, path: str, body: Any, code: str | None, param: str | None
) -> None:
    async with world(tmp_path) as here:
        error = await here.error(body, path)
        assert error["code"] == (code or error["code"])
        assert error["param"] == (param or "client_secret.expires_after.seconds")
        assert "session." not in error["message"]
