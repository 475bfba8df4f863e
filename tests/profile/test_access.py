"""Keys, their limits, and prices in a profile."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtengine.profile.load import check_profile, load_profile
from rtengine.source.finding import FileError, Finding
from rtengine.source.report import full

pytestmark = pytest.mark.unit

HEAD = "profile: mine\nversion: 1\nextends: scripted\n"
KEYS = """keys:
  phone: {key: "${PHONE_KEY}", limits: {requests_per_minute: 30, sessions: 2}}
  desk: {key: "${DESK_KEY}"}
"""
ENVIRON = {"PHONE_KEY": "sk-phone-0123456789", "DESK_KEY": "sk-desk-0123456789"}


def check(path: Path, text: str, environ: dict[str, str]) -> list[Finding]:
    path.write_text(HEAD + text, encoding="utf-8")
    return check_profile(path, environ)


def the(findings: list[Finding]) -> Finding:
    assert len(findings) == 1, full(findings)
    return findings[0]


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    return tmp_path / "mine.yaml"


def test_keys_come_from_the_environment_and_are_never_shown(mine: Path) -> None:
    assert check(mine, KEYS, ENVIRON) == []
    profile = load_profile(mine, ENVIRON)
    assert profile.keys["phone"].key.get_secret_value() == ENVIRON["PHONE_KEY"]
    assert profile.keys["phone"].limits.sessions == 2
    assert "0123456789" not in repr(profile)


def test_a_profile_that_extends_one_with_keys_has_them_too(mine: Path, tmp_path: Path) -> None:
    mine.write_text(HEAD + KEYS, encoding="utf-8")
    leaf = tmp_path / "leaf.yaml"
    leaf.write_text("profile: leaf\nversion: 1\nextends: mine.yaml\nkeys: {desk: {limits: {sessions: 9}}}\n")
    profile = load_profile(leaf, ENVIRON)
    assert set(profile.keys) == {"phone", "desk"}
    assert profile.keys["desk"].limits.sessions == 9


def test_a_key_that_is_not_set_keeps_the_server_from_starting(mine: Path) -> None:
    findings = check(mine, KEYS, {"DESK_KEY": ENVIRON["DESK_KEY"]})
    assert [(found.code, found.severity) for found in findings] == [("PF201", "warning")]
    with pytest.raises(FileError):
        load_profile(mine, {"DESK_KEY": ENVIRON["DESK_KEY"]})


def test_a_key_in_the_file_is_found(mine: Path) -> None:
    found = the(check(mine, "keys: {phone: {key: sk-phone-0123456789}}\n", {}))
    assert (found.code, found.severity) == ("PF204", "warning")
    assert "PHONE_KEY" in found.hint


@pytest.mark.parametrize("key", ["short", "with space 0123456789", "schlüssel-0123456789", "ek_0123456789abcdef"])
def test_a_key_that_no_client_could_send_is_refused_unseen(mine: Path, key: str) -> None:
    found = the(check(mine, KEYS, ENVIRON | {"DESK_KEY": key}))
    assert found.code == "PF010"
    assert key not in full([found])
    assert "visible ASCII" in found.message


def test_two_keys_that_are_the_same_are_found(mine: Path) -> None:
    found = the(check(mine, KEYS, ENVIRON | {"DESK_KEY": ENVIRON["PHONE_KEY"]}))
    assert (found.code, found.line) == ("PF205", 6)
    assert "'phone' and 'desk'" in found.message


@pytest.mark.parametrize("url", ["memcached://user:secret@cache", "secret"])
def test_counters_that_cannot_be_used_are_refused_unseen(mine: Path, url: str) -> None:
    found = the(check(mine, "server: {counters: '${COUNTERS}'}\n", {"COUNTERS": url}))
    assert found.code == "PF010"
    assert "secret" not in full([found])


def test_counters_are_not_shown(mine: Path) -> None:
    mine.write_text(HEAD + "server: {counters: '${COUNTERS}'}\n", encoding="utf-8")
    assert "hunter2" not in repr(load_profile(mine, {"COUNTERS": "redis://:hunter2@cache"}))


@pytest.mark.parametrize(
    "text", ["prices: {input_text: -1}\n", "prices: {currency: euro}\n", "limits: {per_key: {sessions: 0}}\n"]
)
def test_values_that_make_no_sense_are_found(mine: Path, text: str) -> None:
    assert the(check(mine, text, {})).code == "PF010"
