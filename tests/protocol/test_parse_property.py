"""Whatever a client sends, it gets an event or an error of the API."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.realtime import RealtimeErrorEvent
from tests.protocol.payloads import CLIENT, SERVER
from tests.protocol.test_beta import CLIENT as BETA_CLIENT
from tests.strict import check_beta

from rtengine.protocol.beta.dialect import Beta
from rtengine.protocol.client import CLIENT_EVENTS, SessionUpdate, parse_client_event
from rtengine.protocol.codec import encode
from rtengine.protocol.errors import APIError
from rtengine.protocol.sampling import sampled_session
from rtengine.protocol.session import RealtimeSession, TranscriptionSession, apply_update

pytestmark = pytest.mark.property

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["", "auto", "inf", "message", "user", "$message", "function", "server_vad", "audio/pcm", "root"]),
    st.just(10**400),
)
keys = st.one_of(
    st.text(max_size=10),
    st.sampled_from(["type", "item", "content", "session", "audio", "input", "$user", "event_id", "role", "response"]),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=3)),
    max_leaves=8,
)
SESSIONS = [payload["session"] for payload in SERVER.values() if "session" in payload]


@st.composite
def mutated(draw: st.DrawFn, originals: list[dict[str, Any]]) -> Any:
    """An original with up to three of its values replaced, removed or added."""
    value = json.loads(json.dumps(draw(st.sampled_from(originals))))
    for _ in range(draw(st.integers(0, 3))):
        node = value
        while True:
            inner = [key for key in node if isinstance(node[key], dict) and node[key]]
            if not inner or draw(st.booleans()):
                break
            node = node[draw(st.sampled_from(sorted(inner)))]
        key = draw(st.one_of(st.sampled_from(sorted(node)), keys)) if node else draw(keys)
        if draw(st.booleans()):
            node[key] = draw(values)
        else:
            node.pop(key, None)
    return value


def told(error: APIError) -> None:
    """The error makes an event that a strict client reads."""
    event = json.loads(encode({"type": "error", "event_id": "event_1", "error": error.body().wire()}))
    RealtimeErrorEvent.model_validate(event, strict=True)
    assert set(event["error"]) == {"type", "code", "message", "param", "event_id"}
    assert error.message


@settings(max_examples=400, deadline=None)
@given(mutated(list(CLIENT.values())))
def test_a_mutated_event_is_read_or_refused(event: Any) -> None:
    frame = json.dumps(event)
    try:
        read = parse_client_event(frame)
    except APIError as error:
        told(error)
        given_id = event.get("event_id")
        assert error.event_id in (given_id, None)
        if isinstance(given_id, str) and len(given_id) <= 512 and error.code != "invalid_json":
            assert error.event_id == given_id
    else:
        assert type(read) is CLIENT_EVENTS[event["type"]]
        encode(read.wire())


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(CLIENT)), st.integers(0, 10_000), st.binary(max_size=3))
def test_mutated_bytes_are_read_or_refused(name: str, at: int, junk: bytes) -> None:
    frame = bytearray(json.dumps(CLIENT[name]).encode())
    at %= len(frame)
    frame[at : at + len(junk)] = junk
    try:
        parse_client_event(bytes(frame))
    except APIError as error:
        told(error)


@settings(max_examples=200, deadline=None)
@given(values)
def test_any_json_is_read_or_refused(value: Any) -> None:
    with pytest.raises(APIError) as caught:
        parse_client_event(json.dumps(value))
    told(caught.value)


@settings(max_examples=400, deadline=None)
@given(mutated(SESSIONS), st.sampled_from([RealtimeSession(), TranscriptionSession()]))
def test_a_mutated_patch_gives_a_whole_session_or_an_error(
    patch: Any, start: RealtimeSession | TranscriptionSession
) -> None:
    patch = {key: value for key, value in patch.items() if key not in ("id", "model", "expires_at", "object")}
    before = start.wire()
    try:
        event = parse_client_event(json.dumps({"type": "session.update", "session": patch}))
    except APIError:
        return  # NaN
    assert isinstance(event, SessionUpdate)
    try:
        after = apply_update(start, event.session)
    except APIError as error:
        told(error)
        assert error.param is not None and error.param.startswith("session")
    else:
        assert after.type == start.type
        assert set(after.wire()) >= set(before)
        assert type(start).model_validate(after.wire()) == after
    assert start.wire() == before


@settings(max_examples=300, deadline=None)
@given(mutated(BETA_CLIENT))
def test_a_mutated_event_of_the_beta_is_read_or_refused(event: Any) -> None:
    dialect = Beta("conv_1")
    try:
        read = dialect.parse(json.dumps(event))
    except APIError as error:
        told(error)
        assert error.event_id in (event.get("event_id"), None)
        refusal = {"type": "error", "event_id": "event_1", "error": error.body().wire()}
        assert dialect.told(refusal) == (refusal,)
        return
    if isinstance(read, SessionUpdate):
        for session in (
            sampled_session(RealtimeSession(id="sess_1", model="m"), None),
            TranscriptionSession(id="sess_1"),
        ):
            try:
                updated = apply_update(session, read.session)
            except APIError as error:
                told(error)
            else:
                [echo] = dialect.told({"type": "session.updated", "event_id": "event_1", "session": updated.wire()})
                # The package's types of the beta know only the models and choices that it documents.
                narrow = {"tool_choice": "auto", "model": "gpt-4o-realtime-preview", "input_audio_transcription": None}
                check_beta(
                    echo | {"session": echo["session"] | {k: v for k, v in narrow.items() if k in echo["session"]}}
                )
