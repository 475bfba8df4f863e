from __future__ import annotations

import pytest

from rtengine.profile.environment import substitute

pytestmark = pytest.mark.unit


def test_a_reference_takes_the_variable() -> None:
    found = substitute({"models": {"chat": {"api_key": "${KEY}"}}}, {"KEY": "s3cret"})
    assert found.document == {"models": {"chat": {"api_key": "s3cret"}}}
    assert found.filled == {("models", "chat", "api_key")}
    assert not found.missing


def test_a_default_stands_in_for_a_variable_that_is_not_set_or_empty() -> None:
    document = {"server": {"host": "${HOST:-127.0.0.1}", "origins": ["${ORIGIN:-}"]}}
    for environ in ({}, {"HOST": ""}):
        found = substitute(document, environ)
        assert found.document == {"server": {"host": "127.0.0.1", "origins": [""]}}
        assert not found.missing


def test_a_reference_may_stand_inside_a_text() -> None:
    found = substitute({"models": {"chat": {"base_url": "http://${HOST}:${PORT:-80}/v1"}}}, {"HOST": "example"})
    assert found.document["models"]["chat"]["base_url"] == "http://example:80/v1"


def test_a_variable_without_value_and_default_is_missing() -> None:
    found = substitute({"limits": {"sessions": "${SESSIONS}"}}, {})
    assert found.missing == {("limits", "sessions"): "SESSIONS"}


def test_two_dollars_are_one() -> None:
    found = substitute({"models": {"chat": {"match": "cost $$5 or $5$"}}}, {})
    assert found.document["models"]["chat"]["match"] == "cost $5 or $5$"


@pytest.mark.parametrize("text", ["${", "${}", "${1A}", "${A-B}", "a ${A B}"])
def test_what_is_no_reference_is_told_and_left(text: str) -> None:
    found = substitute({"models": {"chat": {"model": text}}}, {"A": "x"})
    assert found.malformed == {("models", "chat", "model")}
    assert found.document["models"]["chat"]["model"] == text


def test_references_elsewhere_stay_and_are_told() -> None:
    document = {"session": {"instructions": "Say ${NAME}"}, "doc": "plain"}
    found = substitute(document, {"NAME": "x"})
    assert found.document == document
    assert found.stray == {("session", "instructions")}


def test_the_given_document_is_not_changed() -> None:
    document = {"models": {"chat": {"stop": ["${A}"]}}}
    substitute(document, {"A": "x"})
    assert document == {"models": {"chat": {"stop": ["${A}"]}}}
