"""Who comes in: API keys, client secrets, and how many sessions a key has."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import SecretStr
from tests.server.fakes import Running, event, running, until
from websockets.exceptions import ConnectionClosed

from rtengine.errors import RtengineError
from rtengine.profile.access import KeySettings
from rtengine.profile.settings import KeyLimits, ServerSettings
from rtengine.protocol.errors import APIError
from rtengine.protocol.session import RealtimeSession
from rtengine.server.keys import Keyring, check_exposure
from rtengine.server.rates import Rates
from rtengine.server.secrets import Secrets
from rtengine.server.visitor import ANYONE

pytestmark = pytest.mark.unit

PHONE, DESK = "sk-phone-0123456789", "sk-desk-0123456789"


def settings(key: str, **limits: Any) -> KeySettings:
    return KeySettings(key=SecretStr(key), limits=KeyLimits(**limits))


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def made(
    keys: dict[str, KeySettings] | None = None, per_key: KeyLimits | None = None, secrets: Secrets | None = None
) -> Keyring:
    if keys is None:
        keys = {"phone": settings(PHONE), "desk": settings(DESK, sessions=1)}
    return Keyring(keys, per_key or KeyLimits(sessions=2), Rates(), secrets or Secrets(10, Clock()))


def refused(keyring: Keyring, key: str | None) -> APIError:
    with pytest.raises(APIError) as caught:
        keyring.admit(key)
    return caught.value


def test_a_key_is_known_by_its_name() -> None:
    keyring = made()
    assert keyring.owner(PHONE) == "phone"
    assert keyring.admit(DESK).key == "desk"
    assert PHONE not in repr(vars(keyring))


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("sk-phone-012345678X", "Incorrect API key provided: sk-…678X."),
        (PHONE + "0", "Incorrect API key provided: sk-…7890."),
        ("short", "Incorrect API key provided: …."),
        ("\udcff" * 3, "Incorrect API key provided: …."),
        ("ek_" + "0" * 48, "Incorrect API key provided: ek_…0000."),
    ],
)
def test_a_wrong_key_is_refused_without_being_repeated(key: str, message: str) -> None:
    error = refused(made(), key)
    assert (error.message, error.code, error.close_code, error.status) == (message, "invalid_api_key", 3000, 401)


@pytest.mark.parametrize("key", [None, ""])
def test_no_key_is_told_so(key: str | None) -> None:
    error = refused(made(), key)
    assert error.message.startswith("You didn't provide an API key.")
    assert error.close_reason == "invalid_request_error.invalid_api_key"


@pytest.mark.parametrize("key", [None, "none", "sk-anything"])
def test_without_keys_everyone_is_anonymous(key: str | None) -> None:
    assert made({}).admit(key).key == ANYONE


def test_a_dead_secret_opens_nothing_even_where_no_key_is_asked_for() -> None:
    assert refused(made({}), "ek_unknown").code == "invalid_api_key"


def test_a_key_has_so_many_sessions_at_once() -> None:
    keyring = made()
    first = keyring.admit(PHONE)
    keyring.admit(PHONE)
    error = refused(keyring, PHONE)
    assert (error.code, error.close_code, error.status) == ("rate_limit_exceeded", 1013, 429)
    keyring.admit(DESK)
    assert "limit 1" in refused(keyring, DESK).message  # its own limit goes before that of all keys
    keyring.leave(first)
    assert keyring.admit(PHONE).key == "phone"


def test_limits_of_a_key_replace_those_of_all_keys_one_by_one() -> None:
    everyone = KeyLimits(requests_per_minute=5, tokens_per_minute=50)
    keys = {"a": settings(PHONE, tokens_per_minute=9), "b": settings(DESK, requests_per_minute=None)}
    keyring = made(keys, everyone)
    assert [(each.name, each.limit) for each in keyring.admit(PHONE).rates.left()] == [("requests", 5), ("tokens", 9)]
    assert [each.name for each in keyring.admit(DESK).rates.left()] == ["tokens"]


def test_a_secret_stands_for_its_key_until_it_expires() -> None:
    clock = Clock()
    secrets = Secrets(10, clock)
    keyring = made(secrets=secrets)
    session = RealtimeSession(instructions="Be brief.")
    value, secret = secrets.mint("desk", session, 60)
    assert value.startswith("ek_") and secret.expires_at == 1060
    visitor = keyring.admit(value)
    assert (visitor.key, visitor.session) == ("desk", session)
    assert refused(keyring, value).code == "rate_limit_exceeded"  # a session of the key it belongs to
    keyring.leave(visitor)
    assert keyring.admit(value).key == "desk"  # as often as one likes
    clock.now = 1060
    assert refused(keyring, value).code == "invalid_api_key"
    with pytest.raises(APIError):
        keyring.owner(value)
    assert value not in repr(vars(secrets))


def test_there_are_only_so_many_secrets_at_once() -> None:
    clock = Clock()
    secrets = Secrets(2, clock)
    for _ in range(2):
        secrets.mint("a", RealtimeSession(), 10)
    with pytest.raises(APIError) as caught:
        secrets.mint("a", RealtimeSession(), 10)
    assert (caught.value.code, caught.value.status) == ("rate_limit_exceeded", 429)
    clock.now += 10
    secrets.mint("a", RealtimeSession(), 10)


@pytest.mark.parametrize(
    ("host", "opened", "keys", "starts"),
    [
        ("127.0.0.1", False, False, True),
        ("localhost", False, False, True),
        ("0.0.0.0", False, False, False),
        ("::", False, False, False),
        ("", False, False, False),
        ("0.0.0.0", True, False, True),
        ("0.0.0.0", False, True, True),
    ],
)
def test_a_server_that_would_let_anyone_in_does_not_start_by_accident(
    host: str, opened: bool, keys: bool, starts: bool
) -> None:
    known = {"phone": settings(PHONE)} if keys else {}
    if starts:
        check_exposure(ServerSettings(host=host, open=opened), known)
    else:
        with pytest.raises(RtengineError, match="without a key"):
            check_exposure(ServerSettings(host=host, open=opened), known)


# --- over sockets ---------------------------------------------------------------------------------------------------


async def closed(server: Running, **settings: Any) -> tuple[dict[str, Any], int, str]:
    async with server.connect(**settings) as client:
        error = await event(client)
        assert error["type"] == "error"
        with pytest.raises(ConnectionClosed) as caught:
            await client.recv()
        assert caught.value.rcvd is not None
        return error["error"], caught.value.rcvd.code, caught.value.rcvd.reason


@pytest.mark.end_to_end
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer sk-wrong-0123456789"}])
async def test_a_wrong_key_is_an_error_event_and_close_code_3000(headers: dict[str, str]) -> None:
    async with running(keyring=made()) as server:
        error, code, reason = await closed(server, additional_headers=headers)
        assert (error["code"], error["type"]) == ("invalid_api_key", "invalid_request_error")
        assert (code, reason) == (3000, "invalid_request_error.invalid_api_key")
        assert server.sessions == []


@pytest.mark.end_to_end
@pytest.mark.parametrize(
    "how",
    [
        {"additional_headers": {"Authorization": f"Bearer {PHONE}"}},
        {"additional_headers": {"api-key": PHONE}},
        {"subprotocols": ["realtime", f"openai-insecure-api-key.{PHONE}"]},
    ],
)
async def test_a_key_may_come_in_three_places(how: dict[str, Any]) -> None:
    async with running(keyring=made()) as server, server.connect(**how) as client:
        await event(client)
        assert server.sessions[0].request.visitor.key == "phone"


@pytest.mark.end_to_end
async def test_a_session_that_is_over_makes_room_for_another() -> None:
    async with running(keyring=made()) as server:
        mine = {"additional_headers": {"Authorization": f"Bearer {DESK}"}}
        async with server.connect(**mine) as client:
            await event(client)
            error, code, reason = await closed(server, **mine)
            assert (error["code"], code, reason) == (
                "rate_limit_exceeded",
                1013,
                "rate_limit_error.rate_limit_exceeded",
            )
        await until(lambda: not server.site.shells)
        async with server.connect(**mine) as client:
            assert (await event(client))["type"] == "session.created"


@pytest.mark.end_to_end
async def test_a_session_that_cannot_be_made_takes_no_room() -> None:
    def broken(request: Any) -> Any:
        raise APIError("No.", code="invalid_model", close_code=4000)

    async with running(factory=broken, keyring=made()) as server:
        for _ in range(3):
            error, code, _ = await closed(server, additional_headers={"Authorization": f"Bearer {DESK}"})
            assert (error["code"], code) == ("invalid_model", 4000)


@pytest.mark.end_to_end
async def test_http_below_v1_wants_a_key_and_health_does_not() -> None:
    async with running(keyring=made()) as server:
        for path in ("/v1/models", "/v1/models/m", "/v1/nothing"):
            status, _, body = await server.get(path)
            assert (status, json.loads(body)["error"]["code"]) == (401, "invalid_api_key")
        assert (await server.get("/v1/models", f"Authorization: Bearer {PHONE}\r\n"))[0] == 200
        assert (await server.get("/healthz"))[0] == (await server.get("/readyz"))[0] == 200
